//! Where a conversion reads: a file, or standard input, which is spooled first because media needs seeking.

use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use reelmill_media::FileSource;

use super::failure::{Failure, Kind};

/// An input as it was named.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Input {
    /// `-`
    Stdin,
    /// A path.
    File(PathBuf),
}

impl Input {
    /// Reads the argument.
    pub(super) fn named(path: &Path) -> Self {
        if path.as_os_str() == "-" { Self::Stdin } else { Self::File(path.to_owned()) }
    }

    /// What to call it.
    pub(super) fn name(&self) -> String {
        match self {
            Self::Stdin => "standard input".to_owned(),
            Self::File(path) => path.display().to_string(),
        }
    }

    /// The file's name, which helps to tell what is in it.
    pub(super) fn hint(&self) -> Option<String> {
        match self {
            Self::Stdin => None,
            Self::File(path) => Some(path.file_name()?.to_string_lossy().into_owned()),
        }
    }

    /// Opens it; `cancel` ends the spooling of standard input.
    pub(super) fn open(&self, cancel: &AtomicBool) -> Result<File, Failure> {
        match self {
            Self::Stdin => open_stdin(cancel),
            Self::File(path) => open_file(path),
        }
    }

    /// What could not be read, and why.
    pub(super) fn unreadable(&self, why: impl std::fmt::Display) -> Failure {
        Failure::new(Kind::Input, format!("cannot read {}: {why}", self.name()))
    }
}

/// Makes the open file what the media library reads.
pub(super) fn source(input: &Input, file: File) -> Result<Box<FileSource>, Failure> {
    FileSource::new(file).map(Box::new).map_err(|error| input.unreadable(error))
}

fn open_file(path: &Path) -> Result<File, Failure> {
    let refused = |why: &str| Failure::new(Kind::Input, format!("cannot read {}: {why}", path.display()));
    // Asked before opening, as opening a FIFO would wait for a writer.
    let metadata = std::fs::metadata(path).map_err(|error| refused(&error.to_string()))?;
    if metadata.is_dir() {
        return Err(refused("it is a folder; name the files in it"));
    }
    if !metadata.is_file() {
        return Err(refused("it is no regular file; pipe it in and name the input `-`"));
    }
    File::open(path).map_err(|error| refused(&error.to_string()))
}

fn open_stdin(cancel: &AtomicBool) -> Result<File, Failure> {
    let unreadable = |error: io::Error| Input::Stdin.unreadable(error);
    let stdin = io::stdin();
    if let Some(file) = redirected_file(&stdin).map_err(unreadable)? {
        return Ok(file);
    }
    // Has no name from the start, so that it is gone with the process however that ends.
    let mut spool = tempfile::tempfile().map_err(|error| spool_failed(&error))?;
    let mut stdin = stdin.lock();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        if cancel.load(Ordering::Relaxed) {
            return Err(Failure::new(Kind::Interrupted, "interrupted; nothing was written"));
        }
        match stdin.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => spool.write_all(&buffer[..count]).map_err(|error| spool_failed(&error))?,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(unreadable(error)),
        }
    }
    spool.rewind().map_err(|error| spool_failed(&error))?;
    Ok(spool)
}

/// Standard input itself, where it is a file read from its start (`< talk.mp4`).
fn redirected_file(stdin: &io::Stdin) -> io::Result<Option<File>> {
    let mut file = File::from(stdin.as_fd().try_clone_to_owned()?);
    let is_whole = file.metadata()?.is_file() && file.stream_position()? == 0;
    Ok(is_whole.then_some(file))
}

fn spool_failed(error: &io::Error) -> Failure {
    let folder = std::env::temp_dir();
    Failure::new(
        Kind::Output,
        format!(
            "cannot keep standard input in {} while it is read: {error}; set TMPDIR to a roomier folder",
            folder.display()
        ),
    )
}
