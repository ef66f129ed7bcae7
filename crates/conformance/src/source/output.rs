//! Objects that a test writes a download into.

use async_trait::async_trait;
use bytes::Bytes;
use reelmill_core::ports::{ObjectWriter, ObjectsError, Stored};

/// An object in memory that can be looked into; it may be full from the start.
#[derive(Debug, Default)]
pub struct Output {
    /// What was written.
    pub bytes: Vec<u8>,
    /// Whether it takes nothing.
    pub is_full: bool,
}

#[async_trait]
impl ObjectWriter for Output {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError> {
        if self.is_full {
            return Err(ObjectsError::Full("no room".to_owned()));
        }
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn patch(&mut self, _: u64, _: Bytes) -> Result<(), ObjectsError> {
        Err(ObjectsError::OutOfRange)
    }

    async fn finish(self: Box<Self>) -> Result<Stored, ObjectsError> {
        Ok(Stored { size_bytes: self.bytes.len() as u64, fid: None })
    }
}
