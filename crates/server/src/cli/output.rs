//! Where a conversion writes: beside its final name until it is whole, so that what is cut leaves nothing.
//!
//! A new file gets its name by a rename that refuses to replace, which holds also against somebody who makes the
//! same file meanwhile. Standard output and devices get the bytes once all of them are there, as the head of a
//! result is written last.

use std::fs::{File, OpenOptions, Permissions};
use std::io::{self, IsTerminal as _, Seek as _, SeekFrom, Write};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use reelmill_media::{FileSink, Sink};
use tempfile::TempPath;

use super::failure::{Failure, Kind};

/// An output as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Output {
    /// `-`
    Stdout,
    /// A path.
    File(PathBuf),
}

impl Output {
    /// Reads the argument.
    pub(super) fn named(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdout } else { Self::File(path.to_owned()) }
    }

    /// What to call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdout => "standard output".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// Makes room for a result, unless what is there forbids it.
    pub(super) fn begin(&self, input: &File, is_overwriting: bool) -> Result<Draft, Failure> {
        let refused = |why: &str| self.refused(why);
        let path = match self {
            Self::Stdout if io::stdout().is_terminal() => {
                return Err(Failure::usage("standard output is a terminal: redirect it, or name a file"));
            }
            Self::Stdout => return Draft::for_stream(stdout_file().map_err(|error| self.failed(&error))?),
            Self::File(path) => path,
        };
        match std::fs::metadata(path) {
            Ok(there) if there.is_dir() => Err(refused("a folder of that name is there")),
            Ok(there) if !there.is_file() => {
                let device = OpenOptions::new().write(true).open(path);
                Draft::for_stream(device.map_err(|error| self.failed(&error))?)
            }
            Ok(there) if is_same(&there, input) => Err(refused("it is the input itself; name another file")),
            Ok(_) if !is_overwriting => Err(refused("it exists; add --overwrite to replace it")),
            // A link stays a link: what it points to is replaced.
            Ok(_) => {
                self.draft_beside(&std::fs::canonicalize(path).map_err(|error| self.failed(&error))?, true)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => self.draft_beside(path, false),
            Err(error) => Err(self.failed(&error)),
        }
    }

    fn draft_beside(&self, path: &Path, is_replacing: bool) -> Result<Draft, Failure> {
        let folder = match path.parent() {
            Some(folder) if !folder.as_os_str().is_empty() => folder,
            _ => Path::new("."),
        };
        let draft = tempfile::Builder::new()
            .prefix(".reelmill-")
            .suffix(".part")
            // What any new file gets: the umask is taken off.
            .permissions(Permissions::from_mode(0o666))
            .tempfile_in(folder)
            .map_err(|error| match error.kind() {
                io::ErrorKind::NotFound => self.refused(&format!("there is no folder {}", folder.display())),
                _ => self.failed(&error),
            })?;
        let (file, draft) = draft.into_parts();
        Ok(Draft { file, place: Place::Named { draft, path: path.to_owned(), is_replacing } })
    }

    /// What could not be written, and why.
    pub(super) fn failed(&self, error: &io::Error) -> Failure {
        let advice = match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "; make room and try again",
            io::ErrorKind::AlreadyExists => "; add --overwrite to replace it",
            _ => "",
        };
        self.refused(&format!("{error}{advice}"))
    }

    fn refused(&self, why: &str) -> Failure {
        Failure::new(Kind::Output, format!("cannot write {}: {why}", self.name()))
    }
}

fn is_same(there: &std::fs::Metadata, input: &File) -> bool {
    input.metadata().is_ok_and(|input| (input.dev(), input.ino()) == (there.dev(), there.ino()))
}

/// Standard output as a file.
pub(super) fn stdout_file() -> io::Result<File> {
    io::stdout().as_fd().try_clone_to_owned().map(File::from)
}

/// A result on its way to be whole. Dropped, it is gone.
#[derive(Debug)]
pub(super) struct Draft {
    file: File,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Named { draft: TempPath, path: PathBuf, is_replacing: bool },
    Stream(File),
}

impl Draft {
    fn for_stream(stream: File) -> Result<Self, Failure> {
        let file = tempfile::tempfile().map_err(|error| {
            let folder = std::env::temp_dir();
            Failure::new(Kind::Output, format!("cannot keep the result in {}: {error}", folder.display()))
        })?;
        Ok(Self { file, place: Place::Stream(stream) })
    }

    /// The sink that fills it, and what remains to be done then.
    pub(super) fn open(self) -> (DraftSink, Finish) {
        (DraftSink { sink: FileSink::new(self.file), failure: None }, Finish(self.place))
    }
}

/// A file sink that remembers its own failure, so that it is told from one of the source.
#[derive(Debug)]
pub(super) struct DraftSink {
    sink: FileSink,
    failure: Option<io::Error>,
}

impl DraftSink {
    /// Takes the failure of a write, where one failed.
    pub(super) fn take_failure(&mut self) -> Option<io::Error> {
        self.failure.take()
    }

    fn note<T>(&mut self, result: io::Result<T>) -> io::Result<T> {
        if let Err(error) = &result {
            let same = error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error);
            self.failure.get_or_insert(same);
        }
        result
    }
}

impl Write for DraftSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let result = self.sink.write(bytes);
        self.note(result)
    }

    fn flush(&mut self) -> io::Result<()> {
        let result = self.sink.flush();
        self.note(result)
    }
}

impl Sink for DraftSink {
    fn patch(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let result = self.sink.patch(offset, bytes);
        self.note(result)
    }
}

/// What makes a whole result visible.
#[derive(Debug)]
pub(super) struct Finish(Place);

impl Finish {
    /// Puts the result where it belongs and gives its size.
    pub(super) fn finish(self, sink: DraftSink, cancel: &AtomicBool) -> io::Result<u64> {
        let mut file = sink.sink.into_file()?;
        let size_bytes = file.seek(SeekFrom::End(0))?;
        match self.0 {
            Place::Named { draft, path, is_replacing: true } => {
                draft.persist(path).map_err(|error| error.error)?;
            }
            Place::Named { draft, path, is_replacing: false } => {
                draft.persist_noclobber(path).map_err(|error| error.error)?;
            }
            Place::Stream(mut stream) => {
                file.rewind()?;
                copy(&mut file, &mut stream, cancel)?;
            }
        }
        Ok(size_bytes)
    }
}

fn copy(from: &mut impl io::Read, to: &mut impl Write, cancel: &AtomicBool) -> io::Result<()> {
    let mut buffer = vec![0; 256 * 1024];
    loop {
        let count = from.read(&mut buffer)?;
        if count == 0 {
            return to.flush();
        }
        if cancel.load(Ordering::Relaxed) {
            return Err(io::ErrorKind::Interrupted.into());
        }
        to.write_all(&buffer[..count])?;
    }
}
