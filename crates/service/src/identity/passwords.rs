//! Passwords: argon2id, few at a time.
//!
//! A check takes a core and 19 MiB for some tens of milliseconds, so a burst of sign-ins could take the machine.
//! At most one check a slot runs at once, a bounded number waits, and the rest is told to come back.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Argon2, PasswordHasher, PasswordVerifier};
use reelmill_core::Kind;
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Semaphore;

use crate::Error;

/// How many checks may wait, for each that runs.
const WAITING_PER_SLOT: usize = 16;

/// The longest password in bytes: enough for any sentence, and no lever for a flood.
const MAX_BYTES: usize = 1024;

/// The least characters of a new password (NIST SP 800-63B, section 5.1.1.2).
const MIN_CHARS: usize = 8;

/// Verified where there is no account, so that an unknown name takes as long as a wrong password.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c29tZSBzYWx0IGhlcmU$wOb6QMBdKQTc3OEbXLdfvPIvPsXVzUHzHgDh5pBWrtg";

pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
}

impl Passwords {
    pub(crate) fn new(slots: usize) -> Self {
        let slots = slots.max(1);
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            waiting: Arc::default(),
            most_waiting: slots * WAITING_PER_SLOT,
        }
    }

    /// Whether `password` is the one of `hash`. Without a hash it takes as long, and is not.
    pub(crate) async fn verify(&self, password: SecretString, hash: Option<String>) -> Result<bool, Error> {
        self.run(move || {
            let known = hash.is_some();
            let hash = hash.as_deref().unwrap_or(NOBODY);
            let secret = password.expose_secret();
            if secret.len() > MAX_BYTES {
                return Ok(false);
            }
            let parsed = PasswordHash::new(hash).map_err(Error::internal)?;
            Ok(Argon2::default().verify_password(secret.as_bytes(), &parsed).is_ok() && known)
        })
        .await
    }

    /// The hash of a new password, with a fresh salt.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<String, Error> {
        let chars = password.expose_secret().chars().count();
        if chars < MIN_CHARS || password.expose_secret().len() > MAX_BYTES {
            return Err(Error::invalid(format!("a password has {MIN_CHARS} to {MAX_BYTES} characters")));
        }
        self.run(move || {
            let hash = Argon2::default().hash_password(password.expose_secret().as_bytes());
            hash.map(|hash| hash.to_string()).map_err(Error::internal)
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Waiting::take(&self.waiting, self.most_waiting)?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(Error::internal)?;
        drop(place);
        // The slot goes with the work: a caller who leaves does not make room before the core is free.
        tokio::task::spawn_blocking(move || {
            let _slot = slot;
            work()
        })
        .await
        .map_err(Error::internal)?
    }
}

/// A place in the queue.
struct Waiting(Arc<AtomicUsize>);

impl Waiting {
    fn take(count: &Arc<AtomicUsize>, most: usize) -> Result<Self, Error> {
        let place = Self(Arc::clone(count));
        if count.fetch_add(1, Ordering::Relaxed) >= most {
            return Err(Error::new(
                Kind::Busy,
                "busy",
                "too many people sign in at once; try again in a few seconds",
            ));
        }
        Ok(place)
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn secret(text: &str) -> SecretString {
        SecretString::from(text)
    }

    #[tokio::test]
    async fn the_right_password_is_taken_and_a_wrong_one_is_not() {
        let passwords = Passwords::new(1);
        let hash = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(hash.starts_with("$argon2id$"));
        assert!(passwords.verify(secret("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(secret("wrong horse"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn nobodys_password_is_never_right_and_its_hash_can_be_read() {
        assert!(PasswordHash::new(NOBODY).is_ok());
        assert!(!Passwords::new(1).verify(secret("anything at all"), None).await.unwrap());
    }

    #[tokio::test]
    async fn a_short_or_endless_new_password_is_refused() {
        let passwords = Passwords::new(1);
        for bad in ["seven77".to_owned(), "x".repeat(1025)] {
            assert_eq!(passwords.hash(secret(&bad)).await.unwrap_err().kind, Kind::Invalid);
        }
    }

    #[tokio::test]
    async fn past_the_queue_callers_are_told_to_come_back() {
        let passwords = Arc::new(Passwords::new(1));
        let held = Arc::clone(&passwords.slots).acquire_owned().await.unwrap();
        let mut waiting = Vec::new();
        for _ in 0..WAITING_PER_SLOT {
            let passwords = Arc::clone(&passwords);
            waiting.push(tokio::spawn(async move { passwords.verify(secret("x"), None).await }));
        }
        while passwords.waiting.load(Ordering::Relaxed) < WAITING_PER_SLOT {
            tokio::task::yield_now().await;
        }
        assert_eq!(passwords.verify(secret("x"), None).await.unwrap_err().kind, Kind::Busy);
        drop(held);
        for one in waiting {
            assert!(!one.await.unwrap().unwrap());
        }
    }
}
