//! The source: where media comes from that nobody uploads.

use async_trait::async_trait;
use thiserror::Error;

use crate::ports::{Cancel, ObjectWriter, OnProgress};

/// Finds media by a title or an address, and fetches it.
#[async_trait]
pub trait Source: Send + Sync {
    /// The best match for a title or an address.
    ///
    /// # Errors
    /// `NotFound`, `Refused`, or `Unavailable`.
    async fn find(&self, wish: &str) -> Result<Found, SourceError>;

    /// Streams the media into `output` without finishing it.
    async fn fetch(
        &self,
        found: &Found,
        output: &mut dyn ObjectWriter,
        progress: OnProgress,
        cancel: Cancel,
    ) -> Result<(), SourceError>;
}

/// Media that was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The source's own id.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// Its title.
    pub title: String,
    /// How long it plays, where known.
    pub duration_ms: Option<u64>,
    /// A picture of it.
    pub thumbnail_url: Option<String>,
}

/// What a caller of a source may see.
#[derive(Debug, Error)]
pub enum SourceError {
    /// Nothing matches.
    #[error("nothing was found for `{0}`")]
    NotFound(String),
    /// It is there, but will not be had: private, removed, live, too long.
    #[error("{0}")]
    Refused(String),
    /// It cannot be reached now; after the time given it may.
    #[error("the source cannot be reached: {reason}")]
    Unavailable {
        /// Why.
        reason: String,
        /// When to try again at the earliest, where the source says so.
        retry_after_ms: Option<u64>,
    },
    /// Somebody wished it to stop.
    #[error("the download was cancelled")]
    Cancelled,
}

impl SourceError {
    /// Whether the same call may do better later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable { .. } => true,
            Self::NotFound(_) | Self::Refused(_) | Self::Cancelled => false,
        }
    }
}
