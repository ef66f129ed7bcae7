//! What a job made.

use serde::{Deserialize, Serialize};

use crate::{Format, JobId, Key, MediaId, OutputId, Timestamp, UserId};

/// A result: immutable bytes under a key that is never written again, so its id is its ETag.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Its identity.
    pub id: OutputId,
    /// The job that made it.
    pub job_id: JobId,
    /// What it was made from.
    pub media_id: MediaId,
    /// Whose it is.
    pub owner: UserId,
    /// The GridFS file id where it was made there, else the id in text: what the converter's door calls `fid`.
    pub fid: String,
    /// The file name that a download is offered under.
    pub name: String,
    /// Where the bytes are.
    pub key: Key,
    /// How many bytes there are.
    pub size_bytes: u64,
    /// What they are.
    pub format: Format,
    /// How long it plays.
    pub duration_ms: u64,
    /// When it was made.
    pub created_at: Timestamp,
}
