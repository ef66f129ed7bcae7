//! Where the input comes from: random access to bytes.
//!
//! Containers keep their tables at either end, so a source must seek. A caller with a remote object
//! implements [`Source`] over ranged reads, and may say how far away it is; what it is asked for, and how far ahead,
//! follows from that.

use std::fs::File;
use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::reading::Pace;

/// Random access input.
///
/// An error from `read` or `seek` ends the conversion as [`crate::MediaError::Io`], unchanged.
pub trait Source: Read + Seek + Send + Sync {
    /// Gives the total size, or `None` where only the end of the stream will tell.
    fn size_bytes(&self) -> Option<u64>;

    /// What reading costs, as far as it knows; otherwise that is measured.
    fn pace(&self) -> Option<Pace> {
        None
    }

    /// Hears which bytes will be read next, from first to last, before a jump. Nobody is bound to it, but a source that
    /// asks elsewhere for its bytes can ask for just these.
    fn expect(&mut self, range: Range<u64>) {
        let _ = range;
    }
}

/// A file as a [`Source`].
#[derive(Debug)]
pub struct FileSource {
    file: File,
    size_bytes: u64,
}

impl FileSource {
    /// Opens a regular file for reading.
    pub fn open(path: impl AsRef<Path>) -> io::Result<Self> {
        Self::new(File::open(path)?)
    }

    /// Wraps an open file; its size is taken now and must not shrink while it is read.
    pub fn new(file: File) -> io::Result<Self> {
        let size_bytes = file.metadata()?.len();
        Ok(Self { file, size_bytes })
    }
}

impl Read for FileSource {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.file.read(buffer)
    }

    fn read_vectored(&mut self, buffers: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
        self.file.read_vectored(buffers)
    }
}

impl Seek for FileSource {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.file.seek(to)
    }
}

impl Source for FileSource {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.size_bytes)
    }

    fn pace(&self) -> Option<Pace> {
        Some(Pace::LOCAL)
    }
}

/// A source that several may read, each from a place of its own: the next look at it begins while the last one's reader
/// ahead has not ended yet.
pub(crate) struct Reopenable {
    shared: Arc<Mutex<Shared>>,
    /// Which of the readers this is.
    id: u64,
    /// Where this reader is, whoever has moved the source since.
    position: u64,
}

struct Shared {
    source: Box<dyn Source>,
    readers: u64,
    /// Who read last, and so where the source stands.
    at: Option<u64>,
    reads: Reads,
}

/// What a source was asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reads {
    /// Rows of reads without a jump, each of which a source far away would ask for at once.
    pub(crate) requests: u64,
    /// The bytes that it gave.
    pub(crate) bytes: u64,
    /// What is read next, as far as was said.
    expected: Range<u64>,
    /// From where the last row goes on to where it was asked for.
    row: Range<u64>,
}

impl Reads {
    fn note(&mut self, position: u64, count: u64) {
        if count > 0 && (position != self.row.start || self.row.is_empty()) {
            let is_expected = self.expected.contains(&position);
            self.row.end = if is_expected { self.expected.end } else { u64::MAX };
            self.requests += 1;
        }
        self.row.start = position + count;
        self.bytes += count;
    }
}

impl Reopenable {
    pub(crate) fn new(source: Box<dyn Source>) -> Self {
        Self {
            shared: Arc::new(Mutex::new(Shared { source, readers: 1, at: None, reads: Reads::default() })),
            id: 0,
            position: 0,
        }
    }

    /// What all readers have asked of it.
    pub(crate) fn reads(&self) -> Reads {
        self.shared().reads.clone()
    }

    fn shared(&self) -> MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads where this reader is.
    fn read_here(&mut self, read: impl FnOnce(&mut dyn Source) -> io::Result<usize>) -> io::Result<usize> {
        let mut shared = self.shared();
        if shared.at != Some(self.id) {
            shared.at = None;
            shared.source.seek(SeekFrom::Start(self.position))?;
            shared.at = Some(self.id);
        }
        let count = read(&mut *shared.source)?;
        shared.reads.note(self.position, count as u64);
        drop(shared);
        self.position += count as u64;
        Ok(count)
    }
}

