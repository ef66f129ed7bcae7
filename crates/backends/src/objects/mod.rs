//! Object stores: where the bytes are kept.

#[cfg(feature = "objects-file")]
mod file;
#[cfg(feature = "objects-memory")]
mod memory;
#[cfg(any(feature = "objects-file", feature = "objects-memory"))]
mod uri;

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use reelmill_core::ports::{HEAD_LIMIT_BYTES, Objects, ObjectsError};

use crate::opening::{self, Backend, OpenError, Opened};

#[cfg(feature = "objects-file")]
pub use file::FileObjects;
#[cfg(feature = "objects-memory")]
pub use memory::MemoryObjects;

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
        scheme: "memory",
        feature: "objects-memory",
        title: "in memory, gone with the process",
        #[cfg(feature = "objects-memory")]
        opening: Some(memory::OPENING),
        #[cfg(not(feature = "objects-memory"))]
        opening: None,
    },
];

/// How an object store is opened: from what follows the URL's colon, and the data folder.
pub type Opening = for<'a> fn(&'a str, &'a Path) -> Opened<'a, Arc<dyn Objects>>;

/// Opens the object store of that URL.
///
/// # Errors
/// Where no such backend is in this build, or it cannot be used.
pub async fn open(url: &str, data_dir: &Path) -> Result<Arc<dyn Objects>, OpenError> {
    let (open, rest) = opening::pick("object store", BACKENDS, url)?;
    open(rest, data_dir).await
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
