//! The caller's source as the demuxers see it: it can be cut off, and it remembers its own failures.
//!
//! A demuxer turns every read error into its own, and takes some for the end of the stream. The tap keeps
//! the caller's error aside, so that a lost connection is never reported as a damaged file.

use std::io::{self, IoSliceMut, Read, Seek, SeekFrom};
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use symphonia::core::errors::Error;
use symphonia::core::io::MediaSource;

use crate::error::MediaError;
use crate::reading::{Plan, Reader};
use crate::source::Source;

/// A source on its way into a demuxer.
pub(crate) struct Tap {
    source: Reader,
    gauge: Gauge,
    /// What is shown in place of the source's own bytes, and where.
    replaced: Vec<(u64, Vec<u8>)>,
}

/// What can be seen of a [`Tap`] after the demuxer has swallowed it.
#[derive(Clone)]
pub(crate) struct Gauge {
    cancel: Arc<AtomicBool>,
    failure: Arc<Mutex<Option<io::Error>>>,
    position: Arc<AtomicU64>,
    remark: Arc<Mutex<Option<String>>>,
}

impl Tap {
    pub(crate) fn new(source: Box<dyn Source>, cancel: Arc<AtomicBool>) -> Self {
        let source = Reader::new(source, Arc::clone(&cancel));
        let gauge = Gauge {
            cancel,
            failure: Arc::default(),
            position: Arc::new(AtomicU64::new(0)),
            remark: Arc::default(),
        };
        Self { source, gauge, replaced: Vec::new() }
    }

    pub(crate) fn gauge(&self) -> Gauge {
        self.gauge.clone()
    }

    /// Runs one operation of the source unless the caller has cancelled.
    fn run<T>(&mut self, operation: impl FnOnce(&mut Reader) -> io::Result<T>) -> io::Result<T> {
        if self.gauge.cancel.load(Ordering::Relaxed) {
            return Err(io::Error::other("cancelled"));
        }
        operation(&mut self.source).map_err(|error| {
            if error.kind() == io::ErrorKind::Interrupted {
                return error;
            }
            // An UnexpectedEof of the source's own must not look like the end of the media.
            let stand_in = io::Error::other("the source failed");
            *self.gauge.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
            stand_in
        })
    }

    /// Whether jumps are dear.
    pub(crate) fn is_far(&self) -> bool {
        self.source.is_far()
    }

    /// Reads `range` in one go and keeps it, if that saves jumps and it is not too much.
    pub(crate) fn keep(&mut self, range: Range<u64>) -> io::Result<()> {
        self.run(|source| source.keep(range))
    }

    /// Lets reading in a row start reading ahead.
    pub(crate) fn read_straight(&mut self) {
        self.source.read_straight();
    }

    /// Whether a plan is being followed.
    pub(crate) fn is_ahead(&self) -> bool {
        self.source.is_ahead()
    }

    /// Reads all from `offset` on ahead.
    pub(crate) fn read_straight_from(&mut self, offset: u64) {
        self.source.read_straight_from(offset);
    }

    /// Reads by `plan` from now on.
    pub(crate) fn follow(&mut self, plan: Plan) {
        self.source.follow(plan);
    }

    /// Shows `bytes` from `offset` on in place of what is there.
    pub(crate) fn replace(&mut self, offset: u64, bytes: &[u8]) {
        self.replaced.push((offset, bytes.to_vec()));
    }

    /// Fills as much of `buffer` as there is from `offset` on.
    pub(crate) fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> io::Result<usize> {
        self.seek(SeekFrom::Start(offset))?;
        let mut filled = 0;
        while filled < buffer.len() {
            match self.read(&mut buffer[filled..]) {
                Ok(0) => break,
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    /// Reads exactly `N` bytes at `offset`, or `None` where the input ends before that.
    pub(crate) fn bytes_at<const N: usize>(&mut self, offset: u64) -> io::Result<Option<[u8; N]>> {
        let mut bytes = [0; N];
        Ok((self.read_at(offset, &mut bytes)? == N).then_some(bytes))
    }
}

impl Read for Tap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.run(|source| source.read(buffer))?;
        let start = self.gauge.position.fetch_add(count as u64, Ordering::Relaxed);
        for (offset, bytes) in &self.replaced {
            for (at, byte) in (*offset..).zip(bytes) {
                let shown = at.checked_sub(start).and_then(|index| usize::try_from(index).ok());
                if let Some(shown) = shown.and_then(|index| buffer[..count].get_mut(index)) {
                    *shown = *byte;
                }
            }
        }
        Ok(count)
    }

    fn read_vectored(&mut self, buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let first = buffers.iter_mut().find(|buffer| !buffer.is_empty());
        first.map_or(Ok(0), |buffer| self.read(buffer))
    }
}

impl Seek for Tap {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = self.run(|source| source.seek(to))?;
        self.gauge.position.store(position, Ordering::Relaxed);
        Ok(position)
    }
}

impl MediaSource for Tap {
    fn is_seekable(&self) -> bool {
        true
    }

    fn byte_len(&self) -> Option<u64> {
        self.source.size_bytes()
    }
}

impl Gauge {
    /// The caller's cancel flag.
    pub(crate) fn cancel(&self) -> &Arc<AtomicBool> {
        &self.cancel
    }

    /// Keeps what is odd about the input but not wrong, and the first of it only.
    pub(crate) fn remark(&self, sentence: String) {
        self.remark.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(sentence);
    }

    /// What was odd.
    pub(crate) fn remarked(&self) -> Option<String> {
        self.remark.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Turns an error into one that a demuxer may return, and that [`Gauge::explain`] turns back.
    pub(crate) fn disguise(&self, error: MediaError) -> Error {
        match error {
            MediaError::Io(error) => {
                *self.failure.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
                Error::IoError(io::Error::other("the source failed"))
            }
            MediaError::Corrupt(why) => Error::IoError(io::Error::other(why)),
            other => Error::IoError(io::Error::other(other.to_string())),
        }
    }

    /// Where the demuxer reads.
    pub(crate) fn position(&self) -> u64 {
        self.position.load(Ordering::Relaxed)
    }

    /// Says what an error of our own reading really was.
    pub(crate) fn explain_io(&self, error: io::Error) -> MediaError {
        self.real_cause().unwrap_or(MediaError::Io(error))
    }

    /// Says what a demuxer's or decoder's error really was: the caller's doing, or the input's.
    pub(crate) fn explain(&self, error: Error) -> MediaError {
        if let Some(cause) = self.real_cause() {
            return cause;
        }
        match error {
            Error::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => {
                MediaError::Truncated("it ends in the middle of a structure".into())
            }
            Error::IoError(error) => MediaError::Corrupt(error.to_string()),
            Error::DecodeError(why) => MediaError::Corrupt(why.into()),
            Error::Unsupported(what) => MediaError::Unsupported { codec: what.into() },
            Error::LimitError(what) => MediaError::Limit(what.into()),
            other => MediaError::Corrupt(other.to_string()),
        }
    }

    fn real_cause(&self) -> Option<MediaError> {
        if self.cancel.load(Ordering::Relaxed) {
            return Some(MediaError::Cancelled);
        }
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take().map(MediaError::Io)
    }
}
