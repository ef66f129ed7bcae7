//! The nouns, the rules and the ports of Reelmill.
//!
//! Nothing here does I/O, reads a clock or knows an SDK: time and ids come in as arguments, so that every
//! rule can be tested as a value. Start with [`Job::apply`], which holds every transition of a job, and with
//! [`ports::Catalog`], whose one atomic commit everything durable goes through.

mod account;
mod failure;
mod found;
mod id;
mod intent;
mod job;
mod key;
mod media;
mod notice;
mod output;
pub mod ports;
mod profile;
mod receipt;
mod record;
mod resumable;
mod song;
mod task;
mod timestamp;
mod video;
mod webhook;
mod write;

pub use account::{ApiKey, EndedToken, PasswordHash, Role, User};
pub use failure::{Failure, FailureKind, Kind, Obstacle};
pub use found::{Found, Platform};
pub use id::{
    ApiKeyId, DeliveryId, JobId, MediaId, NoticeId, OperationId, OutputId, SongId, UserId, WebhookId,
};
pub use intent::{Holder, Intent};
pub use job::{
    CLOCK_SKEW_MS, Claim, Door, Event, Job, Priority, Pulse, Refused, Stage, State, StateName, Token,
};
pub use key::{BadKey, Key};
pub use media::{AudioInfo, Media, MediaInfo, OpusInfo};
pub use notice::{Notice, NoticeKind, Notification};
pub use output::Output;
pub use profile::{Format, Lufs, Profile, Settings};
pub use receipt::Receipt;
pub use record::{Collection, Record};
pub use resumable::{Phase, Resumable, UploadPart};
pub use song::{Operation, Song};
pub use task::Task;
pub use timestamp::Timestamp;
pub use video::{Picture, Thumbnail, Video};
pub use webhook::{
    DELIVERY_PATIENCE_MS, Delivery, DeliveryState, Disabled, MAX_TRIES, Try, Webhook, WebhookEvent,
    WebhookSecret,
};
pub use write::Write;
