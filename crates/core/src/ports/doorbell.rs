//! The doorbell: "look at job X", and nothing more.
//!
//! It may ring twice, late or never; the catalog is the truth, and workers look there by themselves now and then. Where it
//! is a queue of a broker, other programs may write to it and read from it, too, so a message can carry more than the
//! job's id, and can come from somebody who knows of no job.

use async_trait::async_trait;
use thiserror::Error;

use crate::{JobId, Key};

/// What wakes workers.
#[async_trait]
pub trait Doorbell: Send + Sync {
    /// Whether it is a queue of a broker that others see: its rings carry [`Ring::about`], it rings on
    /// [`Channel::Results`] as well, and its length is what workers are scaled by.
    fn is_queue(&self) -> bool;

    /// Says that a job may be due, or that its result is stored. `Ok` means that the broker has taken it, durably where it
    /// is durable. Where nobody can listen on the channel, it does nothing.
    async fn ring(&self, channel: Channel, ring: &Ring) -> Result<(), DoorbellError>;

    /// Waits for the next ring that no other listener has got. Dropping the wait loses no ring. Where the channel is none
    /// of this doorbell's, it waits for ever. A message that cannot be understood is set aside for people to look at (a
    /// queue of dead letters) and is not returned.
    ///
    /// # Errors
    /// `Unavailable`; the next call tries to connect again.
    async fn listen(&self, channel: Channel) -> Result<Box<dyn Delivery>, DoorbellError>;

    /// Shows that it can be used.
    async fn check(&self) -> Result<(), DoorbellError>;
}

/// What is rung for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Channel {
    /// A job may be due: workers listen.
    Work,
    /// A result is stored: those who tell people listen.
    Results,
}

/// A message of our own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ring {
    /// The job to look at.
    pub job: JobId,
    /// What other programs that read the queue want to know; `None` where the doorbell is no queue.
    pub about: Option<About>,
}

/// A job in the words of those who know nothing of jobs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// The account's name.
    pub username: String,
    /// The original's [`fid`](crate::Media::fid), or its id in text; `None` until it is fetched.
    pub media_fid: Option<String>,
    /// The original's key.
    pub media_key: Option<Key>,
    /// The original's file extension, without its dot.
    pub from_extension: String,
    /// The result's file extension, without its dot.
    pub to_extension: String,
    /// The result's [`fid`](crate::Output::fid) once it is stored.
    pub output_fid: Option<String>,
    /// The result's key once it is stored.
    pub output_key: Option<Key>,
    /// The task's number, where the job is a task's.
    pub task: Option<i64>,
}

/// What a message says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// Look at this job.
    Job(JobId),
    /// Somebody else's, who knows of no job.
    Foreign(Foreign),
}

/// What somebody else asks for or tells: names to be looked up in the catalog, never to be opened as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Foreign {
    /// An upload is stored and waits to be converted.
    Upload {
        /// The original's fid.
        media_fid: String,
        /// The account's name or address.
        username: String,
    },
    /// A task waits to be converted.
    Task {
        /// Its number.
        number: i64,
        /// The original's key.
        original: String,
        /// The result's file extension, without its dot.
        to_extension: String,
    },
    /// A result is stored.
    Result {
        /// The result's fid.
        output_fid: String,
        /// The account's name or address.
        username: String,
    },
}

/// A ring in hand. Dropped without `settle` or `refuse`, it may come again.
#[async_trait]
pub trait Delivery: Send + Sync {
    /// What it says.
    fn message(&self) -> &Message;

    /// Whether the broker says that somebody had it before and did not settle it: that somebody is dead.
    fn is_redelivered(&self) -> bool;

    /// Waits until the broker may bring it to somebody else although it was not dropped: the connection that brought it is
    /// gone. Where nobody would know, it waits for ever.
    async fn lost(&self) {
        std::future::pending::<()>().await;
    }

    /// Whether whoever has a message of this doorbell in hand is told at once when it is lost, by [`Delivery::lost`].
    fn tells_loss(&self) -> bool {
        false
    }

    /// Ends it: the job is over, rescheduled, or in other hands. `Ok` means that the broker will not bring it again, where
    /// the broker says so at all.
    async fn settle(self: Box<Self>) -> Result<(), DoorbellError>;

    /// Sets it aside for people to look at, with the reason beside it, and ends it.
    async fn refuse(self: Box<Self>, reason: &str) -> Result<(), DoorbellError>;
}

/// What a caller of a doorbell may see.
#[derive(Debug, Error)]
pub enum DoorbellError {
    /// It cannot be reached or used now.
    #[error("the doorbell cannot be used: {0}")]
    Unavailable(String),
}

impl DoorbellError {
    /// Whether the same call may do better later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
        }
    }
}
