//! The notifier: one way to tell people things.

use async_trait::async_trait;
use thiserror::Error;

use crate::Notification;

/// Tells people things.
#[async_trait]
pub trait Notifier: Send + Sync {
    /// Whether what it tells reaches people where they did not ask: then they are told what a contract promises them, and
    /// anything else only where their account says so.
    fn needs_consent(&self) -> bool;

    /// Delivers a notification. Called again with the same id where the answer got lost.
    async fn notify(&self, notification: &Notification) -> Result<(), NotifierError>;

    /// Shows that it can be used.
    async fn check(&self) -> Result<(), NotifierError>;
}

/// What a caller of a notifier may see.
#[derive(Debug, Error)]
pub enum NotifierError {
    /// It cannot be reached or used now.
    #[error("the notifier cannot be used: {0}")]
    Unavailable(String),
    /// The receiver will never take it.
    #[error("the notification was refused: {0}")]
    Refused(String),
}

impl NotifierError {
    /// Whether the same call may do better later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Refused(_) => false,
        }
    }
}
