//! A conversion task: a file that its owner wants in another format, known by an integer.
//!
//! Its state is its job's; nothing of it is kept twice.

use serde::{Deserialize, Serialize};

use crate::{Format, JobId, MediaId, Timestamp, UserId};

/// A conversion task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its identity, unique in a catalog, from 1 on.
    pub number: i64,
    /// Whose it is. Nobody else sees it.
    pub account: UserId,
    /// The original's file name, with its extension.
    pub name: String,
    /// The format that is wanted.
    pub format: Format,
    /// The original.
    pub media: MediaId,
    /// The job that converts it, the latest where the wish changed.
    pub job: JobId,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// Counted up by every write; a write names the one it replaces.
    pub version: u64,
}

impl Task {
    /// The original's extension as its sender wrote it, without the dot; empty where the name has none.
    #[must_use]
    pub fn extension(&self) -> &str {
        self.name.rsplit_once('.').map_or("", |(_, extension)| extension)
    }

    /// The result's file name: the last extension is replaced, other dots stay.
    #[must_use]
    pub fn result_name(&self) -> String {
        let stem = self.name.rsplit_once('.').map_or(self.name.as_str(), |(stem, _)| stem);
        format!("{}.{}", if stem.is_empty() { "untitled" } else { stem }, self.format.extension())
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn a_name_keeps_its_dots() {
        let task = |name: &str| Task {
            number: 1,
            account: UserId(Uuid::nil()),
            name: name.to_owned(),
            format: Format::Ogg,
            media: MediaId(Uuid::nil()),
            job: JobId(Uuid::nil()),
            created_at: Timestamp::from_ms(0),
            version: 1,
        };
        assert_eq!(task("a.b.mp3").result_name(), "a.b.ogg");
        assert_eq!((task("a.b.MP3").extension(), task("plain").extension()), ("MP3", ""));
        assert_eq!(
            (task("plain").result_name(), task(".mp3").result_name()),
            ("plain.ogg".into(), "untitled.ogg".into())
        );
    }
}
