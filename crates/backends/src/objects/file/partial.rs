//! Objects that are not finished: each process keeps its own in a folder that it has locked.
//!
//! The lock goes with the process, however that ends. Whoever opens the store next finds the folders that nobody
//! holds and takes them away, and never those of a process that lives.

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use uuid::Uuid;

use super::path::{make_file, make_folder, make_one_folder};

/// No key's folder begins with a dot.
const FOLDER: &str = ".partial";

/// This process's folder of unfinished objects, taken away when the last of them is.
#[derive(Debug)]
pub(super) struct Partials {
    folder: PathBuf,
    /// Held, never read: closing it gives the folder up.
    _lock: File,
}

impl Partials {
    /// Frees what the dead left behind, and takes a folder for this process.
    pub(super) fn claim(root: &Path) -> io::Result<Self> {
        let all = root.join(FOLDER);
        make_folder(&all)?;
        // One at a time: a folder must not be taken for a dead one before its owner has locked it.
        let door = OpenOptions::new().create(true).append(true).mode(0o600).open(all.join("lock"))?;
        door.lock()?;
        for entry in std::fs::read_dir(&all)? {
            let path = entry?.path();
            if path.is_dir() && is_dead(&path)? {
                remove(&path)?;
            }
        }
        let folder = all.join(Uuid::new_v4().to_string());
        make_one_folder(&folder)?;
        let lock = make_file(&folder.join("lock"))?;
        lock.lock()?;
        Ok(Self { folder, _lock: lock })
    }

    /// A name for an unfinished object.
    pub(super) fn fresh(&self) -> PathBuf {
        self.folder.join(Uuid::new_v4().simple().to_string())
    }
}

impl Drop for Partials {
    fn drop(&mut self) {
        // What this leaves, the next to open the store takes away.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn remove(folder: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(folder) {
        // Its owner was leaving at the same moment.
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

fn is_dead(folder: &Path) -> io::Result<bool> {
    let lock = match File::open(folder.join("lock")) {
        Ok(lock) => lock,
        // Its owner died between making the folder and locking it, or is just leaving.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    match lock.try_lock() {
        Ok(()) => Ok(true),
        Err(TryLockError::WouldBlock) => Ok(false),
        Err(TryLockError::Error(error)) => Err(error),
    }
}
