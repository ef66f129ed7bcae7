//! A private copy of an input for what must seek: a file without a name, in a room that all copies share.
//!
//! It never has a path that anyone else could open, and it is gone when the last descriptor of it closes,
//! however this process ends. The child gets it as its standard input, opened for reading only. Who finds the room
//! taken stands in line: a large copy is not overtaken by small ones for ever. Nobody in line has a copy already, so
//! none waits for another that waits.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Seek as _, SeekFrom, Write as _};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::MediaError;
use crate::tap::Tap;

/// Copied between two looks at the cancel flag.
const PIECE_BYTES: usize = 256 << 10;
/// An hour of DVD video, or a day of audio.
const DEFAULT_LIMIT_BYTES: u64 = 4 << 30;
/// Who waits in line looks at its cancel flag this often.
const SLICE: Duration = Duration::from_millis(50);

/// Where copies lie and how large they may become together.
#[derive(Debug)]
pub(super) struct Room {
    folder: PathBuf,
    limit_bytes: u64,
    line: Mutex<Line>,
    moved: Condvar,
}

/// What is taken of a room, and who waits for the rest.
#[derive(Debug, Default)]
struct Line {
    taken_bytes: u64,
    waiting: VecDeque<u64>,
    next_number: u64,
}

/// A part of a room, until it is dropped.
#[derive(Debug)]
struct Share {
    room: Arc<Room>,
    bytes: u64,
}

/// A whole input on the local disk.
pub(super) struct Scratch {
    file: File,
    /// Held as long as the file is.
    _share: Share,
}

impl Scratch {
    /// Copies what `tap` reads, from its start, once there is room; refuses what the room never takes, and gives up
    /// after `patience`.
    pub(super) fn fill(room: &Arc<Room>, patience: Duration, tap: &mut Tap) -> Result<Self, MediaError> {
        let gauge = tap.gauge();
        let size_bytes = tap.seek(SeekFrom::End(0)).map_err(|error| gauge.explain_io(error))?;
        let share = Room::share(room, size_bytes, patience, gauge.cancel())?;
        let mut file = tempfile::tempfile_in(&room.folder)?;
        tap.read_straight();
        let mut piece = vec![0; PIECE_BYTES];
        let mut copied = 0;
        loop {
            let count = tap.read_at(copied, &mut piece).map_err(|error| gauge.explain_io(error))?;
            if count == 0 {
                return Ok(Self { file, _share: share });
            }
            copied += count as u64;
            if copied > size_bytes {
                return Err(io::Error::other("the input grew while it was copied").into());
            }
            file.write_all(&piece[..count])?;
        }
    }

    /// Opens it once more, for reading only.
    pub(super) fn reader(&self) -> io::Result<File> {
        use std::os::fd::AsRawFd as _;
        File::open(format!("/proc/self/fd/{}", self.file.as_raw_fd()))
    }
}

impl Default for Room {
    fn default() -> Self {
        Self::new(std::env::temp_dir(), DEFAULT_LIMIT_BYTES)
    }
}

impl Room {
    pub(super) fn new(folder: PathBuf, limit_bytes: u64) -> Self {
        Self { folder, limit_bytes, line: Mutex::default(), moved: Condvar::new() }
    }

