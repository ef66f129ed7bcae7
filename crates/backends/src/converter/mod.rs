//! Converters: what understands media.

#[cfg(feature = "converter-inprocess")]
mod inprocess;
#[cfg(feature = "converter-inprocess")]
mod target;

use std::path::PathBuf;
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
pub type Opening = for<'a> fn(&'a str, &'a ScratchSpace) -> Opened<'a, Arc<dyn Converter>>;

/// Where a converter may copy what it must seek in.
#[derive(Debug, Clone)]
pub struct ScratchSpace {
    /// A folder, which is made where it is not there.
    pub folder: PathBuf,
    /// The most bytes that all copies may have together.
    pub max_bytes: u64,
}

impl Default for ScratchSpace {
    fn default() -> Self {
        Self { folder: std::env::temp_dir(), max_bytes: 4 << 30 }
    }
}

/// Opens the converter of that URL.
///
/// # Errors
/// Where no such backend is in this build, or it cannot be used.
pub async fn open(url: &str, scratch: &ScratchSpace) -> Result<Arc<dyn Converter>, OpenError> {
    let (open, rest) = opening::pick("converter", BACKENDS, url)?;
    open(rest, scratch).await
}
