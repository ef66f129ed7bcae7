//! One download's leave to use the proxy, and what became of its connections.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use super::Shared;

/// Connections of one download at a time.
const MAX_CONNECTIONS: usize = 32;
/// What every client calls itself; the password tells them apart.
const USER: &str = "reelmill";

/// A download's session; its connections are closed when this is dropped.
pub(in super::super) struct Session {
    address: SocketAddr,
    password: String,
    shared: Arc<Shared>,
    notes: Arc<Notes>,
}

/// What the proxy knows of a session.
pub(super) struct Notes {
    pub(super) places: Arc<Semaphore>,
    pub(super) over: CancellationToken,
    seen: Mutex<Seen>,
}

#[derive(Default)]
struct Seen {
    refused: Option<String>,
    retry_after: Option<Duration>,
}

impl Session {
    pub(super) fn begin(address: SocketAddr, shared: Arc<Shared>) -> io::Result<Self> {
        let mut random = [0; 24];
        getrandom::fill(&mut random).map_err(io::Error::other)?;
        let password = URL_SAFE_NO_PAD.encode(random);
        let notes = Arc::new(Notes {
            places: Arc::new(Semaphore::new(MAX_CONNECTIONS)),
            over: CancellationToken::new(),
            seen: Mutex::default(),
        });
        shared.sessions().insert(authorization(&password), Arc::clone(&notes));
        Ok(Self { address, password, shared, notes })
    }

    /// The proxy's address with this session's credentials. It is a secret.
    pub(in super::super) fn url(&self) -> String {
        format!("http://{USER}:{}@{}", self.password, self.address)
    }

    /// The proxy's port on 127.0.0.1.
    pub(in super::super) fn port(&self) -> u16 {
        self.address.port()
    }

    /// A text without this session's password.
    pub(in super::super) fn redacted(&self, text: &str) -> String {
        text.replace(&self.password, "…")
    }

    /// What the guard refused first, in a sentence.
    pub(in super::super) fn refused(&self) -> Option<String> {
        self.notes.seen().refused.clone()
    }

    /// How long a server asked to be left alone.
    pub(in super::super) fn retry_after(&self) -> Option<Duration> {
        self.notes.seen().retry_after
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.shared.sessions().remove(&authorization(&self.password));
        self.notes.over.cancel();
    }
}

impl Notes {
    /// Notes a refusal; the first one is the one that is told.
    pub(super) fn refuse(&self, sentence: &str) {
        self.seen().refused.get_or_insert_with(|| sentence.to_owned());
    }

    /// Notes a server's wish to be left alone.
    pub(super) fn retry_after(&self, wait: Duration) {
        self.seen().retry_after = Some(wait);
    }

    fn seen(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The header that a client of that password sends, RFC 7617.
fn authorization(password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{USER}:{password}")))
}
