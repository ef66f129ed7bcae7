//! A source that says how far away it is and counts what it is asked for, without ever waiting.

use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use reelmill_media::{Pace, Source};

/// Bytes, of which a part may be moved behind a hole, and others be shown in place of some.
pub(crate) struct Store {
    bytes: Vec<u8>,
    hole: Range<u64>,
    position: u64,
    /// What will be read next, as far as was said.
    expected: Range<u64>,
    /// Where the answer to the last request ends.
    asked_to: u64,
    pace: Pace,
    log: Log,
}

/// Every request, by where reading began and ended.
#[derive(Clone, Default)]
pub(crate) struct Log(Arc<Mutex<Vec<Range<u64>>>>);

impl Log {
    fn rows(&self) -> MutexGuard<'_, Vec<Range<u64>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn requests(&self) -> Vec<Range<u64>> {
        self.rows().clone()
    }

    /// Requests, and the bytes that they gave.
    pub(crate) fn totals(&self) -> (usize, u64) {
        let rows = self.rows();
        (rows.len(), rows.iter().map(|row| row.end - row.start).sum())
    }
}

impl Store {
    pub(crate) fn new(bytes: Vec<u8>, pace: Pace) -> Self {
        Self { bytes, hole: 0..0, position: 0, expected: 0..0, asked_to: 0, pace, log: Log::default() }
    }

    /// With a hole of zeros at `start`, and `bytes` for what is said about it.
    pub(crate) fn with_hole(start: u64, length: u64, bytes: Vec<u8>) -> Self {
        Self { hole: start..start + length, ..Self::new(bytes, Pace::LOCAL) }
    }

    pub(crate) fn log(&self) -> Log {
        self.log.clone()
    }

    fn end(&self) -> u64 {
        self.bytes.len() as u64 + self.hole.end - self.hole.start
    }
}

impl Read for Store {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let (at, limit) = if self.hole.contains(&self.position) {
            (None, self.hole.end)
        } else if self.position < self.hole.start || self.hole.is_empty() {
            (Some(self.position), if self.hole.is_empty() { self.end() } else { self.hole.start })
        } else {
            (Some(self.position - (self.hole.end - self.hole.start)), self.end())
        };
        let goes_on = self.position < self.asked_to
            && self.log.rows().last().is_some_and(|row| row.end == self.position);
        if !goes_on {
            let is_expected = self.expected.contains(&self.position);
            self.asked_to = if is_expected { self.expected.end } else { self.end() };
        }
        let limit = limit.min(self.asked_to);
        let rest = usize::try_from(limit.saturating_sub(self.position)).unwrap_or(usize::MAX);
        let count = buffer.len().min(rest);
        match at.and_then(|at| usize::try_from(at).ok()) {
            Some(at) => buffer[..count].copy_from_slice(&self.bytes[at..at + count]),
            None => buffer[..count].fill(0),
        }
        let end = self.position + count as u64;
        let mut rows = self.log.rows();
        match rows.last_mut().filter(|_| goes_on) {
            Some(row) => row.end = end,
            None if count > 0 => rows.push(self.position..end),
            None => {}
        }
        drop(rows);
        self.position = end;
        Ok(count)
    }
}

impl Seek for Store {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.end().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Source for Store {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.end())
    }

    fn pace(&self) -> Option<Pace> {
        Some(self.pace)
    }

    /// As a store does it: a request asks for just these bytes, and what lies behind them is another one.
    fn expect(&mut self, range: Range<u64>) {
        self.expected = range;
    }
}
