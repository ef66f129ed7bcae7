//! A source and the plan by which it is read: gives block after block, on whatever thread.

use std::io::{self, Read, SeekFrom};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use super::pace::{Pace, PaceMeter};
use super::plan::Plan;
use crate::source::Source;

/// How much is read and handed on at once.
pub(super) const BLOCK_BYTES: usize = 128 * 1024;

/// Bytes, and where they stand.
pub(super) struct Block {
    pub(super) start: u64,
    pub(super) bytes: Vec<u8>,
}

impl Block {
    pub(super) fn end(&self) -> u64 {
        self.start + self.bytes.len() as u64
    }

    /// Copies what it has from `position` on; `None` where that is elsewhere.
    pub(super) fn copy(&self, position: u64, buffer: &mut [u8]) -> Option<usize> {
        let within = usize::try_from(position.checked_sub(self.start)?).ok()?;
        let behind = self.bytes.get(within..).filter(|behind| !behind.is_empty())?;
        let count = behind.len().min(buffer.len());
        buffer[..count].copy_from_slice(&behind[..count]);
        Some(count)
    }
}

/// A source that is read at places rather than from one, and timed.
pub(super) struct Metered {
    source: Box<dyn Source>,
    /// Where it stands, if that is known.
    position: Option<u64>,
    meter: PaceMeter,
}

impl Metered {
    pub(super) fn new(source: Box<dyn Source>) -> Self {
        Self { source, position: None, meter: PaceMeter::default() }
    }

    /// What it says itself, or what was measured, or for want of both that it is near.
    pub(super) fn pace(&self) -> Pace {
        self.source.pace().or_else(|| self.meter.pace()).unwrap_or(Pace::LOCAL)
    }

    /// Whether it says that it is near.
    pub(super) fn is_near(&self) -> bool {
        self.source.pace().is_some_and(|pace| !pace.is_far())
    }

    pub(super) fn size_bytes(&self) -> Option<u64> {
        self.source.size_bytes()
    }

    /// Says what will be read next, up to a jump.
    pub(super) fn expect(&mut self, range: Range<u64>) {
        self.source.expect(range);
    }

    pub(super) fn seek_end(&mut self) -> io::Result<u64> {
        self.position = None;
        let end = self.source.seek(SeekFrom::End(0))?;
        self.position = Some(end);
        Ok(end)
    }

    /// Reads once at `offset`.
    pub(super) fn read_once(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        let began = Instant::now();
        let is_jump = self.position != Some(offset);
        if is_jump {
            self.position = None;
            self.source.seek(SeekFrom::Start(offset))?;
        }
        let read = self.source.read(buffer);
        let count = match read {
            Ok(count) => count,
            Err(error) => {
                self.position = None;
                return Err(error);
            }
        };
        self.position = Some(offset + count as u64);
        if is_jump {
            self.meter.note_jump(began.elapsed());
        } else {
            self.meter.note_read(count as u64, began.elapsed());
        }
        Ok(count)
    }

    /// Reads the block of `length` bytes at `offset`, or what there is of it; gives up once `stop` is set.
    pub(super) fn read_block(&mut self, offset: u64, length: usize, stop: &AtomicBool) -> io::Result<Block> {
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while filled < length && !stop.load(Ordering::Relaxed) {
            match self.read_once(offset + filled as u64, &mut bytes[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        bytes.truncate(filled);
        Ok(Block { start: offset, bytes })
    }
}

/// A source on its way through a plan.
pub(super) struct Walk {
    pub(super) source: Metered,
    plan: Plan,
    rest: Range<u64>,
}

impl Walk {
    pub(super) fn new(source: Metered, plan: Plan) -> Self {
        Self { source, plan, rest: 0..0 }
    }

    /// Reads the next block, or `None` at the plan's or the source's end.
    pub(super) fn next_block(&mut self, stop: &AtomicBool) -> io::Result<Option<Block>> {
        if self.rest.is_empty() {
            let Some(range) = (self.plan)(self.source.pace()) else { return Ok(None) };
            self.source.expect(range.clone());
            self.rest = range;
        }
        let length = usize::try_from(self.rest.end - self.rest.start).unwrap_or(usize::MAX).min(BLOCK_BYTES);
        let block = self.source.read_block(self.rest.start, length, stop)?;
        self.rest.start = block.end();
        Ok((!block.bytes.is_empty()).then_some(block))
    }
}
