//! An object as a file that can be read anywhere.
//!
//! Media is read forwards for the most part, with jumps to its tables. So one stream is kept open from the last jump
//! on; short jumps ahead read over what lies between, and jumps within the piece in hand cost nothing.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Mutex;

use bytes::Bytes;
use futures_util::StreamExt;
use reelmill_core::ports::{ByteStream, Input, ObjectsError};
use reelmill_media::Source;
use tokio::runtime::Handle;

use super::errand::Errand;

/// How far ahead is read over rather than jumped to: what a new request costs a remote store.
const READ_OVER_BYTES: u64 = 512 * 1024;

/// An object being read by a thread that may block.
pub(super) struct ObjectSource {
    input: Input,
    errand: Errand,
    runtime: Handle,
    position: u64,
    /// The bytes in hand, and where in the object they begin.
    piece: Bytes,
    piece_start: u64,
    /// What follows the piece. A stream may be read by one thread only, a source must be shareable.
    stream: Mutex<Option<ByteStream>>,
}

impl ObjectSource {
    /// Reads `input` on behalf of `errand`. Must be made where a runtime is.
    pub(super) fn new(input: Input, errand: &Errand) -> Self {
        Self {
            input,
            errand: errand.clone(),
            runtime: Handle::current(),
            position: 0,
            piece: Bytes::new(),
            piece_start: 0,
            stream: Mutex::new(None),
        }
    }

    fn piece_end(&self) -> u64 {
        self.piece_start + self.piece.len() as u64
    }

    /// Brings the piece that holds the position into hand.
    fn reach(&mut self) -> Result<(), ObjectsError> {
        let is_ahead =
            self.position >= self.piece_end() && self.position - self.piece_end() <= READ_OVER_BYTES;
        if !is_ahead {
            self.close();
        }
        while !(self.piece_start..self.piece_end()).contains(&self.position) {
            if self.stream().is_none() {
                self.open()?;
            }
            let start = self.piece_end();
            self.piece = self.next_piece()?;
            self.piece_start = start;
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), ObjectsError> {
        let Input { objects, key, size_bytes, .. } = self.input.clone();
        let range = self.position..size_bytes;
        let stream = self.wait(async move { objects.read(&key, range).await })?;
        (self.piece, self.piece_start) = (Bytes::new(), self.position);
        *self.stream() = Some(stream);
        Ok(())
    }

    fn next_piece(&mut self) -> Result<Bytes, ObjectsError> {
        let Some(mut stream) = self.stream().take() else {
            return Err(ObjectsError::Corrupt("there is no stream".to_owned()));
        };
        let piece = self.wait(async {
            let missing = || Err(ObjectsError::Corrupt("the object ended early".to_owned()));
            stream.next().await.unwrap_or_else(missing)
        })?;
        *self.stream() = Some(stream);
        Ok(piece)
    }

    fn close(&mut self) {
        *self.stream() = None;
        (self.piece, self.piece_start) = (Bytes::new(), self.position);
    }

    fn stream(&mut self) -> &mut Option<ByteStream> {
        self.stream.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// Blocks this thread until the store has answered, or nobody waits for it any more.
    fn wait<T>(&self, answer: impl Future<Output = Result<T, ObjectsError>>) -> Result<T, ObjectsError> {
        self.runtime.block_on(self.errand.answer(answer))
    }
}

impl Read for ObjectSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.input.size_bytes || buffer.is_empty() {
            return Ok(0);
        }
        if let Err(error) = self.reach() {
            let said = error.to_string();
            if !self.errand.is_over() {
                self.errand.fail(error);
            }
            return Err(io::Error::other(said));
        }
        // Within the piece, whose length is a usize.
        let within = usize::try_from(self.position - self.piece_start).map_err(io::Error::other)?;
        let behind = &self.piece[within..];
        let length = behind.len().min(buffer.len());
        buffer[..length].copy_from_slice(&behind[..length]);
        self.position += length as u64;
        Ok(length)
    }
}

impl Seek for ObjectSource {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.input.size_bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Source for ObjectSource {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.input.size_bytes)
    }
}
