//! The object store: bytes under keys, written once.
//!
//! A key is fresh when it is written and is never written again, so a reader sees a whole object or none, and
//! what it has read stays true. Nothing is listed: the catalog knows every key.

use std::ops::Range;
use std::pin::Pin;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_core::Stream;
use thiserror::Error;

use crate::Key;

/// How much of an object's start may be patched while it is written: stores that take objects in parts hold the
/// first part back until the end, and 5 MiB is the least that S3 lets a part have.
pub const HEAD_LIMIT_BYTES: u64 = 5 * 1024 * 1024;

/// The bytes of an object, in pieces of the store's choosing.
pub type ByteStream = Pin<Box<dyn Stream<Item = Result<Bytes, ObjectsError>> + Send>>;

/// Where the bytes are.
#[async_trait]
pub trait Objects: Send + Sync {
    /// Begins an object. Nothing is visible under the key until [`ObjectWriter::finish`].
    ///
    /// # Errors
    /// `Conflict` where the key is there already (it may also come from `finish`).
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError>;

    /// The object's size in bytes.
    ///
    /// # Errors
    /// `NotFound`.
    async fn size(&self, key: &Key) -> Result<u64, ObjectsError>;

    /// The bytes of `range`, which must lie within the object; only these are fetched.
    ///
    /// # Errors
    /// `NotFound`; `OutOfRange` where the range does not lie within the object. Either may come as the stream's
    /// first item instead. A stream that ends early ends with an error, never silently.
    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError>;

    /// An address from which anybody who has it may read the object for [`Handout::lifetime`], served by the store itself;
    /// `None` where the store has no such thing. Whether the object is there is not looked at.
    async fn presign(&self, key: &Key, handout: &Handout<'_>) -> Result<Option<String>, ObjectsError>;

    /// Where the object is, as other programs name it (`file:///…`, `s3://bucket/key`). Whether it is there is not looked at.
    fn uri(&self, key: &Key) -> String;

    /// Takes the object away. One that is not there is taken away already.
    async fn delete(&self, key: &Key) -> Result<(), ObjectsError>;

    /// Writes, reads and deletes something small, to show that it can be used.
    async fn check(&self) -> Result<(), ObjectsError>;
}

/// What a reader of a presigned address is told: all of it is part of what is signed.
#[derive(Debug, Clone, Copy)]
pub struct Handout<'a> {
    /// The `Content-Type` of the answer.
    pub content_type: &'a str,
    /// The `Content-Disposition` of the answer.
    pub disposition: &'a str,
    /// How long the address is good, in whole seconds.
    pub lifetime: Duration,
}

/// An object that is being written. Dropped without `finish`, it leaves nothing visible, and what it occupied is
/// freed (at the next start at the latest).
#[async_trait]
pub trait ObjectWriter: Send {
    /// Adds bytes at the end. Holds the caller back while the store is slower.
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError>;

    /// Writes over bytes written before; `offset + bytes.len()` is at most what was written and at most
    /// [`HEAD_LIMIT_BYTES`].
    ///
    /// # Errors
    /// `OutOfRange` otherwise.
    async fn patch(&mut self, offset: u64, bytes: Bytes) -> Result<(), ObjectsError>;

    /// Makes the object visible, whole and durable.
    ///
    /// # Errors
    /// `Conflict` where another object of that key came first; it stays as it is.
    async fn finish(self: Box<Self>) -> Result<Stored, ObjectsError>;
}

/// An object that was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// How many bytes.
    pub size_bytes: u64,
    /// The store's own id for it, where it has one that clients know (the 24 hex digits of GridFS).
    pub fid: Option<String>,
}

/// What a caller of an object store may see.
#[derive(Debug, Error)]
pub enum ObjectsError {
    /// There is no object of that key.
    #[error("there is no object `{0}`")]
    NotFound(Key),
    /// There is one already.
    #[error("there is an object `{0}` already")]
    Conflict(Key),
    /// The range does not lie within the object.
    #[error("the range does not lie within the object")]
    OutOfRange,
    /// The store is full.
    #[error("the store is full: {0}")]
    Full(String),
    /// It cannot be reached or used now.
    #[error("the store cannot be used: {0}")]
    Unavailable(String),
    /// Fewer or other bytes came than the object has.
    #[error("the store gave damaged bytes: {0}")]
    Corrupt(String),
}

impl ObjectsError {
    /// Whether the same call may do better later. A full store may: somebody makes room.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Full(_) | Self::Unavailable(_) => true,
            Self::NotFound(_) | Self::Conflict(_) | Self::OutOfRange | Self::Corrupt(_) => false,
        }
    }
}
