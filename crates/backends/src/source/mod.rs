//! Sources: where media comes from that nobody uploads.

mod options;
#[cfg(feature = "source-web")]
mod web;

use std::sync::Arc;

use reelmill_core::ports::Source;

use crate::opening::{self, Backend, OpenError, Opened};

pub use options::SourceOptions;
#[cfg(feature = "source-web")]
pub use web::{FoundIn, FoundYtdlp, Inventory, UpdateError, Updated, inventory, update};

/// The source of an installation that names none.
pub const DEFAULT_URL: &str = "web:";

/// The sources that there are.
pub const BACKENDS: &[Backend<Opening>] = &[Backend {
    scheme: "web",
    feature: "source-web",
    title: "YouTube, web addresses, and every page that yt-dlp reads",
    #[cfg(feature = "source-web")]
    opening: Some(web::OPENING),
    #[cfg(not(feature = "source-web"))]
    opening: None,
}];

/// How a source is opened. What it needs to know is more than a URL holds.
pub type Opening = fn(SourceOptions) -> Opened<'static, Arc<dyn Source>>;

/// Opens the source that those options describe, within a tokio runtime.
///
/// # Errors
/// Where this build has none, or an option cannot be used: the message names it. A yt-dlp that is missing or too old
/// is no error here; [`Source::check`] says it, and so does whatever needs it.
pub async fn open(options: SourceOptions) -> Result<Arc<dyn Source>, OpenError> {
    let (open, _) = opening::pick("source", BACKENDS, DEFAULT_URL)?;
    open(options).await
}
