//! Objects in memory, for tests and for trying things out: whole objects, as memory has nothing smaller.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, StreamExt, stream};
use reelmill_core::Key;
use reelmill_core::ports::{ByteStream, Handout, ObjectWriter, Objects, ObjectsError, Stored};

use super::{Opening, check_patch, check_range, uri};

/// How it is opened.
pub(super) const OPENING: Opening =
    |_, _| async { Ok(Arc::new(MemoryObjects::default()) as Arc<dyn Objects>) }.boxed();

/// The pieces that an object is read in.
const PIECE_BYTES: usize = 64 * 1024;

type Shelf = Arc<Mutex<BTreeMap<Key, Bytes>>>;

/// An object store that is gone with the process.
#[derive(Debug, Default)]
pub struct MemoryObjects(Shelf);

#[async_trait]
impl Objects for MemoryObjects {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        if lock(&self.0).contains_key(key) {
            return Err(ObjectsError::Conflict(key.clone()));
        }
        Ok(Box::new(MemoryWriter { shelf: Arc::clone(&self.0), key: key.clone(), bytes: Vec::new() }))
    }

    async fn size(&self, key: &Key) -> Result<u64, ObjectsError> {
        let held = lock(&self.0);
        held.get(key).map(|bytes| bytes.len() as u64).ok_or_else(|| ObjectsError::NotFound(key.clone()))
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        let object = lock(&self.0).get(key).cloned().ok_or_else(|| ObjectsError::NotFound(key.clone()))?;
        check_range(&range, object.len() as u64)?;
        let place = |offset: u64| usize::try_from(offset).map_err(|_| ObjectsError::OutOfRange);
        let mut rest = object.slice(place(range.start)?..place(range.end)?);
        let pieces = std::iter::from_fn(move || {
            let piece = rest.split_to(rest.len().min(PIECE_BYTES));
            (!piece.is_empty()).then_some(Ok(piece))
        });
        Ok(stream::iter(pieces).boxed())
    }

    async fn presign(&self, _: &Key, _: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        Ok(None)
    }

    fn uri(&self, key: &Key) -> String {
        format!("memory:/{}", uri::encode(key.as_str().as_bytes()))
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        lock(&self.0).remove(key);
        Ok(())
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        Ok(())
    }
}

struct MemoryWriter {
    shelf: Shelf,
    key: Key,
    bytes: Vec<u8>,
}

#[async_trait]
impl ObjectWriter for MemoryWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError> {
        self.bytes.extend_from_slice(&bytes);
        Ok(())
    }

    async fn patch(&mut self, offset: u64, bytes: Bytes) -> Result<(), ObjectsError> {
        check_patch(offset, bytes.len(), self.bytes.len() as u64)?;
        let start = usize::try_from(offset).map_err(|_| ObjectsError::OutOfRange)?;
        self.bytes[start..start + bytes.len()].copy_from_slice(&bytes);
        Ok(())
    }

    async fn finish(self: Box<Self>) -> Result<Stored, ObjectsError> {
        let mut held = lock(&self.shelf);
        if held.contains_key(&self.key) {
            return Err(ObjectsError::Conflict(self.key));
        }
        let size_bytes = self.bytes.len() as u64;
        held.insert(self.key, self.bytes.into());
        Ok(Stored { size_bytes, fid: None })
    }
}

fn lock(shelf: &Shelf) -> MutexGuard<'_, BTreeMap<Key, Bytes>> {
    shelf.lock().unwrap_or_else(PoisonError::into_inner)
}
