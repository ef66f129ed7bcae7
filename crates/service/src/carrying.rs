//! Carries a catalog to another one: all its records as lines of JSON, and back.
//!
//! The last line is the hash of all before it, so that a file which was cut or changed is refused before anything of it
//! is written. An import adds and never replaces, so that one which was killed is begun again.

mod export;
mod file;
mod import;

use reelmill_core::ports::{Catalog, CatalogError};
use reelmill_core::{Collection, Record};
use thiserror::Error;

pub use export::{Exported, export};
pub use import::{Imported, import};

/// How many records are read at once.
const PART: u32 = 256;

/// Why a catalog cannot be carried.
#[derive(Debug, Error)]
pub enum CarryError {
    /// The catalog did not do its part.
    #[error(transparent)]
    Catalog(#[from] CatalogError),
    /// The file cannot be read or written.
    #[error("the file cannot be used: {0}")]
    Io(#[from] std::io::Error),
    /// It is no export, or not all of one, or not as it was written.
    #[error("the file is not a whole export: {0}")]
    Damaged(String),
    /// It says what this build cannot keep.
    #[error(
        "line {line} says what this build does not understand: use the build that wrote it, or a newer one"
    )]
    NotUnderstood {
        /// The line, from 1 on.
        line: u64,
    },
    /// The catalog holds what the file would have to replace or join.
    #[error("the catalog is neither empty nor a part of this export: {0}")]
    Occupied(String),
    /// What was written is not what is read.
    #[error("the catalog does not hold what the file says: {0}")]
    Differs(String),
}

/// What a record is, for telling it from others and naming it.
fn name(record: &Record) -> String {
    match record {
        Record::User(user) => format!("account {}", user.id),
        Record::ApiKey(key) => format!("API key {}", key.id),
        Record::EndedToken(token) => format!("ended token {}", token.jti),
        Record::Media(media) => format!("media {}", media.id),
        Record::Job(job) => format!("job {}", job.id),
        Record::Output(output) => format!("output {}", output.id),
        Record::Intent(intent) => format!("intent {}", intent.key),
        Record::Receipt(receipt) => format!("receipt {:?} {:?}", receipt.scope, receipt.key),
        Record::Notice(notice) => format!("notice {}", notice.id),
        Record::Song(song) => format!("song {}", song.id),
        Record::Operation(operation) => format!("operation {}", operation.id),
        Record::Video(video) => format!("video {}", video.id),
        Record::Task(task) => format!("task {}", task.number),
        Record::Webhook(webhook) => format!("webhook {}", webhook.id),
        Record::Delivery(delivery) => format!("delivery {}", delivery.id),
        Record::Upload(upload) => format!("upload {}", upload.id),
        Record::Sequence(sequence, _) => format!("sequence {}", sequence.as_str()),
    }
}

/// Hands every record of a catalog to `each`, in the order in which an import can add them.
async fn walk(
    catalog: &dyn Catalog,
    mut each: impl AsyncFnMut(Record) -> Result<(), CarryError>,
) -> Result<(), CarryError> {
    for collection in Collection::ALL {
        let mut after = None;
        loop {
            let part = catalog.records(collection, after.as_deref(), PART).await?;
            for record in part.records {
                each(record).await?;
            }
            after = part.next;
            if after.is_none() {
                break;
            }
        }
    }
    Ok(())
}
