//! What a source has to work with here, for people.

use std::path::PathBuf;

use super::ytdlp::{self, FoundIn};
use crate::source::SourceOptions;

/// What there is. It holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inventory {
    /// The yt-dlp that is used, or why there is none.
    pub ytdlp: Result<FoundYtdlp, String>,
    /// The oldest version of it that will do.
    pub ytdlp_minimum: String,
    /// Whether deno is there, the JavaScript runtime without which YouTube shows yt-dlp little.
    pub has_deno: bool,
    /// Whether there is a key for YouTube's API.
    pub has_youtube_api_key: bool,
}

/// A yt-dlp that runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FoundYtdlp {
    /// Where it was found.
    pub found_in: FoundIn,
    /// The program, or the folder of the module, or the interpreter that has it.
    pub path: PathBuf,
    /// Its version.
    pub version: String,
}

/// Looks what there is.
pub async fn inventory(options: &SourceOptions) -> Inventory {
    let found = ytdlp::found(options).await;
    Inventory {
        ytdlp: found.map(|(found_in, path, version)| FoundYtdlp { found_in, path, version }),
        ytdlp_minimum: ytdlp::minimum_version(),
        has_deno: ytdlp::has_deno(),
        has_youtube_api_key: options.youtube_api_key.is_some(),
    }
}
