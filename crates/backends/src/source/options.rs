//! What a source is opened with.

use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;

/// What a source is opened with: plain data, made from the configuration.
#[derive(Debug, Clone)]
pub struct SourceOptions {
    /// The key of the YouTube Data API; without one, titles are searched through yt-dlp.
    pub youtube_api_key: Option<SecretString>,
    /// Where that API is. This is the operator's word and is not guarded.
    pub youtube_api_base: String,
    /// The program yt-dlp. Where none is named: the newer of the data folder's own copy and the one on the path,
    /// else the module of `python3`.
    pub ytdlp: Option<PathBuf>,
    /// Where `sources update` puts its own copy of yt-dlp, below `yt-dlp/`.
    pub data_dir: PathBuf,
    /// Cookies in Netscape's format, for yt-dlp. It gets a copy each time and never changes this file.
    pub cookies_file: Option<PathBuf>,
    /// A proxy through which all downloads go, `http://[user:password@]host:port`. It is asked by CONNECT for the very
    /// address that was checked. This is the operator's word and is not guarded.
    pub proxy: Option<SecretString>,
    /// What may be reached although it is not public: `host`, `host:port`, an address or a network such as
    /// `10.1.0.0/16`. Link-local addresses never pass, whatever is listed.
    pub allow_hosts: Vec<String>,
    /// The longest media that is taken, as far as its length is known before the download.
    pub max_duration: Duration,
    /// The most bytes that are taken.
    pub max_bytes: u64,
    /// How long YouTube's API may take to answer.
    pub api_timeout: Duration,
    /// How long a connection may take to be made.
    pub connect_timeout: Duration,
    /// How long a connection may be silent.
    pub idle_timeout: Duration,
    /// How long one whole download may take.
    pub fetch_timeout: Duration,
}

impl SourceOptions {
    /// Where YouTube's API is.
    pub const YOUTUBE_API_BASE: &str = "https://www.googleapis.com/youtube/v3";

    /// The defaults, with a data folder.
    #[must_use]
    pub fn new(data_dir: PathBuf) -> Self {
        Self {
            youtube_api_key: None,
            youtube_api_base: Self::YOUTUBE_API_BASE.to_owned(),
            ytdlp: None,
            data_dir,
            cookies_file: None,
            proxy: None,
            allow_hosts: Vec::new(),
            max_duration: Duration::from_hours(3),
            max_bytes: 4 * 1024 * 1024 * 1024,
            api_timeout: Duration::from_secs(10),
            connect_timeout: Duration::from_secs(10),
            idle_timeout: Duration::from_secs(30),
            fetch_timeout: Duration::from_hours(1),
        }
    }
}
