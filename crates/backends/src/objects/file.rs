//! Objects as files in a folder: whole and durable under their name, or not there.
//!
//! An object is written under a name that no key has, synced, and then linked to its own name, which fails
//! where that is taken. Nothing is ever written over, so a reader needs no lock. What is made here is its owner's alone.

mod failure;
mod partial;
mod path;
mod writer;

use std::fs::File;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use reelmill_core::Key;
use reelmill_core::ports::{ByteStream, Handout, ObjectWriter, Objects, ObjectsError};

use super::trial::try_out;
use super::{Opening, check_range, uri};
use failure::{blocking, unusable};
use partial::Partials;
use writer::FileWriter;

/// How it is opened.
pub(super) const OPENING: Opening = |rest, deployment| {
    async move {
        let objects = FileObjects::open(path::root(rest, &deployment.data_dir)?).await?;
        Ok(Arc::new(objects) as Arc<dyn Objects>)
    }
    .boxed()
};

/// The pieces that an object is read in.
const PIECE_BYTES: u64 = 256 * 1024;

/// An object store in a folder, which several processes of a machine may share.
#[derive(Debug, Clone)]
pub struct FileObjects {
    root: Arc<Path>,
    partials: Arc<Partials>,
}

impl FileObjects {
    /// Opens the store in `root`, making the folder where there is none, and frees what processes that died
    /// left behind.
    ///
    /// # Errors
    /// Where the folder cannot be written to.
    pub async fn open(root: PathBuf) -> Result<Self, ObjectsError> {
        let root = std::path::absolute(root).map_err(|error| unusable("finding the folder", &error))?;
        // Without links and `..`, which whoever reads an object's URI would take in another order.
        let opened = blocking(move || Ok((Partials::claim(&root)?, root.canonicalize()?))).await?;
        let (partials, root) =
            opened.map_err(|error: std::io::Error| unusable("opening the folder", &error))?;
        Ok(Self { root: root.into(), partials: Arc::new(partials) })
    }

    fn place(&self, key: &Key) -> PathBuf {
        path::place(&self.root, key)
    }
}

#[async_trait]
impl Objects for FileObjects {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        let writer = FileWriter::create(&self.root, Arc::clone(&self.partials), key.clone());
        Ok(Box::new(writer.await?))
    }

    async fn size(&self, key: &Key) -> Result<u64, ObjectsError> {
        let (place, key) = (self.place(key), key.clone());
        blocking(move || place.metadata().map(|file| file.len()).map_err(|error| reading(&key, &error)))
            .await?
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        let (place, key) = (self.place(key), key.clone());
        let opened = blocking(move || open_at(&place, &key, &range).map(|file| (file, range)));
        let (file, range) = opened.await??;
        Ok(stream::try_unfold((file, range), |(file, range)| async move {
            if range.is_empty() {
                return Ok(None);
            }
            let length = PIECE_BYTES.min(range.end - range.start);
            let (piece, file) = blocking(move || read_piece(file, length)).await??;
            Ok(Some((piece, (file, range.start + length..range.end))))
        })
        .boxed())
    }

    async fn presign(&self, _: &Key, _: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        Ok(None)
    }

    fn uri(&self, key: &Key) -> String {
        format!("file://{}", uri::encode(self.place(key).as_os_str().as_encoded_bytes()))
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        let place = self.place(key);
        let taken_away = blocking(move || match std::fs::remove_file(&place) {
            // An object that came back after a power cut would be on nobody's record.
            Ok(()) => place.parent().map_or(Ok(()), path::sync_folder),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
        });
        taken_away.await?.map_err(|error| unusable("deleting", &error))
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        // A task of its own goes on where the caller stops waiting, and leaves no object behind.
        let store = self.clone();
        let tried = tokio::spawn(async move { try_out(&store, "check").await });
        tried.await.map_err(|_| ObjectsError::Unavailable("the process is being stopped".to_owned()))?
    }
}

fn open_at(place: &Path, key: &Key, range: &Range<u64>) -> Result<File, ObjectsError> {
    let mut file = File::open(place).map_err(|error| reading(key, &error))?;
    let size_bytes = file.metadata().map_err(|error| reading(key, &error))?.len();
    check_range(range, size_bytes)?;
    file.seek(SeekFrom::Start(range.start)).map_err(|error| reading(key, &error))?;
    Ok(file)
}

fn read_piece(file: File, length: u64) -> Result<(Bytes, File), ObjectsError> {
    // Reads into the vector's spare room: the bytes are touched once.
    let mut piece = Vec::with_capacity(usize::try_from(length).unwrap_or_default());
    let read = (&file).take(length).read_to_end(&mut piece).map_err(|error| unusable("reading", &error))?;
    if read as u64 == length {
        Ok((piece.into(), file))
    } else {
        Err(ObjectsError::Corrupt(format!("{} bytes are missing", length - read as u64)))
    }
}

fn reading(key: &Key, error: &std::io::Error) -> ObjectsError {
    match error.kind() {
        ErrorKind::NotFound | ErrorKind::NotADirectory => ObjectsError::NotFound(key.clone()),
        _ => unusable("reading", error),
    }
}

#[cfg(test)]
mod tests;
