//! What the service can be told, apart from its ports.

use std::num::NonZeroUsize;
use std::time::Duration;

use secrecy::SecretString;

use crate::Ages;

/// Which loops a process runs. Answering requests is the server's part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Roles {
    /// Claims jobs and converts them; rescues those of dead workers; collects what they left.
    pub converter: bool,
    /// Tells people.
    pub notification: bool,
}

/// What the service can be told.
#[derive(Debug, Clone)]
pub struct Options {
    /// Folder of the store that the video site's movies are in.
    pub movies_folder: String,
    /// Folder of the store that the video site's pictures are in.
    pub images_folder: String,
    /// Conversions side by side.
    pub slots: usize,
    /// The most jobs of one account that run at once, in all processes together; as many as there are slots where nothing
    /// is said.
    pub account_slots: Option<NonZeroUsize>,
    /// This process's name in claims, for people.
    pub worker_name: String,
    /// Whether the operator chose that name: then one process goes by it at a time, the newest.
    pub is_worker_named: bool,
    /// How long a claim without a heartbeat stands.
    pub lease: Duration,
    /// Between two heartbeats; well under half the lease.
    pub heartbeat: Duration,
    /// Between two looks into the catalog where the doorbell is silent.
    pub poll: Duration,
    /// How long a draining process lets conversions go on.
    pub drain: Duration,
    /// How often a job is tried.
    pub max_attempts: u32,
    /// How long all attempts of a job together may take.
    pub job_deadline: Duration,
    /// How often a job of the music bot's door is tried.
    pub music_attempts: u32,
    /// How long all attempts of such a job together may take.
    pub music_deadline: Duration,
    /// Downloads side by side that hold no slot of a conversion.
    pub fetches: usize,
    /// Whether strangers may make accounts.
    pub is_sign_up_open: bool,
    /// How long a job that is over is kept with its output; for ever where nothing is said.
    pub retention_jobs: Option<Duration>,
    /// How long a media without a job is kept; for ever where nothing is said.
    pub retention_media: Option<Duration>,
    /// The wait before a second attempt; doubled at each further one, with full jitter.
    pub retry_base: Duration,
    /// The most bytes of an upload.
    pub max_upload_bytes: u64,
    /// How long a sender may be silent, and the span over which it must not be slower than
    /// [`Options::upload_floor_bytes`].
    pub upload_idle: Duration,
    /// The least bytes that a sender gives in each span of [`Options::upload_idle`].
    pub upload_floor_bytes: u64,
    /// Password checks side by side; each takes a core and 19 MiB.
    pub password_slots: usize,
    /// What tokens are signed with; at least 32 bytes.
    pub jwt_secret: SecretString,
    /// How long a session's token is good.
    pub session: Duration,
    /// Whether the catalog and the objects belong to this process alone, so that whoever wrote to them before its
    /// start is dead.
    pub sole: bool,
}

impl Options {
    /// What the collector purges by itself.
    pub(crate) const fn retention(&self) -> Ages {
        Ages { jobs: self.retention_jobs, media: self.retention_media }
    }
}
