//! Doorbells: what wakes workers.

#[cfg(feature = "doorbell-embedded")]
mod embedded;

use std::sync::Arc;

use reelmill_core::ports::Doorbell;

use crate::opening::{self, Backend, OpenError, Opened};

#[cfg(feature = "doorbell-embedded")]
pub use embedded::EmbeddedDoorbell;

/// The doorbell of an installation that names none.
pub const DEFAULT_URL: &str = "embedded:";

/// The doorbells that there are.
pub const BACKENDS: &[Backend<Opening>] = &[Backend {
    scheme: "embedded",
    feature: "doorbell-embedded",
    title: "within the process",
    #[cfg(feature = "doorbell-embedded")]
    opening: Some(embedded::OPENING),
    #[cfg(not(feature = "doorbell-embedded"))]
    opening: None,
}];

/// How a doorbell is opened: from what follows the URL's colon.
pub type Opening = for<'a> fn(&'a str) -> Opened<'a, Arc<dyn Doorbell>>;

/// Opens the doorbell of that URL.
///
/// # Errors
/// Where no such backend is in this build, or it cannot be used.
pub async fn open(url: &str) -> Result<Arc<dyn Doorbell>, OpenError> {
    let (open, rest) = opening::pick("doorbell", BACKENDS, url)?;
    open(rest).await
}
