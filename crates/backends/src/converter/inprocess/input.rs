//! An object as a file that can be read anywhere.
//!
//! The library says which bytes it will read before it jumps, so each request asks for just these: its answer is read
//! to the end, and the connection is free for the next. Short jumps ahead read over what lies between, and jumps within
//! the piece in hand cost nothing. What requests take is measured on the way; by that the library plans the next.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::Mutex;
use std::time::Instant;

use bytes::Bytes;
use futures_util::StreamExt;
use reelmill_core::ports::{ByteStream, Input, ObjectsError};
use reelmill_media::{Pace, PaceMeter, Source};
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
    /// What will be read next, as far as the library has said.
    expected: Range<u64>,
    /// Where the stream ends.
    stream_end: u64,
    meter: PaceMeter,
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
            expected: 0..0,
            stream_end: 0,
            meter: PaceMeter::default(),
            stream: Mutex::new(None),
        }
    }

    fn piece_end(&self) -> u64 {
        self.piece_start + self.piece.len() as u64
    }

    /// Brings the piece that holds the position into hand.
    fn reach(&mut self) -> Result<(), ObjectsError> {
        let is_ahead = (self.piece_end()..self.stream_end).contains(&self.position)
            && self.position - self.piece_end() <= READ_OVER_BYTES;
        let is_in_hand = (self.piece_start..self.piece_end()).contains(&self.position);
        if !is_in_hand && !is_ahead {
            self.close();
        }
        while !(self.piece_start..self.piece_end()).contains(&self.position) {
            let asked = Instant::now();
            let is_new = self.stream().is_none();
            if is_new {
                self.open()?;
            }
            let start = self.piece_end();
            self.piece = self.next_piece()?;
            self.piece_start = start;
            let length = self.piece.len() as u64;
            self.errand.count_read(u64::from(is_new), length);
            if is_new {
                self.meter.note_jump(asked.elapsed());
            } else {
                self.meter.note_read(length, asked.elapsed());
            }
        }
        Ok(())
    }

    fn open(&mut self) -> Result<(), ObjectsError> {
        let Input { objects, key, size_bytes, .. } = self.input.clone();
        let is_expected = self.expected.contains(&self.position);
        self.stream_end = if is_expected { self.expected.end.min(size_bytes) } else { size_bytes };
        let range = self.position..self.stream_end;
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
        self.stream_end = self.position;
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

    fn pace(&self) -> Option<Pace> {
        self.meter.pace()
    }

    fn expect(&mut self, range: Range<u64>) {
        self.expected = range;
    }
}
