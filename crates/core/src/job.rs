//! A job: one conversion, from the wish to its one effect; where nobody uploaded the original, it is fetched first.
//!
//! The catalog holds it, one conditional write at a time: version n is written over n-1. What may happen to it
//! is in [`Job::apply`] alone. Two counters keep two things apart: the version orders writes, the claim's token
//! fences a worker that lost its claim.

mod apply;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};
use thiserror::Error;
use uuid::Uuid;

use crate::{Failure, Found, JobId, MediaId, OutputId, Profile, Settings, SongId, Timestamp, UserId};

/// One conversion of one media.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Job {
    /// Its identity.
    pub id: JobId,
    /// Whose it is.
    pub account: UserId,
    /// What is converted; `None` until it is fetched.
    pub media_id: Option<MediaId>,
    /// Where that is fetched from, where nobody uploaded it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Found>,
    /// The song of the library that it makes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub song: Option<SongId>,
    /// The task that it is done for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<i64>,
    /// What the result shall be, overrides laid over already.
    pub profile: Profile,
    /// The overrides as they were asked for.
    #[serde(default)]
    pub overrides: Settings,
    /// What will be done and why, in a sentence; `None` where that is not known before the media is fetched, and where
    /// the input does not allow it (the job then fails and says so).
    pub plan: Option<String>,
    /// Who goes first.
    pub priority: Priority,
    /// The door that it came through.
    pub door: Door,
    /// How often it is tried at most.
    pub max_attempts: u32,
    /// How long all attempts together may take, from the first claim on.
    pub deadline_ms: u64,
    /// When it was asked for.
    pub created_at: Timestamp,
    /// When it was first claimed.
    pub started_at: Option<Timestamp>,
    /// When it was last written, by the clock that all processes of a catalog share: no process goes by it to an earlier
    /// moment than it has seen there. It may be off from anybody's own; who lists what has changed goes by it.
    #[serde(default)]
    pub changed_at: Timestamp,
    /// Claims so far, less those given back unused.
    pub attempt: u32,
    /// What is true of it now.
    pub state: State,
    /// Counted up by every write.
    pub version: u64,
    /// How far the running claim is. The catalog fills it in at reading, beside the record: a beat is no version.
    #[serde(skip)]
    pub pulse: Pulse,
}

/// What is true of a job now, and exactly what goes with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "name")]
pub enum State {
    /// Waits. The next worker that finds it due moves it on.
    Queued {
        /// Not before this.
        due_at: Timestamp,
        /// What ended the attempt before, where there was one.
        last_failure: Option<Failure>,
    },
    /// A worker converts it and moves it on; where the worker dies, a rescuer does.
    Running {
        /// The worker's right to it.
        claim: Claim,
    },
    /// Was cancelled while it ran. The worker stops and moves it on; where it died, a rescuer does.
    Cancelling {
        /// The worker's right to it.
        claim: Claim,
    },
    /// Ended with its one output.
    Done {
        /// The result.
        output: OutputId,
        /// When.
        at: Timestamp,
    },
    /// Ended without. A retry begins it anew.
    Failed {
        /// Why.
        failure: Failure,
        /// When.
        at: Timestamp,
    },
    /// Ended because somebody wished so. A retry begins it anew.
    Cancelled {
        /// When.
        at: Timestamp,
    },
}

/// A state without what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum StateName {
    /// [`State::Queued`]
    Queued,
    /// [`State::Running`]
    Running,
    /// [`State::Cancelling`]
    Cancelling,
    /// [`State::Done`]
    Done,
    /// [`State::Failed`]
    Failed,
    /// [`State::Cancelled`]
    Cancelled,
}

/// A worker's right to a job, good until another claim replaces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// What every event of that worker must carry.
    pub token: Token,
    /// The worker's name, for people.
    pub worker: String,
    /// When it was made, by the worker's clock; for people, never compared with another clock.
    pub since: Timestamp,
}

/// Tells one claim from every other, also from a later one of the same worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Token {
    /// The attempt that the claim is.
    pub attempt: u32,
    /// Random.
    pub nonce: Uuid,
}

/// The sign of life of a running claim. It has no version: the latest is as good as all.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Pulse {
    /// Heartbeats of this claim so far.
    pub beats: u64,
    /// How much is done, 0 to 1.
    pub progress: f64,
    /// What is being done.
    pub stage: Option<Stage>,
}

/// What a running job is at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// The original is on its way.
    Fetch,
    /// It is converted.
    Convert,
    /// The result is made visible.
    Store,
}

impl Stage {
    /// The stage as /v1 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Fetch => "fetch",
            Self::Convert => "convert",
            Self::Store => "store",
        }
    }

    /// The stage of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Fetch, Self::Convert, Self::Store].into_iter().find(|stage| stage.as_str() == name)
    }
}

/// Who goes first among the jobs that are due.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Somebody waits at the other end of the connection.
    Interactive,
    /// Somebody waits for the message.
    #[default]
    Normal,
    /// Nobody waits.
    Bulk,
}

