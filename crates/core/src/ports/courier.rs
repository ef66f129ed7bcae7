//! The courier: carries what this server says to addresses that its users named.

use async_trait::async_trait;
use thiserror::Error;

/// Sends requests to where a user wants them, which may be anywhere.
#[async_trait]
pub trait Courier: Send + Sync {
    /// Looks at an address without asking anybody: its form, and a host that is written as a number.
    ///
    /// # Errors
    /// `Refused` with what is wrong with it.
    fn check(&self, url: &str) -> Result<(), CourierError>;

    /// POSTs JSON to an address and answers with what came back. It goes to public addresses alone, and to those that the
    /// operator allows; that is decided on the very address that is connected to. Redirects are not followed, and it
    /// ends within seconds whatever the receiver does.
    ///
    /// # Errors
    /// Where there was no answer.
    async fn post(&self, url: &str, headers: &[(&str, String)], body: &str) -> Result<Answer, CourierError>;
}

/// What a receiver answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// How long it wants to be left alone, where it says so.
    pub retry_after_ms: Option<u64>,
}

/// What a caller of a courier may see. The sentences are for whoever named the address.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CourierError {
    /// Nothing is sent there.
    #[error("{0}")]
    Refused(String),
    /// Nobody answered.
    #[error("{0}")]
    Unreachable(String),
}

impl CourierError {
    /// Whether the same call may do better later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unreachable(_) => true,
            Self::Refused(_) => false,
        }
    }
}
