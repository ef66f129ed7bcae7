//! The catalog: the truth about accounts, media, jobs and outputs.
//!
//! One commit changes it, all of a list or none; every write names the condition it stands on. Reads are of what
//! is committed, and a read that follows a commit of the same process sees it. All backends keep the same
//! records; what a backend needs to look things up by, it derives from them.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::{
    ApiKey, ApiKeyId, Collection, Intent, Job, JobId, Key, Media, MediaId, Notice, NoticeKind, Operation,
    OperationId, Output, OutputId, Priority, Pulse, Receipt, Record, Song, SongId, StateName, Task,
    Timestamp, Token, User, UserId, Video, Write,
};

/// The most writes that one commit may hold: DynamoDB takes 100 items in a transaction, and some of ours need two.
pub const MAX_WRITES: usize = 25;

/// The most accounts that one [`Catalog::due_by_account`] looks at.
pub const MOST_ACCOUNTS: usize = 32;

/// Where everything durable is.
#[async_trait]
pub trait Catalog: Send + Sync {
    /// Takes all of `writes` or none, durably: once this is `Ok`, a power cut does not undo it. They hold and are
    /// seen as if done in order at one moment. At most [`MAX_WRITES`].
    ///
    /// # Errors
    /// `Conflict` where a write's condition does not hold; nothing is changed then. On `Unavailable` the commit may
    /// have been taken or not: the caller looks again.
    async fn commit(&self, writes: Vec<Write>) -> Result<(), CatalogError>;

    /// Counts the running claim's pulse up by one and keeps its progress, without a new version of the job.
    ///
    /// # Errors
    /// `NotFound` where there is no such job, `Conflict` where `token` is not its running claim's.
    async fn beat(&self, job: JobId, token: Token, pulse: Pulse) -> Result<Beat, CatalogError>;

    /// Counts an upload's intent up by one, so that it is seen to live.
    ///
    /// # Errors
    /// `Conflict` where the intent is gone or condemned: the upload is lost.
    async fn touch_intent(&self, key: &Key) -> Result<(), CatalogError>;

    /// The next number of a sequence, from 1 on. None is given twice; gaps are allowed.
    async fn next_number(&self, sequence: Sequence) -> Result<i64, CatalogError>;

    /// Counts the epoch of a worker's name up by one and gives the new one, from 1 on: whoever registered that name before
    /// is the older process of two.
    async fn register_worker(&self, name: &str) -> Result<i64, CatalogError>;
    /// The newest epoch of a worker's name; 0 where nobody registered it.
    async fn worker_epoch(&self, name: &str) -> Result<i64, CatalogError>;

    /// Lets no job be claimed from now on, by any process. Where that is so already, it stays so since the earlier moment.
    async fn pause(&self, since: Timestamp) -> Result<(), CatalogError>;
    /// Lets jobs be claimed again.
    async fn resume(&self) -> Result<(), CatalogError>;
    /// Since when no job is to be claimed; `None` where jobs are. Whoever claims asks: a commit does not look at it.
    async fn paused_since(&self) -> Result<Option<Timestamp>, CatalogError>;

    /// The account of that id.
    async fn user(&self, id: UserId) -> Result<Option<User>, CatalogError>;
    /// The account whose address or name is `login`, compared in lower case.
    async fn user_by_login(&self, login: &str) -> Result<Option<User>, CatalogError>;
    /// The account of that number.
    async fn user_by_number(&self, number: i64) -> Result<Option<User>, CatalogError>;
    /// All accounts, oldest first.
    async fn users(&self, query: PageQuery) -> Result<Page<User>, CatalogError>;
    /// The API key of that secret's hash.
    async fn api_key_by_hash(&self, secret_hash: &str) -> Result<Option<ApiKey>, CatalogError>;
    /// An account's API keys, oldest first; at most 100.
    async fn api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, CatalogError>;
    /// The API key of that id.
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, CatalogError>;
    /// Whether the token of that `jti` was ended.
    async fn is_token_ended(&self, jti: &str) -> Result<bool, CatalogError>;

