//! Everything that a catalog holds, as one sort of thing: what an export writes and an import reads.
//!
//! A record is the noun itself. What a backend derives from it (logins, counts, places in lists) is not written down,
//! since the backend that reads it derives its own.

use serde::{Deserialize, Serialize};

use crate::ports::Sequence;
use crate::{
    ApiKey, Delivery, EndedToken, Intent, Job, Media, Notice, Operation, Output, Receipt, Resumable, Song,
    Task, User, Video, Webhook,
};

/// What there is of one sort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Collection {
    /// [`User`]s
    Users,
    /// [`ApiKey`]s
    ApiKeys,
    /// [`EndedToken`]s
    EndedTokens,
    /// [`Media`]
    Media,
    /// [`Job`]s, without their pulses
    Jobs,
    /// [`Output`]s
    Outputs,
    /// [`Intent`]s
    Intents,
    /// [`Receipt`]s
    Receipts,
    /// [`Notice`]s
    Notices,
    /// [`Song`]s
    Songs,
    /// [`Operation`]s
    Operations,
    /// [`Video`]s
    Videos,
    /// [`Task`]s
    Tasks,
    /// [`Webhook`]s, with their secrets
    Webhooks,
    /// [`Delivery`]s
    Deliveries,
    /// Uploads in parts
    Uploads,
    /// The last number of each [`Sequence`]
    Sequences,
}

impl Collection {
    /// All of them, those that others point at before those that point.
    pub const ALL: [Self; 17] = [
        Self::Sequences,
        Self::Users,
        Self::ApiKeys,
        Self::EndedTokens,
        Self::Media,
        Self::Outputs,
        Self::Jobs,
        Self::Intents,
        Self::Receipts,
        Self::Notices,
        Self::Songs,
        Self::Operations,
        Self::Videos,
        Self::Tasks,
        Self::Webhooks,
        Self::Deliveries,
        Self::Uploads,
    ];
}

/// One record.
#[expect(
    clippy::large_enum_variant,
    reason = "records are read and written by the hundred, and most are jobs"
)]
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Record {
    /// An account.
    User(User),
    /// A key of an account.
    ApiKey(ApiKey),
    /// A token that was ended early.
    EndedToken(EndedToken),
    /// An original.
    Media(Media),
    /// A job, without its pulse.
    Job(Job),
    /// A result.
    Output(Output),
    /// A key on record.
    Intent(Intent),
    /// An Idempotency-Key that was used.
    Receipt(Receipt),
    /// Something to be told.
    Notice(Notice),
    /// A song of the library.
    Song(Song),
    /// A bot's errand.
    Operation(Operation),
    /// A published video.
    Video(Video),
    /// A task.
    Task(Task),
    /// An address that is told.
    Webhook(Webhook),
    /// What one was sent.
    Delivery(Delivery),
    /// An upload in parts.
    Upload(Resumable),
    /// A sequence and the last number that it gave.
    Sequence(Sequence, i64),
}
