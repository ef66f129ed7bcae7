//! What the music bot's other programs read: a song's and an operation's attributes, in the contract's names and words.
//!
//! An operation has no state of its own, it points at a job. So what its item says is derived from the job, by the
//! commit that ends the job, begins it anew, or takes its result away.

use aws_sdk_dynamodb::types::AttributeValue;
use reelmill_core::{Job, Key, Operation, Song, State};

use super::item::{number, text};

/// A part of an item.
pub(super) type Attributes = Vec<(&'static str, AttributeValue)>;

/// How a job stands, in the contract's three states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Outcome {
    /// It is not over.
    Going,
    /// The result is there.
    Made {
        /// Where it is.
        uri: String,
        /// When it was made, RFC 3339.
        at: String,
        /// How often it was tried.
        attempts: u32,
    },
    /// There is no result, or none any more.
    Failed {
        /// When it ended, RFC 3339; `None` where nobody knows any more.
        at: Option<String>,
        /// How often it was tried.
        attempts: u32,
        /// How often that failed.
        failures: u32,
    },
}

impl Outcome {
    /// Of a job, and its result's URI where that is there.
    pub(super) fn of(job: Option<&Job>, uri: Option<String>) -> Self {
        let Some(job) = job else { return Self::Failed { at: None, attempts: 0, failures: 0 } };
        let (attempts, at) = (job.attempt, job.finished_at().map(|at| at.to_string()));
        match (&job.state, uri) {
            (State::Queued { .. } | State::Running { .. } | State::Cancelling { .. }, _) => Self::Going,
            (State::Done { at, .. }, Some(uri)) => Self::Made { uri, at: at.to_string(), attempts },
            (State::Done { .. }, None) => Self::Failed { at, attempts, failures: attempts.saturating_sub(1) },
            (State::Failed { .. } | State::Cancelled { .. }, _) => {
                Self::Failed { at, attempts, failures: attempts }
            }
        }
    }

    /// What an operation that was asked for at `since` says of it.
    pub(super) fn of_operation(&self, since: &str) -> Attributes {
        let (status, message, data, ended, attempts, failures) = match self {
            Self::Going => ("iniciando", "", String::new(), "", 0, 0),
            Self::Made { uri, at, attempts } => {
                let data = format!("Archivo guardado en S3: {uri}");
                ("success", "Procesamiento exitoso", data, at.as_str(), *attempts, attempts.saturating_sub(1))
            }
            Self::Failed { at, attempts, failures } => {
                let message = "Fallo en el procesamiento después de varios intentos";
                let ended = at.as_deref().unwrap_or(since);
                ("failed", message, format!("Fallos: {failures}"), ended, *attempts, *failures)
            }
        };
        vec![
            ("Status", text(status)),
            ("Message", text(message)),
            ("Data", text(data)),
            ("ProcessingDate", text(ended)),
            ("Success", AttributeValue::Bool(status == "success")),
            ("Attempts", number(attempts)),
            ("Failures", number(failures)),
        ]
    }

    /// What a song says of it.
    pub(super) fn of_song(&self) -> Attributes {
        let uri = if let Self::Made { uri, .. } = self { uri.as_str() } else { "" };
        vec![("URLS3", text(uri))]
    }
}

/// An object's name for other programs: its URI where it is known what objects begin with, else its key.
pub(super) fn uri(base: Option<&str>, key: &Key) -> String {
    base.map_or_else(|| key.to_string(), |base| format!("{base}/{key}"))
}

/// What an operation says whatever becomes of it.
pub(super) fn operation(operation: &Operation) -> Attributes {
    vec![("ID", text(operation.id.to_string())), ("SongID", text(&operation.song))]
}

/// What a song says whatever becomes of it.
pub(super) fn song(song: &Song) -> Attributes {
    let found = &song.found;
    vec![
        ("ID", text(song.id.to_string())),
        ("Title", text(found.title.as_deref().unwrap_or_default())),
        ("URLYoutube", text(&found.url)),
        ("Thumbnail", text(found.thumbnail_url.as_deref().unwrap_or_default())),
        ("Platform", text(found.platform.as_str())),
        ("Duration", text(found.duration_ms.map(duration).unwrap_or_default())),
        ("VideoID", text(&found.id)),
    ]
}

/// A length of time by ISO 8601, in whole seconds, as YouTube tells it.
fn duration(ms: u64) -> String {
    let seconds = ms.saturating_add(500) / 1000;
    let mut told = "PT".to_owned();
    for (n, unit) in [(seconds / 3600, 'H'), (seconds / 60 % 60, 'M'), (seconds % 60, 'S')] {
        if n > 0 || (seconds == 0 && unit == 'S') {
            told.extend([n.to_string(), unit.to_string()]);
        }
    }
    told
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_told_as_youtube_does() {
        for (ms, told) in [
            (0, "PT0S"),
            (499, "PT0S"),
            (61_500, "PT1M2S"),
            (3_600_000, "PT1H"),
            (3_661_000, "PT1H1M1S"),
            (90_000_000, "PT25H"),
        ] {
            assert_eq!(duration(ms), told);
        }
    }
}
