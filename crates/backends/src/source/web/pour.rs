//! From a download into the store: in large pieces, counted, and no further than the limit.

use bytes::{Bytes, BytesMut};
use reelmill_core::ports::{ObjectWriter, SourceError};

use super::trouble::Trouble;

/// What is handed to the store at a time.
const PIECE_BYTES: usize = 256 * 1024;

/// Bytes on their way into an object.
pub(super) struct Pour<'a> {
    output: &'a mut dyn ObjectWriter,
    waiting: BytesMut,
    taken: u64,
    limit_bytes: u64,
}

impl<'a> Pour<'a> {
    pub(super) fn new(output: &'a mut dyn ObjectWriter, limit_bytes: u64) -> Self {
        Self { output, waiting: BytesMut::new(), taken: 0, limit_bytes }
    }

    /// Adds bytes.
    ///
    /// # Errors
    /// Where they are too many, or the store takes none.
    pub(super) async fn add(&mut self, bytes: &[u8]) -> Result<(), SourceError> {
        self.taken += bytes.len() as u64;
        self.accept_size(self.taken)?;
        self.waiting.extend_from_slice(bytes);
        if self.waiting.len() >= PIECE_BYTES { self.flush().await } else { Ok(()) }
    }

    /// Hands over what is left.
    pub(super) async fn flush(&mut self) -> Result<(), SourceError> {
        let piece: Bytes = self.waiting.split().freeze();
        if !piece.is_empty() {
            self.output.write(piece).await?;
        }
        Ok(())
    }

    /// How many bytes were added.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// Refuses a size that is above the limit.
    pub(super) fn accept_size(&self, size_bytes: u64) -> Result<(), SourceError> {
        if size_bytes > self.limit_bytes {
            return Err(Trouble::too_large(self.limit_bytes).into());
        }
        Ok(())
    }
}
