//! The library of songs: what was fetched once need not be fetched again, whoever asks.

use serde::{Deserialize, Serialize};

use crate::{Found, JobId, OperationId, SongId, Timestamp, UserId};

/// A song of the public library. There is one for each id of a platform, whoever asked for it and how often.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Song {
    /// Its identity.
    pub id: SongId,
    /// What was found, filled in by the download. Its id is unique in a catalog.
    pub found: Found,
    /// The job that makes it, or made it last.
    pub job: JobId,
    /// How often it was asked for once it was there.
    pub plays: u64,
    /// When it was first asked for.
    pub created_at: Timestamp,
    /// When this record was last written.
    pub updated_at: Timestamp,
    /// Counted up by every write; a write names the one it replaces.
    pub version: u64,
}

impl Song {
    /// The title as it is searched by: in lower case; the platform's id where the title is not known yet.
    #[must_use]
    pub fn title_lower(&self) -> String {
        self.found.title.as_deref().unwrap_or(&self.found.id).to_lowercase()
    }
}

/// One asking for a song. Many may share a job.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Its identity.
    pub id: OperationId,
    /// The platform's id of the song.
    pub song: String,
    /// The job whose end is its end.
    pub job: JobId,
    /// Who asked.
    pub account: UserId,
    /// When.
    pub created_at: Timestamp,
}
