//! Passwords: argon2id, few at a time.
//!
//! A check takes a core and 19 MiB for some tens of milliseconds, so a burst of sign-ins could take the machine.
//! At most one check a slot runs at once, a bounded number waits, and the rest is told to come back. The memory is
//! kept from check to check: given back and taken anew on ever other threads, it grows to many times what is used.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use argon2::password_hash::phc::{Output, ParamsString, PasswordHash as Phc, Salt};
use argon2::{Algorithm, Argon2, Block, Params, Version};
use reelmill_core::{Kind, PasswordHash};
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

/// The memory of one check.
type Desk = Vec<Block>;

pub(crate) struct Passwords {
    slots: Arc<Semaphore>,
    /// Desks that nobody works at; with those in use, as many as slots at the most.
    desks: Arc<Mutex<Vec<Desk>>>,
    waiting: Arc<AtomicUsize>,
    most_waiting: usize,
}

impl Passwords {
    pub(crate) fn new(slots: usize) -> Self {
        let slots = slots.max(1);
        Self {
            slots: Arc::new(Semaphore::new(slots)),
            desks: Arc::default(),
            waiting: Arc::default(),
            most_waiting: slots * WAITING_PER_SLOT,
        }
    }

    /// Whether `password` is the one of `hash`. Without a hash it takes as long, and is not.
    pub(crate) async fn verify(
        &self,
        password: SecretString,
        hash: Option<PasswordHash>,
    ) -> Result<bool, Error> {
        self.run(move |desk| {
            let known = hash.is_some();
            let hash = hash.as_ref().map_or(NOBODY, PasswordHash::expose);
            let secret = password.expose_secret();
            if secret.len() > MAX_BYTES {
                return Ok(false);
            }
            let parsed = Phc::new(hash).map_err(Error::internal)?;
            Ok(is_password_of(&parsed, secret.as_bytes(), desk)? && known)
        })
        .await
    }

    /// The hash of a new password, with a fresh salt.
    pub(crate) async fn hash(&self, password: SecretString) -> Result<PasswordHash, Error> {
        let chars = password.expose_secret().chars().count();
        if chars < MIN_CHARS || password.expose_secret().len() > MAX_BYTES {
            return Err(Error::invalid(format!("a password has {MIN_CHARS} to {MAX_BYTES} characters")));
        }
        self.run(move |desk| {
            let mut salt = [0_u8; 16];
            getrandom::fill(&mut salt).map_err(Error::internal)?;
            let salt = Salt::new(&salt).map_err(Error::internal)?;
            let params = Params::default();
            let phc = Phc {
                algorithm: Algorithm::Argon2id.ident(),
                version: Some(Version::V0x13.into()),
                params: ParamsString::try_from(&params).map_err(Error::internal)?,
                salt: Some(salt),
                hash: Some(output(params, &salt, password.expose_secret().as_bytes(), desk)?),
            };
            Ok(phc.to_string().into())
        })
        .await
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Desk) -> Result<T, Error> + Send + 'static,
    ) -> Result<T, Error> {
        let place = Waiting::take(&self.waiting, self.most_waiting)?;
        let slot = Arc::clone(&self.slots).acquire_owned().await.map_err(Error::internal)?;
        drop(place);
        // The slot goes with the work: a caller who leaves does not make room before the core is free.
        let desks = Arc::clone(&self.desks);
        tokio::task::spawn_blocking(move || {
            let mut desk = desks.lock().unwrap_or_else(PoisonError::into_inner).pop().unwrap_or_default();
            let done = work(&mut desk);
            desks.lock().unwrap_or_else(PoisonError::into_inner).push(desk);
            drop(slot);
            done
        })
        .await
        .map_err(Error::internal)?
    }
}

/// Whether `password` gives the output that `phc` holds, by the parameters that it names.
fn is_password_of(phc: &Phc, password: &[u8], desk: &mut Desk) -> Result<bool, Error> {
    let (Some(salt), Some(expected)) = (&phc.salt, &phc.hash) else {
        return Err(Error::internal("a password hash without salt or output"));
    };
    if phc.algorithm != Algorithm::Argon2id.ident() || phc.version != Some(Version::V0x13.into()) {
        return Err(Error::internal(format!("a password hash by {}", phc.algorithm)));
    }
    let params = Params::try_from(phc).map_err(Error::internal)?;
    // Outputs are compared in constant time.
    Ok(output(params, salt, password, desk)? == *expected)
}

fn output(params: Params, salt: &[u8], password: &[u8], desk: &mut Desk) -> Result<Output, Error> {
    let length = params.output_len().unwrap_or(Params::DEFAULT_OUTPUT_LEN);
    desk.resize(params.block_count(), Block::default());
    let mut out = vec![0_u8; length];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    argon2.hash_password_into_with_memory(password, salt, &mut out, desk).map_err(Error::internal)?;
    Output::new(&out).map_err(Error::internal)
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
        assert!(hash.expose().starts_with("$argon2id$") && !format!("{hash:?}").contains("argon2"));
        assert!(passwords.verify(secret("correct horse"), Some(hash.clone())).await.unwrap());
        assert!(!passwords.verify(secret("wrong horse"), Some(hash)).await.unwrap());
    }

    #[tokio::test]
    async fn nobodys_password_is_never_right_and_its_hash_can_be_read() {
        assert!(Phc::new(NOBODY).is_ok());
        assert!(!Passwords::new(1).verify(secret("anything at all"), None).await.unwrap());
    }

    #[tokio::test]
    async fn hashes_are_those_of_any_other_argon2id() {
        use argon2::{PasswordHasher, PasswordVerifier};
        let passwords = Passwords::new(1);
        let ours = passwords.hash(secret("correct horse")).await.unwrap();
        assert!(Argon2::default().verify_password(b"correct horse", ours.expose()).is_ok());
        let theirs = Argon2::default().hash_password(b"correct horse").unwrap().to_string();
        assert!(passwords.verify(secret("correct horse"), Some(theirs.into())).await.unwrap());
    }

    #[tokio::test]
    async fn there_are_never_more_desks_than_slots() {
        let passwords = Passwords::new(2);
        let checks = (0..20).map(|_| passwords.verify(secret("x"), None));
        for check in futures_util::future::join_all(checks).await {
            assert!(!check.unwrap());
        }
        assert!(passwords.desks.lock().unwrap().len() <= 2);
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