impl Priority {
    /// This one and those that are less urgent, in order.
    #[must_use]
    pub const fn down_from(self) -> &'static [Self] {
        match self {
            Self::Interactive => &[Self::Interactive, Self::Normal, Self::Bulk],
            Self::Normal => &[Self::Normal, Self::Bulk],
            Self::Bulk => &[Self::Bulk],
        }
    }
}

/// The door that a job came through: its words are used when its end is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Door {
    /// Our own API and page.
    V1,
    /// The mp4 to mp3 converter.
    Converter,
    /// The music bot's audio service.
    Music,
    /// The video site.
    Video,
    /// Conversion tasks.
    Tasks,
}

/// What may happen to a job. An event that a worker raises carries its claim's token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// A worker takes it.
    Claim {
        /// The claim's token; its attempt is the job's next.
        token: Token,
        /// The worker's name.
        worker: String,
    },
    /// The worker has fetched the original.
    Fetched {
        /// The claim's token.
        token: Token,
        /// The original.
        media: MediaId,
        /// What will be done with it and why.
        plan: Option<String>,
    },
    /// The worker has stored the result.
    Complete {
        /// The claim's token.
        token: Token,
        /// The result.
        output: OutputId,
    },
    /// The worker could not do it.
    Fail {
        /// The claim's token.
        token: Token,
        /// Why.
        failure: Failure,
        /// When to try again; `None` where that would not help.
        retry_at: Option<Timestamp>,
    },
    /// The worker is being stopped and gives the job back unharmed: the attempt is refunded.
    GiveBack {
        /// The claim's token.
        token: Token,
    },
    /// The worker has stopped because the job was cancelled.
    Stop {
        /// The claim's token.
        token: Token,
    },
    /// A rescuer saw the worker dead.
    Lapse {
        /// The dead claim's token.
        token: Token,
    },
    /// Its deadline passed before it was claimed again.
    Expire,
    /// The clock that said when it is due was ahead: it is due now.
    Hasten,
    /// Somebody wishes it ended.
    Cancel,
    /// Somebody wishes it begun anew.
    Retry,
}

/// An event that does not go with the state, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Refused {
    /// The state does not allow it.
    #[error("cannot {event} a job that is {state}")]
    State {
        /// The verb.
        event: &'static str,
        /// The adjective.
        state: StateName,
    },
    /// The worker's claim is not the running one.
    #[error("the claim of attempt {attempt} is not the running one")]
    LostClaim {
        /// The attempt that the event's token names.
        attempt: u32,
    },
    /// Not due yet.
    #[error("the job is not due before {due_at}")]
    NotDue {
        /// When it is.
        due_at: Timestamp,
    },
}

/// How far the clocks of a fleet may differ, in milliseconds: what is to be done at once is due on all of them.
pub const CLOCK_SKEW_MS: u64 = 10 * 60 * 1000;

impl State {
    /// Queued, and due on whatever clock of the fleet.
    #[must_use]
    pub fn queued_at_once(now: Timestamp, last_failure: Option<Failure>) -> Self {
        Self::Queued { due_at: now.minus_ms(CLOCK_SKEW_MS), last_failure }
    }

    /// The state's name.
    #[must_use]
    pub const fn name(&self) -> StateName {
        match self {
            Self::Queued { .. } => StateName::Queued,
            Self::Running { .. } => StateName::Running,
            Self::Cancelling { .. } => StateName::Cancelling,
            Self::Done { .. } => StateName::Done,
            Self::Failed { .. } => StateName::Failed,
            Self::Cancelled { .. } => StateName::Cancelled,
        }
    }
}

impl StateName {
    /// Every state, in the order of a job's life.
    pub const ALL: [Self; 6] =
        [Self::Queued, Self::Running, Self::Cancelling, Self::Done, Self::Failed, Self::Cancelled];

    /// The state as /v1 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Running => "running",
            Self::Cancelling => "cancelling",
            Self::Done => "done",
            Self::Failed => "failed",
            Self::Cancelled => "cancelled",
        }
    }

    /// The state of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == name)
    }

    /// Whether only a wish from outside moves it on.
    #[must_use]
    pub const fn is_over(self) -> bool {
        matches!(self, Self::Done | Self::Failed | Self::Cancelled)
    }
}

impl fmt::Display for StateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Event {
    /// The verb, as a refusal says it.
    #[must_use]
    pub const fn verb(&self) -> &'static str {
        match self {
            Self::Claim { .. } => "claim",
            Self::Fetched { .. } => "fetch the original of",
            Self::Complete { .. } => "complete",
            Self::Fail { .. } => "fail",
            Self::GiveBack { .. } => "give back",
            Self::Stop { .. } => "stop",
            Self::Lapse { .. } => "lapse",
            Self::Expire => "expire",
            Self::Hasten => "hasten",
            Self::Cancel => "cancel",
            Self::Retry => "retry",
        }
    }
}
