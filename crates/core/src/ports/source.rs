//! The source: where media comes from that nobody uploads.
//!
//! A wish is a title or an address, from somebody who may mean harm: whatever address it leads to, at whatever
//! hop, is checked against the operator's own network before a byte is asked for.

use async_trait::async_trait;
use thiserror::Error;

use crate::ports::{Cancel, ObjectWriter, ObjectsError, OnProgress};
use crate::{Failure, Format, Found, Obstacle};

/// Finds media by a title or an address, and fetches it.
#[async_trait]
pub trait Source: Send + Sync {
    /// The best match for a title or an address. Nothing is downloaded, and where the address says enough, nothing is
    /// asked: what is not known yet is `None`.
    ///
    /// # Errors
    /// [`SourceError::Obstacle`]
    async fn find(&self, wish: &str) -> Result<Found, SourceError>;

    /// Streams the media into `output` without finishing it; memory is bounded. The limits of length and size are
    /// the source's own. Ends within 2 s of a cancel, with every process that it started.
    async fn fetch(&self, fetch: Fetch, output: &mut dyn ObjectWriter) -> Result<Fetched, SourceError>;

    /// Shows that it can be used; the error says what is missing and how to get it.
    async fn check(&self) -> Result<(), SourceError>;
}

/// A download to be done.
#[derive(Clone)]
pub struct Fetch {
    /// Of what.
    pub found: Found,
    /// What it will become: a source that offers several codecs gives the one that fits without re-encoding.
    pub wanted: Format,
    /// Told how much is done, 0 to 1, where the size is known; may be called from any thread, and must be quick.
    pub progress: OnProgress,
    /// Set by whoever wants it to end.
    pub cancel: Cancel,
}

/// A download that was done, and what is known better now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fetched {
    /// What was found, its gaps filled.
    pub found: Found,
    /// A file name for it, with the extension that the source gives it.
    pub name: String,
}

/// What a caller of a source may see. Messages may be read by users and hold no key, cookie or password.
#[derive(Debug, Error)]
pub enum SourceError {
    /// It will not be had, or not now.
    #[error("{message}")]
    Obstacle {
        /// What is in the way.
        obstacle: Obstacle,
        /// One sentence: what is wrong, and what to do where something can be done.
        message: String,
        /// When to try again at the earliest, where the source says so.
        retry_after_ms: Option<u64>,
    },
    /// Somebody wished it to stop.
    #[error("the download was cancelled")]
    Cancelled,
    /// The bytes could not be kept.
    #[error(transparent)]
    Store(#[from] ObjectsError),
    /// A fault of ours; only the log may have it.
    #[error("{0}")]
    Internal(String),
}

impl SourceError {
    /// Something is in the way.
    #[must_use]
    pub fn obstacle(obstacle: Obstacle, message: impl Into<String>) -> Self {
        Self::Obstacle { obstacle, message: message.into(), retry_after_ms: None }
    }

    /// Whether the same call may do better later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Obstacle { obstacle, .. } => obstacle.is_transient(),
            Self::Store(inner) => inner.is_transient(),
            // A program that did not start, most likely: the next time it may.
            Self::Internal(_) => true,
            Self::Cancelled => false,
        }
    }

    /// The error as a job's failure. What only the log may have is left out.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        use crate::FailureKind::Internal;
        match self {
            Self::Obstacle { obstacle, message, .. } => Failure::of_source(*obstacle, message.clone()),
            Self::Store(ObjectsError::Full(_)) => Failure::new(Internal, "the store is full"),
            Self::Store(_) => Failure::new(Internal, "the store could not be used"),
            Self::Cancelled => Failure::new(Internal, self.to_string()),
            Self::Internal(_) => {
                Failure::new(Internal, "the download failed here; the operator's log says more")
            }
        }
    }
}
