//! The doorbell: "look at job X", and nothing more.
//!
//! It may ring twice, late or never; the catalog is the truth, and workers look there by themselves now and then.

use async_trait::async_trait;
use thiserror::Error;

use crate::JobId;

/// What wakes workers.
#[async_trait]
pub trait Doorbell: Send + Sync {
    /// Says that a job may be due.
    async fn ring(&self, job: JobId) -> Result<(), DoorbellError>;

    /// Waits for the next ring that no other listener has got. Dropping the wait loses no ring.
    async fn listen(&self) -> Result<Box<dyn Delivery>, DoorbellError>;

    /// Shows that it can be used.
    async fn check(&self) -> Result<(), DoorbellError>;
}

/// A ring in hand. Dropped without `settle`, it may come again.
#[async_trait]
pub trait Delivery: Send + Sync {
    /// The job to look at.
    fn job(&self) -> JobId;

    /// Whether the broker says that somebody had it before and did not settle it: that somebody is dead.
    fn is_redelivered(&self) -> bool;

    /// Ends it: the job is over, rescheduled, or in other hands.
    async fn settle(self: Box<Self>) -> Result<(), DoorbellError>;
}

/// What a caller of a doorbell may see.
#[derive(Debug, Error)]
pub enum DoorbellError {
    /// It cannot be reached or used now.
    #[error("the doorbell cannot be used: {0}")]
    Unavailable(String),
}

impl DoorbellError {
    /// Whether the same call may do better later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
        }
    }
}
