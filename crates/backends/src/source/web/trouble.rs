//! What goes wrong in a search or a download, in a form that several askers can be told.

use reelmill_core::Obstacle;
use reelmill_core::ports::SourceError;

/// The advice that goes with a missing yt-dlp.
pub(super) const HOW_TO_GET: &str =
    "the operator gets it with `reelmill sources update`, or from pip or the system's packages";

/// A [`SourceError`] that can be copied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Something is in the way.
    Told { obstacle: Obstacle, message: String, retry_after_ms: Option<u64> },
    /// A fault of ours.
    Internal(String),
}

impl Trouble {
    /// Something is in the way.
    pub(super) fn new(obstacle: Obstacle, message: impl Into<String>) -> Self {
        Self::Told { obstacle, message: message.into(), retry_after_ms: None }
    }

    /// Somebody asked too often.
    pub(super) fn rate_limited(who: &str, retry_after_ms: Option<u64>) -> Self {
        Self::Told {
            obstacle: Obstacle::RateLimited,
            message: format!("{who} was asked too often; it will answer again later"),
            retry_after_ms,
        }
    }

    /// It plays longer than is taken.
    pub(super) fn too_long(duration_ms: u64, limit: std::time::Duration) -> Self {
        let minutes = |ms: u64| ms.div_ceil(60_000);
        let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
        Self::new(
            Obstacle::TooLong,
            format!(
                "it plays for {} min, and at most {} min are taken here",
                minutes(duration_ms),
                minutes(limit_ms)
            ),
        )
    }

    /// It has more bytes than are taken.
    pub(super) fn too_large(limit_bytes: u64) -> Self {
        Self::new(Obstacle::TooLarge, format!("it has more than the {limit_bytes} bytes that are taken here"))
    }

    /// It is still on air, or not yet.
    pub(super) fn live() -> Self {
        Self::new(Obstacle::Live, "it is a live stream; what is still on air cannot be fetched")
    }
}

impl From<Trouble> for SourceError {
    fn from(trouble: Trouble) -> Self {
        match trouble {
            Trouble::Told { obstacle, message, retry_after_ms } => {
                Self::Obstacle { obstacle, message, retry_after_ms }
            }
            Trouble::Internal(message) => Self::Internal(message),
        }
    }
}
