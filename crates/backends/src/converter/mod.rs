//! Converters: what understands media.

#[cfg(feature = "converter-inprocess")]
mod inprocess;
#[cfg(feature = "converter-inprocess")]
mod target;

use std::sync::Arc;

use reelmill_core::ports::Converter;

use crate::opening::{self, Backend, OpenError, Opened};

#[cfg(feature = "converter-inprocess")]
pub use inprocess::InProcessConverter;
#[cfg(feature = "converter-inprocess")]
pub use target::target;

/// The converter of an installation that names none.
pub const DEFAULT_URL: &str = "inprocess:";

/// The converters that there are.
pub const BACKENDS: &[Backend<Opening>] = &[Backend {
    scheme: "inprocess",
    feature: "converter-inprocess",
    title: "on a thread of the process",
    #[cfg(feature = "converter-inprocess")]
    opening: Some(inprocess::OPENING),
    #[cfg(not(feature = "converter-inprocess"))]
    opening: None,
}];

/// How a converter is opened: from what follows the URL's colon.
pub type Opening = for<'a> fn(&'a str) -> Opened<'a, Arc<dyn Converter>>;

/// Opens the converter of that URL.
///
/// # Errors
/// Where no such backend is in this build, or it cannot be used.
pub async fn open(url: &str) -> Result<Arc<dyn Converter>, OpenError> {
    let (open, rest) = opening::pick("converter", BACKENDS, url)?;
    open(rest).await
}
