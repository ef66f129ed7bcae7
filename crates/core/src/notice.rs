//! What is to be told to people.
//!
//! A notice is written in the commit that ends the job, so no end goes untold, and dropped once it is
//! delivered: a copy is possible only where a crash falls between the two.

use serde::{Deserialize, Serialize};

use crate::{Door, JobId, NoticeId, OutputId, Timestamp, UserId};

/// Who has to be told.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// The account, through the notifier.
    #[default]
    Person,
    /// Programs that listen to the doorbell's results.
    Queue,
}

impl NoticeKind {
    /// Its name in a catalog.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Person => "person",
            Self::Queue => "queue",
        }
    }
}

/// An end of a job that somebody waits to hear of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// Its identity, the same at every try to deliver it.
    pub id: NoticeId,
    /// Who has to be told: people or programs.
    #[serde(default)]
    pub kind: NoticeKind,
    /// Whose job it was.
    pub account: UserId,
    /// The job that ended.
    pub job: JobId,
    /// What it made; `None` where it failed.
    pub output: Option<OutputId>,
    /// The door that the job came through, whose words are used.
    pub door: Door,
    /// When to try next.
    pub due_at: Timestamp,
    /// How many tries failed.
    pub failures: u32,
}

/// A notice in words, ready to be sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Notification {
    /// The notice's id: a receiver that sees it twice has seen a copy.
    pub id: NoticeId,
    /// The account's address or name.
    pub recipient: String,
    /// One line.
    pub subject: String,
    /// The text.
    pub body: String,
}
