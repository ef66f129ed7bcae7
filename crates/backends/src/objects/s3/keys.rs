//! The keys that sign: given once, or those of a role, which are taken anew before they expire.
//!
//! A role's keys can also be taken back early. Then the store says so, and they are asked for again.

use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use tokio::sync::Mutex;

use crate::objects::remote::Fault;

/// Keys are taken anew this long before they expire; longer than anything that is signed with them is good for.
const MARGIN: Duration = Duration::from_mins(6);

/// Where keys come from, and those at hand.
#[derive(Debug)]
pub(super) struct Keys {
    provider: SharedCredentialsProvider,
    is_chain: bool,
    held: Mutex<Option<Credentials>>,
}

impl Keys {
    /// Keys from there; `is_chain` where others may come from it.
    pub(super) fn new(provider: SharedCredentialsProvider, is_chain: bool) -> Self {
        Self { provider, is_chain, held: Mutex::default() }
    }

    /// Keys that are good for some minutes.
    pub(super) async fn take(&self) -> Result<Credentials, Fault> {
        // Held while they are fetched: many requests ask for them once.
        let mut held = self.held.lock().await;
        let now = SystemTime::now();
        if let Some(keys) = held.as_ref().filter(|keys| lasts(keys, now + MARGIN)) {
            return Ok(keys.clone());
        }
        match self.provider.provide_credentials().await {
            Ok(keys) => Ok(held.insert(keys).clone()),
            Err(error) => match held.as_ref().filter(|keys| lasts(keys, now)) {
                Some(keys) => {
                    tracing::warn!(%error, "keys that expire soon could not be taken anew");
                    Ok(keys.clone())
                }
                None => Err(none_to_be_had(&error)),
            },
        }
    }

    /// Says that the store refused these, and tells whether there may be others.
    pub(super) async fn refused(&self, used: &Credentials) -> bool {
        let mut held = self.held.lock().await;
        if held.as_ref().is_some_and(|keys| {
            keys.access_key_id() == used.access_key_id() && keys.session_token() == used.session_token()
        }) {
            *held = None;
        }
        self.is_chain
    }
}

fn lasts(keys: &Credentials, until: SystemTime) -> bool {
    keys.expiry().is_none_or(|expiry| expiry > until)
}

fn none_to_be_had(error: &dyn std::error::Error) -> Fault {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Fault::passing(format!(
        "no keys for S3: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or give this machine a role ({error}{cause})"
    ))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};

    use aws_credential_types::provider::error::CredentialsError;
    use aws_credential_types::provider::future;

    use super::*;

    /// Gives other keys each time, good for that long; none from the third time on.
    #[derive(Debug)]
    struct Rotating(Arc<AtomicU32>, Duration);

    impl ProvideCredentials for Rotating {
        fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
        where
            Self: 'a,
        {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let expiry = SystemTime::now() + self.1;
            future::ProvideCredentials::ready(if count < 2 {
                Ok(Credentials::new(format!("key{count}"), "s", None, Some(expiry), "test"))
            } else {
                Err(CredentialsError::provider_error("gone"))
            })
        }
    }

    fn rotating(good_for: Duration) -> (Keys, Arc<AtomicU32>) {
        let asked = Arc::new(AtomicU32::new(0));
        (Keys::new(SharedCredentialsProvider::new(Rotating(Arc::clone(&asked), good_for)), true), asked)
    }

    async fn taken(keys: &Keys) -> Option<String> {
        keys.take().await.ok().map(|keys| keys.access_key_id().to_owned())
    }

    #[tokio::test]
    async fn keys_are_asked_for_once_while_they_last() {
        let (keys, asked) = rotating(Duration::from_hours(1));
        for _ in 0..3 {
            assert_eq!(taken(&keys).await.as_deref(), Some("key0"));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 1);
    }

    #[tokio::test]
    async fn keys_that_expire_soon_are_taken_anew_and_kept_where_there_are_no_others() {
        let (keys, _) = rotating(MARGIN / 2);
        let all = [taken(&keys).await, taken(&keys).await, taken(&keys).await];
        assert_eq!(all.map(Option::unwrap), ["key0", "key1", "key1"]);
    }

    #[tokio::test]
    async fn refused_keys_are_taken_anew_but_not_those_that_came_since() {
        let (keys, _) = rotating(Duration::from_hours(1));
        let old = keys.take().await.ok().unwrap();
        assert!(keys.refused(&old).await);
        assert_eq!(taken(&keys).await.as_deref(), Some("key1"));
        assert!(keys.refused(&old).await);
        assert_eq!(taken(&keys).await.as_deref(), Some("key1"));
    }

    #[tokio::test]
    async fn without_keys_it_says_where_to_put_them() {
        let (keys, asked) = rotating(Duration::ZERO);
        asked.store(9, Ordering::Relaxed);
        let Err(Fault::Passing { said, .. }) = keys.take().await else { panic!("there were keys") };
        assert!(said.contains("AWS_ACCESS_KEY_ID"), "{said}");
    }
}
