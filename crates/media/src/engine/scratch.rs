//! A private copy of an input for what must seek: a file without a name, of a limited size.
//!
//! It never has a path that anyone else could open, and it is gone when the last descriptor of it closes,
//! however this process ends. The child gets it as its standard input, opened for reading only.

use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;

use crate::error::MediaError;
use crate::tap::Tap;

/// Copied between two looks at the cancel flag.
const PIECE_BYTES: usize = 256 << 10;
/// An hour of DVD video, or a day of audio.
const DEFAULT_LIMIT_BYTES: u64 = 4 << 30;

/// Where copies lie and how large they may become.
#[derive(Clone, Debug)]
pub(super) struct Room {
    pub(super) folder: PathBuf,
    pub(super) limit_bytes: u64,
}

impl Default for Room {
    fn default() -> Self {
        Self { folder: std::env::temp_dir(), limit_bytes: DEFAULT_LIMIT_BYTES }
    }
}

/// A whole input on the local disk.
pub(super) struct Scratch {
    file: File,
}

impl Scratch {
    /// Copies what `tap` reads, from its start; refuses more than the room takes.
    pub(super) fn fill(room: &Room, tap: &mut Tap) -> Result<Self, MediaError> {
        let gauge = tap.gauge();
        let size_bytes = tap.seek(SeekFrom::End(0)).map_err(|error| gauge.explain_io(error))?;
        room.refuse(size_bytes)?;
        let mut file = tempfile::tempfile_in(&room.folder)?;
        tap.read_straight();
        let mut piece = vec![0; PIECE_BYTES];
        let mut copied = 0;
        loop {
            let count = tap.read_at(copied, &mut piece).map_err(|error| gauge.explain_io(error))?;
            if count == 0 {
                return Ok(Self { file });
            }
            copied += count as u64;
            // A source may have grown since it told its size.
            room.refuse(copied)?;
            file.write_all(&piece[..count])?;
        }
    }

    /// Opens it once more, for reading only.
    pub(super) fn reader(&self) -> io::Result<File> {
        use std::os::fd::AsRawFd as _;
        File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

impl Room {
    fn refuse(&self, size_bytes: u64) -> Result<(), MediaError> {
        if size_bytes <= self.limit_bytes {
            return Ok(());
        }
        Err(MediaError::Limit(format!(
            "ffmpeg must seek in this input, for which it is copied to the local disk, and it has {size_bytes} bytes; {} are allowed",
            self.limit_bytes
        )))
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};
    use std::sync::Arc;

    use super::*;

    fn tap(bytes: usize) -> Tap {
        Tap::new(Box::new(Cursor::new(vec![7; bytes])), Arc::default())
    }

    #[test]
    fn a_copy_is_whole_and_cannot_be_written_by_its_reader() {
        let folder = tempfile::tempdir().unwrap();
        let room = Room { folder: folder.path().into(), limit_bytes: 1 << 20 };
        let scratch = Scratch::fill(&room, &mut tap(600_000)).unwrap();
        let mut reader = scratch.reader().unwrap();
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, vec![7; 600_000]);
        assert!(reader.write_all(b"x").is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
    }

    #[test]
    fn what_is_too_large_is_refused_by_its_size() {
        let room = Room { folder: std::env::temp_dir(), limit_bytes: 1000 };
        let error = Scratch::fill(&room, &mut tap(1001)).err().unwrap().to_string();
        assert!(error.ends_with("it has 1001 bytes; 1000 are allowed"), "{error}");
        assert!(Scratch::fill(&room, &mut tap(1000)).is_ok());
    }
}
