//! An object on its way to the disk.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use reelmill_core::Key;
use reelmill_core::ports::{ObjectWriter, ObjectsError, Stored};

use super::failure::{blocking, unusable};
use super::partial::Partials;
use super::path;
use crate::objects::check_patch;

/// What comes in smaller pieces is gathered up to this: each trip to the disk costs a change of threads.
const GATHERED_BYTES: usize = 256 * 1024;

/// An unfinished object.
pub(super) struct FileWriter {
    key: Key,
    place: PathBuf,
    file: Arc<File>,
    partial: Partial,
    gathered: Vec<u8>,
    /// Bytes in the file, those gathered not counted.
    flushed_bytes: u64,
    /// Whether the file holds exactly `flushed_bytes`: a write that failed or was dropped midway may have left more.
    is_sound: bool,
}

/// The unfinished object's file, gone with this.
struct Partial {
    path: PathBuf,
    _folder: Arc<Partials>,
}

impl Drop for Partial {
    fn drop(&mut self) {
        let path = std::mem::take(&mut self.path);
        // Freeing gigabytes takes the file system a while. What fails here, the next start takes away.
        let remove = move || drop(std::fs::remove_file(path));
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn_blocking(remove)),
            Err(_) => remove(),
        }
    }
}

impl FileWriter {
    pub(super) async fn create(root: &Path, partials: Arc<Partials>, key: Key) -> Result<Self, ObjectsError> {
        let place = path::place(root, &key);
        let partial = Partial { path: partials.fresh(), _folder: partials };
        let (wanted, unfinished, of) = (place.clone(), partial.path.clone(), key.clone());
        let file = blocking(move || {
            if wanted.symlink_metadata().is_ok() {
                return Err(ObjectsError::Conflict(of));
            }
            path::make_file(&unfinished).map_err(|error| unusable("creating", &error))
        });
        let file = Arc::new(file.await??);
        Ok(Self { key, place, file, partial, gathered: Vec::new(), flushed_bytes: 0, is_sound: true })
    }

    fn written_bytes(&self) -> u64 {
        self.flushed_bytes + self.gathered.len() as u64
    }

    async fn flush(&mut self) -> Result<(), ObjectsError> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let gathered = Bytes::from(std::mem::take(&mut self.gathered));
        self.append(gathered).await
    }

    async fn append(&mut self, bytes: Bytes) -> Result<(), ObjectsError> {
        let length = bytes.len() as u64;
        self.put(self.flushed_bytes, bytes).await?;
        self.flushed_bytes += length;
        Ok(())
    }

    async fn put(&mut self, offset: u64, bytes: Bytes) -> Result<(), ObjectsError> {
        if !self.is_sound {
            return Err(ObjectsError::Unavailable("an earlier write was not done".to_owned()));
        }
        self.is_sound = false;
        let file = Arc::clone(&self.file);
        let written = blocking(move || file.write_all_at(&bytes, offset)).await?;
        written.map_err(|error| unusable("writing", &error))?;
        self.is_sound = true;
        Ok(())
    }
}

#[async_trait]
impl ObjectWriter for FileWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError> {
        if self.gathered.is_empty() && bytes.len() >= GATHERED_BYTES / 4 {
            return self.append(bytes).await;
        }
        self.gathered.extend_from_slice(&bytes);
        if self.gathered.len() >= GATHERED_BYTES {
            self.flush().await?;
        }
        Ok(())
    }

    async fn patch(&mut self, offset: u64, bytes: Bytes) -> Result<(), ObjectsError> {
        check_patch(offset, bytes.len(), self.written_bytes())?;
        self.flush().await?;
        self.put(offset, bytes).await
    }

    async fn finish(mut self: Box<Self>) -> Result<Stored, ObjectsError> {
        self.flush().await?;
        if !self.is_sound {
            return Err(ObjectsError::Unavailable("an earlier write was not done".to_owned()));
        }
        let Self { key, place, file, partial, flushed_bytes, .. } = *self;
        let published = blocking(move || {
            let published = publish(&file, &partial.path, &place);
            drop(partial);
            published
        });
        match published.await? {
            Ok(()) => Ok(Stored { size_bytes: flushed_bytes, fid: None }),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(ObjectsError::Conflict(key)),
            Err(error) => Err(unusable("finishing", &error)),
        }
    }
}

/// Makes the file durable and gives it its name, unless that is taken.
fn publish(file: &File, partial: &Path, place: &Path) -> std::io::Result<()> {
    file.sync_all()?;
    let folder = place.parent().unwrap_or(Path::new("."));
    path::make_folder(folder)?;
    // A link, unlike a rename, never replaces what is there.
    std::fs::hard_link(partial, place)?;
    path::sync_folder(folder)
}