    /// The media of that id.
    async fn media(&self, id: MediaId) -> Result<Option<Media>, CatalogError>;
    /// The media of that [`fid`](Media::fid).
    async fn media_by_fid(&self, fid: &str) -> Result<Option<Media>, CatalogError>;
    /// Media, newest first; of one account where `owner` names one.
    async fn media_page(&self, owner: Option<UserId>, query: PageQuery) -> Result<Page<Media>, CatalogError>;

    /// The job of that id, with its pulse.
    async fn job(&self, id: JobId) -> Result<Option<Job>, CatalogError>;
    /// Jobs, newest first, with their pulses.
    async fn jobs(&self, filter: JobFilter, query: PageQuery) -> Result<Page<Job>, CatalogError>;
    /// Queued jobs whose due time is not after `now`: by priority, then by due time.
    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<Job>, CatalogError>;
    /// The earliest due job of each account that has one of that priority: accounts by id, those behind `after` first, then
    /// the others from the lowest on. However many jobs an account has, another is seen beside it. At most `limit`; where more
    /// than [`MOST_ACCOUNTS`] in a row wait for a later moment, those behind them may be left out.
    async fn due_by_account(
        &self,
        now: Timestamp,
        priority: Priority,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Job>, CatalogError>;
    /// Jobs with a running claim (running or cancelling), with their pulses.
    async fn claimed_jobs(&self, limit: u32) -> Result<Vec<Job>, CatalogError>;
    /// Jobs that were last written at or behind a place, in the order of [`Job::changed_at`] and, of one moment, of their
    /// ids; with their pulses.
    async fn changed_jobs(&self, query: ChangeQuery) -> Result<Vec<Job>, CatalogError>;
    /// The latest [`Job::changed_at`] of all; `None` where there is no job.
    async fn latest_change(&self) -> Result<Option<Timestamp>, CatalogError>;

    /// The output of that id.
    async fn output(&self, id: OutputId) -> Result<Option<Output>, CatalogError>;
    /// The output of that fid.
    async fn output_by_fid(&self, fid: &str) -> Result<Option<Output>, CatalogError>;
    /// The outputs made from a media, oldest first; at most 1,000.
    async fn outputs_of(&self, media: MediaId) -> Result<Vec<Output>, CatalogError>;

    /// Intents by key, after the key given.
    async fn intents(&self, after: Option<&Key>, limit: u32) -> Result<Vec<Intent>, CatalogError>;
    /// The receipt of that scope and key, where it has not expired at `now`.
    async fn receipt(&self, scope: &str, key: &str, now: Timestamp) -> Result<Option<Receipt>, CatalogError>;
    /// Notices of that kind due at `now`, oldest first.
    async fn due_notices(
        &self,
        kind: NoticeKind,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Notice>, CatalogError>;

    /// The song of that id.
    async fn song(&self, id: SongId) -> Result<Option<Song>, CatalogError>;
    /// The song of a platform's id.
    async fn song_by_source(&self, source_id: &str) -> Result<Option<Song>, CatalogError>;
    /// Songs whose [`title_lower`](Song::title_lower) begins with `prefix`, in the byte order of their titles.
    async fn songs_by_title(&self, prefix: &str, limit: u32) -> Result<Vec<Song>, CatalogError>;
    /// The operation of that id.
    async fn operation(&self, id: OperationId) -> Result<Option<Operation>, CatalogError>;

    /// The published video of that media.
    async fn video(&self, id: MediaId) -> Result<Option<Video>, CatalogError>;
    /// The published video whose thumbnail has that uuid.
    async fn video_by_thumbnail(&self, uuid: Uuid) -> Result<Option<Video>, CatalogError>;
    /// Published videos, the newest media first.
    async fn videos(&self, query: PageQuery) -> Result<Page<Video>, CatalogError>;

    /// The task of that number.
    async fn task(&self, number: i64) -> Result<Option<Task>, CatalogError>;
    /// An account's tasks by number.
    async fn tasks(&self, account: UserId, query: TaskQuery) -> Result<Vec<Task>, CatalogError>;
    /// The account's newest task whose original or result has that file name.
    async fn task_by_file(&self, account: UserId, name: &str) -> Result<Option<Task>, CatalogError>;

    /// Takes away receipts and ended tokens that expired before `now`, some thousands at most a call, and says how many.
    async fn sweep_expired(&self, now: Timestamp) -> Result<u64, CatalogError>;
    /// All records of a collection in an order of the backend's own that does not change, behind the place that an earlier
    /// part ended at. Those added or dropped meanwhile may be in it or not. It may read everything: not for a request.
    async fn records(
        &self,
        collection: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Part, CatalogError>;
    /// How many jobs are in which state.
    async fn census(&self) -> Result<Census, CatalogError>;
    /// Reads something, to show that it can be used.
    async fn check(&self) -> Result<(), CatalogError>;
}

/// What a heartbeat brings back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Beat {
    /// Go on.
    Running,
    /// The job was cancelled: stop.
    Cancelling,
}

/// A sequence of integers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Sequence {
    /// [`User::number`](crate::User::number)
    Users,
    /// [`Video::number`](crate::Video::number)
    Videos,
    /// [`Task::number`](crate::Task::number)
    Tasks,
}

impl Sequence {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Users, Self::Videos, Self::Tasks];

