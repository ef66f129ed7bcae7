//! The table of settings: one row is a key in `reelmill.toml`, a variable, a flag, a default and a sentence.
//!
//! The macro turns the rows into [`SETTINGS`], from which files, environment and flags are read and documented,
//! and into the typed [`Config`]. A new setting is a new row and nothing else.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::error::ConfigError;
use super::load::Values;
use super::types::{
    AddressRange, AudioProfile, BackendUrl, Email, Folder, Gate, HostName, LogFilter, LogFormat, Name,
    Password, Roles, Secret, Signup, TokenSecret, WebAddress,
};
use super::value::{Bytes, Value};

/// One row.
#[derive(Debug)]
pub(crate) struct Setting {
    /// Its name, which is its key in the file.
    pub(crate) key: &'static str,
    /// Its environment variable.
    pub(crate) variable: &'static str,
    /// Its flag of `serve` without dashes, and what stands for its value in the help; secrets have none, since
    /// a command line can be read by everybody on the machine.
    pub(crate) flag: Option<(&'static str, &'static str)>,
    /// The help's section.
    pub(crate) section: &'static str,
    /// Its value where nothing is set.
    pub(crate) preset: Preset,
    /// Whether it may stand in the file.
    pub(crate) in_file: bool,
    /// What it does.
    pub(crate) help: &'static str,
    /// What its values look like.
    pub(crate) expected: &'static str,
    /// Turns a value into what anybody may see.
    pub(crate) shown: fn(&str) -> String,
}

