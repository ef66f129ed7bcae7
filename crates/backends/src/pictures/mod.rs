//! Pictures: what understands them.

#[cfg(feature = "pictures-inprocess")]
mod inprocess;

use std::sync::Arc;

use reelmill_core::ports::Pictures;

use crate::opening::{self, Backend, OpenError, Opened};

#[cfg(feature = "pictures-inprocess")]
pub use inprocess::InProcessPictures;

/// What understands pictures where nothing else is named.
pub const DEFAULT_URL: &str = "inprocess:";

/// What understands pictures.
pub const BACKENDS: &[Backend<Opening>] = &[Backend {
    scheme: "inprocess",
    feature: "pictures-inprocess",
    title: "JPEG, PNG, GIF and WebP in this process, by memory-safe code",
    #[cfg(feature = "pictures-inprocess")]
    opening: Some(inprocess::OPENING),
    #[cfg(not(feature = "pictures-inprocess"))]
    opening: None,
}];

/// How it is opened: from what follows the URL's colon.
pub type Opening = for<'a> fn(&'a str) -> Opened<'a, Arc<dyn Pictures>>;

/// Opens what understands pictures, by its URL.
///
/// # Errors
/// Where no such backend is in this build.
pub async fn open(url: &str) -> Result<Arc<dyn Pictures>, OpenError> {
    let (open, rest) = opening::pick("pictures", BACKENDS, url)?;
    open(rest).await
}