    fn line(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes a part of the room, in its turn.
    fn share(
        room: &Arc<Self>,
        bytes: u64,
        patience: Duration,
        cancel: &AtomicBool,
    ) -> Result<Share, MediaError> {
        if bytes > room.limit_bytes {
            return Err(MediaError::Limit(format!(
                "ffmpeg must seek in this input, for which it is copied to the local disk, and it has {bytes} bytes; {} are allowed",
                room.limit_bytes
            )));
        }
        let since = Instant::now();
        let mut line = room.line();
        let number = line.next_number;
        line.next_number += 1;
        line.waiting.push_back(number);
        let outcome = loop {
            if line.waiting.front() == Some(&number) && line.taken_bytes + bytes <= room.limit_bytes {
                line.taken_bytes += bytes;
                break Ok(Share { room: Arc::clone(room), bytes });
            }
            if cancel.load(Ordering::Relaxed) {
                break Err(MediaError::Cancelled);
            }
            if since.elapsed() >= patience {
                break Err(MediaError::Busy(format!(
                    "other conversions have taken {} of the {} bytes of scratch space, and this input needs {bytes}; try again later",
                    line.taken_bytes, room.limit_bytes
                )));
            }
            line = room.moved.wait_timeout(line, SLICE).unwrap_or_else(PoisonError::into_inner).0;
        };
        line.waiting.retain(|waiting| *waiting != number);
        drop(line);
        room.moved.notify_all();
        outcome
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        self.room.line().taken_bytes -= self.bytes;
        self.room.moved.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Cursor, Read as _};

    use super::*;

    const NOW: Duration = Duration::ZERO;
    const LONG: Duration = Duration::from_mins(1);

    fn tap(bytes: usize) -> Tap {
        Tap::new(Box::new(Cursor::new(vec![7; bytes])), Arc::default())
    }

    fn room(limit_bytes: u64) -> Arc<Room> {
        Arc::new(Room::new(std::env::temp_dir(), limit_bytes))
    }

    #[test]
    fn a_copy_is_whole_and_cannot_be_written_by_its_reader() {
        let folder = tempfile::tempdir().unwrap();
        let room = Arc::new(Room::new(folder.path().into(), 1 << 20));
        let scratch = Scratch::fill(&room, NOW, &mut tap(600_000)).unwrap();
        let mut reader = scratch.reader().unwrap();
        let mut bytes = Vec::new();
        reader.read_to_end(&mut bytes).unwrap();
        assert_eq!(bytes, vec![7; 600_000]);
        assert!(reader.write_all(b"x").is_err());
        // So nothing of it outlives this process, whatever ends that.
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "it has no name");
    }

    #[test]
    fn what_is_too_large_is_refused_by_its_size() {
        let room = room(1000);
        let error = Scratch::fill(&room, LONG, &mut tap(1001)).err().unwrap().to_string();
        assert!(error.ends_with("it has 1001 bytes; 1000 are allowed"), "{error}");
        assert!(Scratch::fill(&room, NOW, &mut tap(1000)).is_ok());
    }

    #[test]
    fn copies_share_one_room_and_give_it_back() {
        let room = room(1000);
        let first = Scratch::fill(&room, NOW, &mut tap(600)).unwrap();
        let second = Scratch::fill(&room, NOW, &mut tap(400)).unwrap();
        let error = Scratch::fill(&room, NOW, &mut tap(1)).err().unwrap();
        assert!(matches!(&error, MediaError::Busy(_)), "{error}");
        assert_eq!(error.kind(), crate::ErrorKind::Io, "it is worth a retry");
        drop(first);
        assert!(Scratch::fill(&room, NOW, &mut tap(601)).is_err());
        assert!(Scratch::fill(&room, NOW, &mut tap(600)).is_ok());
        drop(second);
        assert_eq!(room.line().taken_bytes, 0);
    }

    #[test]
    fn who_finds_no_room_gets_it_in_turn_however_much_it_needs() {
        let room = room(1000);
        let held = Scratch::fill(&room, NOW, &mut tap(600)).unwrap();
        let fill = |bytes| {
            let room = Arc::clone(&room);
            std::thread::spawn(move || Scratch::fill(&room, LONG, &mut tap(bytes)).map(drop))
        };
        let large = fill(1000);
        while room.line().waiting.is_empty() {
            std::thread::yield_now();
        }
        // There would be room for this one, but it is not its turn.
        assert!(matches!(Scratch::fill(&room, NOW, &mut tap(100)), Err(MediaError::Busy(_))));
        let small = fill(100);
        drop(held);
        large.join().unwrap().unwrap();
        small.join().unwrap().unwrap();
        assert!(room.line().waiting.is_empty());
    }

    #[test]
    fn who_waits_in_line_can_be_cancelled() {
        let room = room(1000);
        let _held = Scratch::fill(&room, NOW, &mut tap(600)).unwrap();
        let cancel = Arc::new(AtomicBool::new(false));
        let mut waiting = Tap::new(Box::new(Cursor::new(vec![7; 500])), Arc::clone(&cancel));
        let in_line = Arc::clone(&room);
        let waiter = std::thread::spawn(move || Scratch::fill(&in_line, LONG, &mut waiting).map(drop));
        while room.line().waiting.is_empty() {
            std::thread::yield_now();
        }
        cancel.store(true, Ordering::Relaxed);
        assert!(matches!(waiter.join().unwrap(), Err(MediaError::Cancelled)));
        assert!(room.line().waiting.is_empty());
    }
}