/// A default.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Preset {
    /// This text.
    Text(&'static str),
    /// In the data folder, as the help says and as the function says.
    InDataDir(&'static str, fn(&Path) -> String),
    /// What this machine has, as the help says and as the function says.
    OfMachine(&'static str, fn() -> String),
    /// None; what happens instead.
    Nothing(&'static str),
}

impl Setting {
    /// The setting of that key.
    pub(crate) fn named(key: &str) -> Option<&'static Self> {
        SETTINGS.iter().find(|setting| setting.key == key)
    }

    /// The default in words.
    pub(crate) fn preset_in_words(&self) -> &'static str {
        match self.preset {
            Preset::Text(words)
            | Preset::InDataDir(words, _)
            | Preset::OfMachine(words, _)
            | Preset::Nothing(words) => words,
        }
    }
}

const ROW: Setting = Setting {
    key: "",
    variable: "",
    flag: None,
    section: "",
    preset: Preset::Nothing("none"),
    in_file: true,
    help: "",
    expected: "",
    shown: str::to_owned,
};

macro_rules! settings {
    ($( $(#[doc = $help:literal])+ $key:ident: $type:ty { $($field:ident: $value:expr),* $(,)? } )*) => {
        /// The settings, read.
        #[derive(Debug, Clone)]
        pub(crate) struct Config {
            $( $(#[doc = $help])+ pub(crate) $key: $type, )*
            /// The contract whose variables count, where one's whole set is there
            pub(crate) contract: Option<&'static str>,
        }

        /// Every setting, in the order in which they are shown.
        pub(crate) const SETTINGS: &[Setting] = &[
            $( Setting {
                key: stringify!($key),
                help: concat!($($help),+),
                expected: <$type as Value>::EXPECTED,
                shown: <$type as Value>::shown,
                $($field: $value,)*
                ..ROW
            } ),*
        ];

        impl Config {
            pub(super) fn read(values: &Values) -> Result<Self, ConfigError> {
                Ok(Self { $( $key: values.read(stringify!($key))?, )* contract: None })
            }
        }
    };
}

settings! {
    /// What this process does: all, or a list of gateway, auth, converter, notification
    roles: Roles {
        variable: "REELMILL_ROLES", flag: Some(("roles", "ROLES")),
        section: "Serving", preset: Preset::Text("all"),
    }
    /// Address and port to serve HTTP on
    listen: SocketAddr {
        variable: "REELMILL_LISTEN", flag: Some(("listen", "ADDRESS")),
        section: "Serving", preset: Preset::Text("127.0.0.1:8080"),
    }
    /// Host names served besides loopback's, separated by commas
    hosts: Vec<HostName> {
        variable: "REELMILL_HOSTS", flag: Some(("hosts", "NAMES")),
        section: "Serving",
    }
    /// Whether a proxy in front serves https, so that cookies are sent over nothing else: true or false
    https: bool {
        variable: "REELMILL_HTTPS", flag: Some(("https", "true|false")),
        section: "Serving", preset: Preset::Text("false"),
    }
    /// Peers that may read /metrics without a token besides loopback: addresses or ranges
    metrics_allow: Vec<AddressRange> {
        variable: "REELMILL_METRICS_ALLOW", flag: Some(("metrics-allow", "RANGES")),
        section: "Serving",
    }
    /// Proxies in front whose X-Forwarded-For names the caller: addresses or ranges
    trusted_proxies: Vec<AddressRange> {
        variable: "REELMILL_TRUSTED_PROXIES", flag: Some(("trusted-proxies", "RANGES")),
        section: "Serving",
    }
    /// Address and port of a second listener for gRPC alone
    grpc_listen: Option<SocketAddr> {
        variable: "REELMILL_GRPC_LISTEN", flag: Some(("grpc-listen", "ADDRESS")),
        section: "Serving", preset: Preset::Nothing("none: gRPC is served beside HTTP, on its port"),
    }

    /// Folder of everything that this process keeps
    data_dir: PathBuf {
        variable: "REELMILL_DATA_DIR", flag: Some(("data-dir", "FOLDER")),
        section: "Backends", preset: Preset::Text("./reelmill-data"),
    }
    /// Catalog: accounts, media, jobs
    catalog: BackendUrl {
        variable: "REELMILL_CATALOG", flag: Some(("catalog", "URL")), section: "Backends",
        preset: Preset::InDataDir("sqlite:<data-dir>/catalog.db", |dir| format!("sqlite:{}/catalog.db", dir.display())),
    }
    /// Objects: the media and results themselves
    objects: BackendUrl {
        variable: "REELMILL_OBJECTS", flag: Some(("objects", "URL")), section: "Backends",
        preset: Preset::InDataDir("file://<data-dir>/objects", |dir| format!("file://{}/objects", encoded(dir))),
    }
    /// Access key of the cloud that catalog or objects are in
    aws_access_key: Option<Secret> {
        variable: "REELMILL_AWS_ACCESS_KEY",
        section: "Backends", preset: Preset::Nothing("the cloud's own chain of credentials"),
    }
    /// Secret key of the cloud that catalog or objects are in
    aws_secret_key: Option<Secret> {
        variable: "REELMILL_AWS_SECRET_KEY",
        section: "Backends", preset: Preset::Nothing("the cloud's own chain of credentials"),
    }
    /// Folder of the store that the video site's movies are in
    movies_folder: Folder {
        variable: "REELMILL_MOVIES_FOLDER", flag: Some(("movies-folder", "NAME")),
        section: "Backends", preset: Preset::Text("movies"),
    }
    /// Folder of the store that the video site's pictures are in
    images_folder: Folder {
        variable: "REELMILL_IMAGES_FOLDER", flag: Some(("images-folder", "NAME")),
        section: "Backends", preset: Preset::Text("images"),
    }
    /// Whether content is read from the store itself, by a redirect to an address that is good for minutes: true or false
    redirect_content: bool {
        variable: "REELMILL_REDIRECT_CONTENT", flag: Some(("redirect-content", "true|false")),
        section: "Backends", preset: Preset::Text("false"),
    }
    /// Doorbell: says that there is work
    doorbell: BackendUrl {
        variable: "REELMILL_DOORBELL", flag: Some(("doorbell", "URL")),
        section: "Backends", preset: Preset::Text("embedded:"),
    }
    /// Notifier: tells users that their result is there
    notifier: BackendUrl {
        variable: "REELMILL_NOTIFIER", flag: Some(("notifier", "URL")),
        section: "Backends", preset: Preset::Text("log:"),
    }

    /// Conversions at a time
    slots: NonZeroU16 {
        variable: "REELMILL_SLOTS", flag: Some(("slots", "N")),
        section: "Jobs", preset: Preset::OfMachine("number of cores", || cores().to_string()),
    }
    /// The most jobs of one account that run at once, in all processes together
    account_slots: Option<NonZeroU16> {
        variable: "REELMILL_ACCOUNT_SLOTS", flag: Some(("account-slots", "N")),
        section: "Jobs", preset: Preset::Nothing("none: every slot that nobody else waits for"),
    }
    /// This process's name in logs and claims
    worker_name: Option<Name> {
        variable: "REELMILL_WORKER_NAME", flag: Some(("worker-name", "NAME")),
        section: "Jobs", preset: Preset::Nothing("random for each process"),
    }
    /// A claim without a heartbeat for so long is taken over
    lease: Duration {
        variable: "REELMILL_LEASE", flag: Some(("lease", "DURATION")),
        section: "Jobs", preset: Preset::Text("15s"),
    }
    /// Time between a running job's heartbeats; below half of the lease
    heartbeat: Duration {
        variable: "REELMILL_HEARTBEAT", flag: Some(("heartbeat", "DURATION")),
        section: "Jobs", preset: Preset::Text("5s"),
    }
    /// How long running jobs may go on after a stop was asked for
    drain: Duration {
        variable: "REELMILL_DRAIN", flag: Some(("drain", "DURATION")),
        section: "Jobs", preset: Preset::Text("30s"),
    }
    /// How often a job is tried
    max_attempts: NonZeroU16 {
        variable: "REELMILL_MAX_ATTEMPTS", flag: Some(("max-attempts", "N")),
        section: "Jobs", preset: Preset::Text("3"),
    }
    /// How long a job may take from its first claim to its end, all attempts together
    job_deadline: Duration {
        variable: "REELMILL_JOB_DEADLINE", flag: Some(("job-deadline", "DURATION")),
        section: "Jobs", preset: Preset::Text("6h"),
    }
    /// How long a job that is over is kept with its output
    retention_jobs: Option<Duration> {
        variable: "REELMILL_RETENTION_JOBS", flag: Some(("retention-jobs", "DURATION")),
        section: "Jobs", preset: Preset::Nothing("for ever"),
    }
    /// How long a media is kept that no job stands on
    retention_media: Option<Duration> {
        variable: "REELMILL_RETENTION_MEDIA", flag: Some(("retention-media", "DURATION")),
        section: "Jobs", preset: Preset::Nothing("for ever"),
    }

    /// Largest upload
    max_upload_bytes: Bytes {
        variable: "REELMILL_MAX_UPLOAD_BYTES", flag: Some(("max-upload-bytes", "SIZE")),
        section: "Limits", preset: Preset::Text("8GiB"),
    }
    /// Largest body of POST /v1/convert
    convert_limit: Bytes {
        variable: "REELMILL_CONVERT_LIMIT", flag: Some(("convert-limit", "SIZE")),
        section: "Limits", preset: Preset::Text("64MiB"),
    }
    /// Folder for private copies of inputs in which ffmpeg must seek
    scratch_dir: Option<PathBuf> {
        variable: "REELMILL_SCRATCH_DIR", flag: Some(("scratch-dir", "FOLDER")),
        section: "Limits", preset: Preset::Nothing("the system's for temporary files"),
    }
    /// The most that all such copies take together; a larger input is refused, and others wait for their turn
    scratch_max_bytes: Bytes {
        variable: "REELMILL_SCRATCH_MAX_BYTES", flag: Some(("scratch-max-bytes", "SIZE")),
        section: "Limits", preset: Preset::Text("4GiB"),
    }
    /// An upload that sends nothing for so long is ended
    upload_idle: Duration {
        variable: "REELMILL_UPLOAD_IDLE", flag: Some(("upload-idle", "DURATION")),
        section: "Limits", preset: Preset::Text("30s"),
    }

    /// Who may call the music bot's API without a token: open (everybody) or token (nobody)
    audio_api: Option<Gate> {
        variable: "REELMILL_AUDIO_API", flag: Some(("audio-api", "open|token")),
        section: "Doors", preset: Preset::Nothing("callers on this machine where listen is on loopback, else nobody"),
    }
    /// What the music bot's songs are made into: dca (DCA1) or dca0
    audio_profile: AudioProfile {
        variable: "REELMILL_AUDIO_PROFILE", flag: Some(("audio-profile", "dca|dca0")),
        section: "Doors", preset: Preset::Text("dca"),
    }
    /// Bit rate of songs that cannot be copied, in kbit/s
    audio_bitrate: NonZeroU16 {
        variable: "REELMILL_AUDIO_BITRATE", flag: Some(("audio-bitrate", "KBPS")),
        section: "Doors", preset: Preset::Text("64"),
    }
    /// How often a song is tried
    audio_attempts: NonZeroU16 {
        variable: "REELMILL_AUDIO_ATTEMPTS", flag: Some(("audio-attempts", "N")),
        section: "Doors", preset: Preset::Text("3"),
    }
    /// How long a song may take from its first claim to its end, all attempts together
    audio_deadline: Duration {
        variable: "REELMILL_AUDIO_DEADLINE", flag: Some(("audio-deadline", "DURATION")),
        section: "Doors", preset: Preset::Text("4m"),
    }
    /// Whose word the video site's gRPC takes for who uploads: trusted (everybody's) or token (nobody's)
    video_grpc: Option<Gate> {
        variable: "REELMILL_VIDEO_GRPC", flag: Some(("video-grpc", "trusted|token")),
        section: "Doors", preset: Preset::Nothing("callers' on this machine where listen is on loopback, else nobody's"),
    }

    /// Key of the YouTube Data API; without one, titles are searched through yt-dlp
    youtube_api_key: Option<Secret> {
        variable: "REELMILL_YOUTUBE_API_KEY",
        section: "Sources", preset: Preset::Nothing("none: yt-dlp searches"),
    }
    /// Where the YouTube Data API is
    youtube_api_base: WebAddress {
        variable: "REELMILL_YOUTUBE_API_BASE", flag: Some(("youtube-api-base", "URL")),
        section: "Sources", preset: Preset::Text("https://www.googleapis.com/youtube/v3"),
    }
    /// The program yt-dlp
    ytdlp: Option<PathBuf> {
        variable: "REELMILL_YTDLP", flag: Some(("ytdlp", "PROGRAM")),
        section: "Sources", preset: Preset::Nothing("the newest of the data folder's own, the path's and python3's"),
    }
    /// What may be fetched from although it is not public: hosts, host:port, addresses or ranges
    sources_allow_hosts: Vec<Name> {
        variable: "REELMILL_SOURCES_ALLOW_HOSTS", flag: Some(("sources-allow-hosts", "HOSTS")),
        section: "Sources",
    }
    /// Cookies for yt-dlp, a file in Netscape's format
    sources_cookies: Option<PathBuf> {
        variable: "REELMILL_SOURCES_COOKIES", flag: Some(("sources-cookies", "FILE")),
        section: "Sources", preset: Preset::Nothing("none"),
    }
    /// Proxy that all downloads go through, http://[user:password@]host:port
    sources_proxy: Option<Secret> {
        variable: "REELMILL_SOURCES_PROXY",
        section: "Sources", preset: Preset::Nothing("none"),
    }
    /// The longest media that is fetched
    sources_max_duration: Duration {
        variable: "REELMILL_SOURCES_MAX_DURATION", flag: Some(("sources-max-duration", "DURATION")),
        section: "Sources", preset: Preset::Text("3h"),
    }
    /// The most bytes that are fetched of one media
    sources_max_bytes: Bytes {
        variable: "REELMILL_SOURCES_MAX_BYTES", flag: Some(("sources-max-bytes", "SIZE")),
        section: "Sources", preset: Preset::Text("4GiB"),
    }
    /// How long one download may take
    sources_timeout: Duration {
        variable: "REELMILL_SOURCES_TIMEOUT", flag: Some(("sources-timeout", "DURATION")),
        section: "Sources", preset: Preset::Text("1h"),
    }

    /// Whether strangers may make themselves an account: off or open
    signup: Signup {
        variable: "REELMILL_SIGNUP", flag: Some(("signup", "off|open")),
        section: "Accounts", preset: Preset::Text("off"),
    }
    /// Key that signs tokens, at least 32 bytes
    jwt_secret: Option<TokenSecret> {
        variable: "JWT_SECRET",
        section: "Accounts", preset: Preset::Nothing("made once and kept in the data folder"),
    }
    /// The admin that the first start makes
    admin_email: Email {
        variable: "REELMILL_ADMIN_EMAIL", flag: Some(("admin-email", "EMAIL")),
        section: "Accounts", preset: Preset::Text("admin@localhost"),
    }
    /// The first start's password
    admin_password: Option<Password> {
        variable: "REELMILL_ADMIN_PASSWORD", in_file: false,
        section: "Accounts", preset: Preset::Nothing("made by the first start and shown once"),
    }

    /// Which log lines are written: a level, or levels by target such as info,sqlx=warn
    log: LogFilter {
        variable: "REELMILL_LOG", flag: Some(("log", "FILTER")),
        section: "Logging", preset: Preset::Text("info"),
    }
    /// How log lines look: text or json
    log_format: LogFormat {
        variable: "REELMILL_LOG_FORMAT", flag: Some(("log-format", "text|json")),
        section: "Logging", preset: Preset::Text("text"),
    }
}

/// A path as a URL writes it: every byte that could mean something there as `%XX`.
pub(super) fn encoded(path: &Path) -> String {
    let mut text = String::new();
    for byte in path.to_string_lossy().bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(&byte) {
            text.push(char::from(byte));
        } else {
            // Writing to a String cannot fail.
            let _ = write!(text, "%{byte:02X}");
        }
    }
    text
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}
