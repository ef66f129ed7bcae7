//! Object stores: where the bytes are kept.

#[cfg(feature = "objects-file")]
mod file;
#[cfg(feature = "objects-gcs")]
mod gcs;
#[cfg(feature = "objects-gridfs")]
mod gridfs;
#[cfg(feature = "objects-memory")]
mod memory;
#[cfg(any(feature = "objects-gcs", feature = "objects-s3"))]
mod remote;
#[cfg(feature = "objects-s3")]
mod s3;
#[cfg(any(
    feature = "objects-file",
    feature = "objects-gcs",
    feature = "objects-gridfs",
    feature = "objects-s3"
))]
mod trial;
#[cfg(any(
    feature = "objects-file",
    feature = "objects-gcs",
    feature = "objects-gridfs",
    feature = "objects-memory",
    feature = "objects-s3"
))]
mod uri;

use std::ops::Range;
use std::sync::Arc;

use reelmill_core::ports::{HEAD_LIMIT_BYTES, Objects, ObjectsError};

use crate::opening::{self, Backend, Deployment, OpenError, Opened};

#[cfg(feature = "objects-file")]
pub use file::FileObjects;
#[cfg(feature = "objects-gcs")]
pub use gcs::GcsObjects;
#[cfg(feature = "objects-gridfs")]
pub use gridfs::GridFsObjects;
#[cfg(feature = "objects-memory")]
pub use memory::MemoryObjects;
#[cfg(feature = "objects-s3")]
pub use s3::S3Objects;

/// The object stores that there are.
pub const BACKENDS: &[Backend<Opening>] = &[
    Backend {
        scheme: "file",
        feature: "objects-file",
        title: "files in a folder",
        #[cfg(feature = "objects-file")]
        opening: Some(file::OPENING),
        #[cfg(not(feature = "objects-file"))]
        opening: None,
    },
    Backend {
        scheme: "gs",
        feature: "objects-gcs",
        title: "a bucket of Google Cloud Storage",
        #[cfg(feature = "objects-gcs")]
        opening: Some(gcs::OPENING),
        #[cfg(not(feature = "objects-gcs"))]
        opening: None,
    },
    Backend {
        scheme: "gridfs",
        feature: "objects-gridfs",
        title: "MongoDB GridFS",
        #[cfg(feature = "objects-gridfs")]
        opening: Some(gridfs::OPENING),
        #[cfg(not(feature = "objects-gridfs"))]
        opening: None,
    },
    Backend {
        scheme: "memory",
        feature: "objects-memory",
        title: "in memory, gone with the process",
        #[cfg(feature = "objects-memory")]
        opening: Some(memory::OPENING),
        #[cfg(not(feature = "objects-memory"))]
        opening: None,
    },
    Backend {
        scheme: "s3",
        feature: "objects-s3",
        title: "a bucket of S3 or of a store like it",
        #[cfg(feature = "objects-s3")]
        opening: Some(s3::OPENING),
        #[cfg(not(feature = "objects-s3"))]
        opening: None,
    },
];

/// How an object store is opened: from what follows the URL's colon, and what surrounds it.
pub type Opening = for<'a> fn(&'a str, &'a Deployment) -> Opened<'a, Arc<dyn Objects>>;

/// Opens the object store of that URL.
///
/// # Errors
/// Where no such backend is in this build, or it cannot be used.
pub async fn open(url: &str, deployment: &Deployment) -> Result<Arc<dyn Objects>, OpenError> {
    let (open, rest) = opening::pick("object store", BACKENDS, url)?;
    open(rest, deployment).await
}

/// Refuses a range that does not lie within an object of `size_bytes`.
///
/// # Errors
/// `OutOfRange`.
pub fn check_range(range: &Range<u64>, size_bytes: u64) -> Result<(), ObjectsError> {
    if range.start <= range.end && range.end <= size_bytes { Ok(()) } else { Err(ObjectsError::OutOfRange) }
}

/// Refuses a patch of `length` bytes at `offset` that does not lie within the head of what was written.
///
/// # Errors
/// `OutOfRange`.
pub fn check_patch(offset: u64, length: usize, written_bytes: u64) -> Result<(), ObjectsError> {
    let end = u64::try_from(length).ok().and_then(|length| offset.checked_add(length));
    if end.is_some_and(|end| end <= written_bytes && end <= HEAD_LIMIT_BYTES) {
        Ok(())
    } else {
        Err(ObjectsError::OutOfRange)
    }
}