/// Another reader, from the start on.
impl Clone for Reopenable {
    fn clone(&self) -> Self {
        let mut shared = self.shared();
        let id = shared.readers;
        shared.readers += 1;
        drop(shared);
        Self { shared: Arc::clone(&self.shared), id, position: 0 }
    }
}

impl Read for Reopenable {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.read_here(|source| source.read(buffer))
    }

    fn read_vectored(&mut self, buffers: &mut [io::IoSliceMut<'_>]) -> io::Result<usize> {
        self.read_here(|source| source.read_vectored(buffers))
    }
}

impl Seek for Reopenable {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let mut shared = self.shared();
        let to = match to {
            // What is relative is relative to this reader.
            SeekFrom::Current(by) => SeekFrom::Start(self.position.saturating_add_signed(by)),
            absolute => absolute,
        };
        shared.at = None;
        let position = shared.source.seek(to)?;
        shared.at = Some(self.id);
        drop(shared);
        self.position = position;
        Ok(position)
    }
}

impl Source for Reopenable {
    fn size_bytes(&self) -> Option<u64> {
        self.shared().source.size_bytes()
    }

    fn pace(&self) -> Option<Pace> {
        self.shared().source.pace()
    }

    fn expect(&mut self, range: Range<u64>) {
        let mut shared = self.shared();
        shared.reads.expected = range.clone();
        shared.source.expect(range);
    }
}

impl Source for Cursor<Vec<u8>> {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.get_ref().len() as u64)
    }

    fn pace(&self) -> Option<Pace> {
        Some(Pace::LOCAL)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_of_reads_are_counted_as_a_store_far_away_is_asked() {
        let mut one = Reopenable::new(Box::new(Cursor::new(vec![0; 100])));
        let mut other = one.clone();
        let take = |reader: &mut Reopenable, bytes: usize| reader.read_exact(&mut vec![0; bytes]);
        take(&mut one, 10).unwrap();
        take(&mut one, 10).unwrap();
        assert_eq!((one.reads().requests, one.reads().bytes), (1, 20));
        one.seek(SeekFrom::Start(50)).unwrap();
        one.expect(50..60);
        take(&mut one, 10).unwrap();
        assert_eq!((one.reads().requests, one.reads().bytes), (2, 30));
        // What lies behind what was expected was not asked for.
        take(&mut one, 5).unwrap();
        take(&mut other, 5).unwrap();
        assert_eq!((one.reads().requests, other.reads().bytes), (4, 40));
        assert_eq!(one.seek(SeekFrom::Start(100)).unwrap(), 100);
        assert_eq!(one.read(&mut [0]).unwrap(), 0);
        assert_eq!(one.reads().requests, 4);
    }

    #[test]
    fn each_reader_goes_on_where_it_was_whoever_reads_between() {
        let mut one = Reopenable::new(Box::new(Cursor::new((0..100).collect::<Vec<u8>>())));
        let mut other = one.clone();
        let next = |reader: &mut Reopenable| {
            let mut bytes = [0; 3];
            reader.read_exact(&mut bytes).map(|()| bytes)
        };
        assert_eq!(next(&mut one).ok(), Some([0, 1, 2]));
        assert_eq!(next(&mut other).ok(), Some([0, 1, 2]));
        assert_eq!(next(&mut one).ok(), Some([3, 4, 5]));
        assert_eq!(other.seek(SeekFrom::Current(10)).ok(), Some(13));
        assert_eq!(next(&mut one).ok(), Some([6, 7, 8]));
        assert_eq!(next(&mut other).ok(), Some([13, 14, 15]));
        assert_eq!(other.seek(SeekFrom::End(-1)).ok(), Some(99));
        assert_eq!(next(&mut one.clone()).ok(), Some([0, 1, 2]));
        assert_eq!(next(&mut one).ok(), Some([9, 10, 11]));
    }
}
