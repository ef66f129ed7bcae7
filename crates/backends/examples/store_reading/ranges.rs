//! Ranges and nothing else: the head and the index in a request each, then one for every stretch of audio when its turn
//! comes.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::time::Duration;

use bytes::Bytes;
use futures_util::TryStreamExt as _;
use reelmill_core::Key;
use reelmill_core::ports::{Objects as _, ObjectsError};
use reelmill_media::{Pace, Source};
use tokio::runtime::Handle;

use super::Failure;
use super::count::Counted;
use super::film::Film;

/// What is read of the start at once.
const HEAD_BYTES: u64 = 64 * 1024;
/// As many boxes stand before an index, as a rule fewer.
const MAX_BOXES: u32 = 16;

/// Bytes, and where they stand.
struct Piece {
    start: u64,
    bytes: Bytes,
}

impl Piece {
    fn from(&self, position: u64) -> Option<&[u8]> {
        let within = usize::try_from(position.checked_sub(self.start)?).ok()?;
        self.bytes.get(within..).filter(|rest| !rest.is_empty())
    }
}

/// An object that is read by one request at a time.
pub(super) struct Ranges {
    objects: Counted,
    key: Key,
    size_bytes: u64,
    runtime: Handle,
    position: u64,
    /// What is kept: the head and the index.
    kept: Vec<Piece>,
    piece: Piece,
    expected: Range<u64>,
}

impl Ranges {
    /// Reads the head of the film and, where that does not hold it, the index.
    pub(super) async fn open(film: &Film) -> Result<Self, Failure> {
        let mut ranges = Self {
            objects: film.objects.clone(),
            key: film.key.clone(),
            size_bytes: film.size_bytes,
            runtime: Handle::current(),
            position: 0,
            kept: Vec::new(),
            piece: Piece { start: 0, bytes: Bytes::new() },
            expected: 0..0,
        };
        let head = ranges.ask(0..HEAD_BYTES.min(film.size_bytes)).await?;
        let index = index(&head, film.size_bytes).filter(|index| index.end > HEAD_BYTES);
        ranges.kept.push(head);
        if let Some(index) = index {
            let index = ranges.ask(index).await?;
            ranges.kept.push(index);
        }
        Ok(ranges)
    }

    async fn ask(&self, range: Range<u64>) -> Result<Piece, ObjectsError> {
        let start = range.start;
        let stream = self.objects.read(&self.key, range).await?;
        let pieces: Vec<Bytes> = stream.try_collect().await?;
        Ok(Piece { start, bytes: pieces.concat().into() })
    }
}

/// Where the film's index is: from it to the end, as what follows it is looked at too.
fn index(head: &Piece, size_bytes: u64) -> Option<Range<u64>> {
    let mut offset = 0;
    for _ in 0..MAX_BOXES {
        let Some(rest) = head.from(offset).filter(|rest| rest.len() >= 16) else {
            // Behind the media, whose end the last header told.
            return (offset < size_bytes).then_some(offset..size_bytes);
        };
        let number = |at: usize| rest[at..at + 4].iter().fold(0, |sum, byte| sum << 8 | u64::from(*byte));
        let length = if number(0) == 1 { number(8) << 32 | number(12) } else { number(0) };
        if &rest[4..8] == b"moov" {
            return Some(offset..(offset + length).min(size_bytes));
        }
        offset = offset.checked_add(length.max(8))?;
    }
    None
}

impl Read for Ranges {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size_bytes {
            return Ok(0);
        }
        let held = |ranges: &Self, buffer: &mut [u8]| {
            let mut pieces = ranges.kept.iter().chain([&ranges.piece]);
            let rest = pieces.find_map(|piece| piece.from(ranges.position))?;
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            Some(count)
        };
        let count = if let Some(count) = held(self, buffer) {
            count
        } else {
            let end = if self.expected.contains(&self.position) {
                self.expected.end
            } else {
                self.position.saturating_add(buffer.len() as u64)
            };
            let range = self.position..end.min(self.size_bytes);
            self.piece = self.runtime.block_on(self.ask(range)).map_err(io::Error::other)?;
            held(self, buffer).unwrap_or(0)
        };
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Ranges {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size_bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Source for Ranges {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.size_bytes)
    }

    /// As if a request cost nothing, so that none is saved and nothing is read ahead.
    fn pace(&self) -> Option<Pace> {
        Some(Pace { first_byte: Duration::ZERO, bytes_per_second: 0 })
    }

    fn expect(&mut self, range: Range<u64>) {
        self.expected = range;
    }
}