    /// The sequence's name in the catalog.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Users => "users",
            Self::Videos => "videos",
            Self::Tasks => "tasks",
        }
    }
}

/// Which jobs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct JobFilter {
    /// Of this account only.
    pub account: Option<UserId>,
    /// Of this media only.
    pub media: Option<MediaId>,
    /// In this state only.
    pub state: Option<StateName>,
}

/// Which part of the jobs in the order of their last change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangeQuery {
    /// Of this account only.
    pub account: Option<UserId>,
    /// From this moment on.
    pub since: Timestamp,
    /// Of the jobs of that very moment, those behind this one.
    pub after: Option<JobId>,
    /// At most so many, 1 to 1,000.
    pub limit: u32,
}

impl ChangeQuery {
    /// What comes behind the last of a part.
    #[must_use]
    pub fn behind(self, last: &Job) -> Self {
        Self { since: last.changed_at, after: Some(last.id), ..self }
    }
}

/// Which part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PageQuery {
    /// At most so many, 1 to 1,000.
    pub limit: u32,
    /// What comes behind the record of this id.
    pub after: Option<Uuid>,
}

/// Which part of an account's tasks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TaskQuery {
    /// Oldest first, else newest first.
    pub is_ascending: bool,
    /// What comes behind this number, in that order.
    pub after: Option<i64>,
    /// At most so many, 1 to 1,000.
    pub limit: u32,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Page<T> {
    /// The records.
    pub items: Vec<T>,
    /// The last record's id where more may follow.
    pub next: Option<Uuid>,
}

/// A part of a collection.
#[derive(Debug, Clone, PartialEq)]
pub struct Part {
    /// The records. There may be none although more follow.
    pub records: Vec<Record>,
    /// Where the next part begins, where more may follow; opaque.
    pub next: Option<String>,
}

/// How many jobs are in which state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Census {
    /// Queued, due or not.
    pub queued: u64,
    /// Running or cancelling.
    pub claimed: u64,
    /// Done.
    pub done: u64,
    /// Failed.
    pub failed: u64,
    /// Cancelled.
    pub cancelled: u64,
}

/// What a caller of a catalog may see.
#[derive(Debug, Error)]
pub enum CatalogError {
    /// There is no such record.
    #[error("not in the catalog")]
    NotFound,
    /// Somebody was faster, or the name is taken.
    #[error("the catalog holds something else by now")]
    Conflict,
    /// It cannot be reached or used now.
    #[error("the catalog cannot be used: {0}")]
    Unavailable(String),
    /// A record that cannot be read back. A fault of ours or of the disk.
    #[error("the catalog holds a record that cannot be read: {0}")]
    Corrupt(String),
    /// It was written by a newer Reelmill.
    #[error("the catalog has schema version {found}, this build knows {known}: use a newer build")]
    TooNew {
        /// The catalog's.
        found: i64,
        /// Ours.
        known: i64,
    },
}

impl CatalogError {
    /// Whether the same call may do better later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::NotFound | Self::Conflict | Self::Corrupt(_) | Self::TooNew { .. } => false,
        }
    }
}
