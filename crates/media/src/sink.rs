//! Where the output goes: a sequential stream whose head may be patched at the end.
//!
//! Every format that we write keeps its totals (frame counts, sizes, checksums) near its start. A
//! multipart store can hold back its first part only, so nothing past [`HEAD_LIMIT_BYTES`] is ever
//! patched; what could push a header past it (cover art, tags) is limited accordingly.

use std::fs::File;
use std::io::{self, BufWriter, Seek, SeekFrom, Write};
use std::path::Path;

/// How much of the start of the output stays patchable until the end: 5 MiB, the smallest part that S3's
/// multipart upload takes.
pub const HEAD_LIMIT_BYTES: u64 = 5 * 1024 * 1024;

/// Sequential output whose head can be overwritten later.
///
/// An error from any method ends the conversion as [`crate::MediaError::Io`], unchanged.
pub trait Sink: Write {
    /// Overwrites bytes that are already written; `offset + bytes.len()` lies within both what was written
    /// and [`HEAD_LIMIT_BYTES`]. The write position does not move.
    fn patch(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()>;
}

fn refuse_patch(offset: u64, len: usize, written_bytes: u64) -> io::Result<()> {
    let end = offset.checked_add(len as u64);
    if end.is_some_and(|end| end <= written_bytes.min(HEAD_LIMIT_BYTES)) {
        return Ok(());
    }
    Err(io::Error::new(
        io::ErrorKind::InvalidInput,
        format!("patch of {len} bytes at {offset} is outside the patchable head"),
    ))
}

/// A file as a [`Sink`], buffered. [`FileSink::into_file`] gives it back, flushed but not synced.
#[derive(Debug)]
pub struct FileSink {
    file: BufWriter<File>,
    written_bytes: u64,
}

impl FileSink {
    /// Creates the file, or truncates what is there.
    pub fn create(path: impl AsRef<Path>) -> io::Result<Self> {
        Ok(Self::new(File::create(path)?))
    }

    /// Writes to an open, empty, seekable file from its start.
    #[must_use]
    pub fn new(file: File) -> Self {
        Self { file: BufWriter::with_capacity(256 * 1024, file), written_bytes: 0 }
    }

    /// Flushes and returns the file.
    pub fn into_file(self) -> io::Result<File> {
        self.file.into_inner().map_err(io::IntoInnerError::into_error)
    }
}

impl Write for FileSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.written_bytes += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Sink for FileSink {
    fn patch(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        refuse_patch(offset, bytes.len(), self.written_bytes)?;
        // BufWriter's seek flushes first, so the file's own position is the end of what was written.
        self.file.seek(SeekFrom::Start(offset))?;
        self.file.write_all(bytes)?;
        self.file.seek(SeekFrom::Start(self.written_bytes))?;
        Ok(())
    }
}

/// Memory as a [`Sink`], for tests and small results. It grows with the output.
#[derive(Debug, Default)]
pub struct VecSink {
    bytes: Vec<u8>,
}

impl VecSink {
    /// Starts empty.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns everything written.
    #[must_use]
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes
    }
}

impl Write for VecSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for VecSink {
    fn patch(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        refuse_patch(offset, bytes.len(), self.bytes.len() as u64)?;
        let start = usize::try_from(offset).map_err(io::Error::other)?;
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write_patch_write(sink: &mut dyn Sink) {
        sink.write_all(b"head body").unwrap();
        sink.patch(0, b"HEAD").unwrap();
        sink.write_all(b" tail").unwrap();
        sink.flush().unwrap();
    }

    #[test]
    fn a_patch_leaves_the_write_position_where_it_was() {
        let mut memory = VecSink::new();
        write_patch_write(&mut memory);
        assert_eq!(memory.into_bytes(), b"HEAD body tail");

        let file = tempfile::NamedTempFile::new().unwrap();
        let mut sink = FileSink::create(file.path()).unwrap();
        write_patch_write(&mut sink);
        drop(sink.into_file().unwrap());
        assert_eq!(std::fs::read(file.path()).unwrap(), b"HEAD body tail");
    }

    #[test]
    fn a_patch_beyond_what_was_written_or_beyond_the_head_is_refused() {
        let mut sink = VecSink::new();
        sink.write_all(b"four").unwrap();
        assert!(sink.patch(2, b"abc").is_err());
        assert!(sink.patch(u64::MAX, b"a").is_err());
        let beyond = usize::try_from(HEAD_LIMIT_BYTES).unwrap() + 8;
        sink.write_all(&vec![0; beyond]).unwrap();
        assert!(sink.patch(HEAD_LIMIT_BYTES, b"a").is_err());
    }
}
