//! An object on its way into a database.
//!
//! Chunks go out in batches, one on its way while the next is gathered. They may be rewritten until the file's document
//! is there, so a patch of the head needs nothing held back. A batch is a task of its own: dropping the writer
//! leaves no command half sent, and the chunks are taken away behind the last of them.

use async_trait::async_trait;
use bytes::Bytes;
use mongodb::bson::oid::ObjectId;
use reelmill_core::Key;
use reelmill_core::ports::{ObjectWriter, ObjectsError, Stored};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;

use super::bucket::{Bucket, CHUNK_BYTES};
use crate::objects::check_patch;

/// What goes out at a time: whole chunks, about a MiB.
const BATCH_BYTES: usize = 4 * CHUNK_BYTES;

/// An unfinished object.
pub(super) struct GridFsWriter {
    claim: Unfinished,
    /// The bytes of the next batch.
    gathered: Vec<u8>,
    /// Bytes before those gathered.
    sent_bytes: u64,
    /// Whether all that was asked for is done: what failed or was dropped midway may have left anything.
    is_sound: bool,
}

/// A writer's place on record, given up with this.
struct Unfinished {
    bucket: Bucket,
    key: Key,
    id: ObjectId,
    sending: Option<JoinHandle<Result<(), ObjectsError>>>,
    /// Whether something may be left to take away.
    is_open: bool,
}

impl GridFsWriter {
    pub(super) async fn create(bucket: Bucket, key: Key) -> Result<Self, ObjectsError> {
        if bucket.has(&key).await? {
            return Err(ObjectsError::Conflict(key));
        }
        let id = ObjectId::new();
        bucket.claims.enter(&key, id).await?;
        let claim = Unfinished { bucket, key, id, sending: None, is_open: true };
        Ok(Self { claim, gathered: Vec::new(), sent_bytes: 0, is_sound: true })
    }

    fn written_bytes(&self) -> u64 {
        self.sent_bytes + self.gathered.len() as u64
    }

    /// Begins something that leaves the writer unsound unless it comes to its end.
    fn begin(&mut self) -> Result<(), ObjectsError> {
        if std::mem::replace(&mut self.is_sound, false) {
            Ok(())
        } else {
            Err(ObjectsError::Unavailable("an earlier write was not done".to_owned()))
        }
    }

    /// Waits for the batch on its way.
    async fn settle(&mut self) -> Result<(), ObjectsError> {
        if let Some(sending) = &mut self.claim.sending {
            sending.await.map_err(|_| stopped())??;
            self.claim.sending = None;
        }
        Ok(())
    }

    /// Sends what is gathered, behind the batch before it.
    async fn send(&mut self) -> Result<(), ObjectsError> {
        self.settle().await?;
        let first = number(self.sent_bytes)?;
        let batch = std::mem::take(&mut self.gathered);
        self.sent_bytes += batch.len() as u64;
        let (bucket, id) = (self.claim.bucket.clone(), self.claim.id);
        self.claim.sending = Some(tokio::spawn(async move { bucket.append(id, first, &batch).await }));
        Ok(())
    }

    /// Rewrites bytes that are in the store.
    async fn rewrite(&mut self, mut offset: u64, mut bytes: &[u8]) -> Result<(), ObjectsError> {
        self.settle().await?;
        while !bytes.is_empty() {
            let n = number(offset)?;
            let within = place(offset % CHUNK_BYTES as u64)?;
            let (part, behind) = bytes.split_at(bytes.len().min(CHUNK_BYTES - within));
            let mut chunk = self.claim.bucket.chunk(self.claim.id, n).await?;
            let short = || ObjectsError::Corrupt(format!("chunk {n} is short"));
            chunk.get_mut(within..within + part.len()).ok_or_else(short)?.copy_from_slice(part);
            self.claim.bucket.replace(self.claim.id, n, chunk).await?;
            (offset, bytes) = (offset + part.len() as u64, behind);
        }
        Ok(())
    }
}

#[async_trait]
impl ObjectWriter for GridFsWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), ObjectsError> {
        self.begin()?;
        while !bytes.is_empty() {
            let taken = bytes.split_to(bytes.len().min(BATCH_BYTES - self.gathered.len()));
            self.gathered.extend_from_slice(&taken);
            if self.gathered.len() == BATCH_BYTES {
                self.send().await?;
            }
        }
        self.is_sound = true;
        Ok(())
    }

    async fn patch(&mut self, offset: u64, bytes: Bytes) -> Result<(), ObjectsError> {
        check_patch(offset, bytes.len(), self.written_bytes())?;
        self.begin()?;
        let in_store = place(self.sent_bytes.saturating_sub(offset))?.min(bytes.len());
        if in_store > 0 {
            self.rewrite(offset, &bytes[..in_store]).await?;
        }
        let rest = &bytes[in_store..];
        if !rest.is_empty() {
            let start = place(offset + in_store as u64 - self.sent_bytes)?;
            self.gathered[start..start + rest.len()].copy_from_slice(rest);
        }
        self.is_sound = true;
        Ok(())
    }

    async fn finish(mut self: Box<Self>) -> Result<Stored, ObjectsError> {
        self.begin()?;
        if !self.gathered.is_empty() {
            self.send().await?;
        }
        self.settle().await?;
        let Self { claim, sent_bytes, .. } = *self;
        // A task of its own is not left between one step and the next.
        tokio::spawn(claim.publish(sent_bytes)).await.map_err(|_| stopped())?
    }
}

impl Unfinished {
    /// Makes the file visible, where it is the first of its key.
    async fn publish(mut self, size_bytes: u64) -> Result<Stored, ObjectsError> {
        let Self { bucket, key, id, .. } = &self;
        if bucket.has(key).await? || !bucket.claims.take(key, *id).await? {
            return Err(self.lost().await);
        }
        bucket.publish(*id, key, size_bytes).await?;
        if !bucket.claims.seal(key, *id).await? {
            return Err(self.lost().await);
        }
        self.is_open = false;
        Ok(Stored { size_bytes, fid: Some(self.id.to_hex()) })
    }

    /// Takes away what a writer that lost has left, and says to whom it lost.
    async fn lost(&mut self) -> ObjectsError {
        // What cannot be done now is done when the writer is dropped, or when its key is deleted.
        self.is_open = give_up(&self.bucket, &self.key, self.id).await.is_err();
        match self.bucket.claims.find(&self.key).await {
            Ok(None) => match self.bucket.has(&self.key).await {
                Ok(true) => ObjectsError::Conflict(self.key.clone()),
                Ok(false) => {
                    ObjectsError::Unavailable(format!("`{}` was deleted while it was written", self.key))
                }
                Err(error) => error,
            },
            Ok(Some(_)) => ObjectsError::Conflict(self.key.clone()),
            Err(error) => error,
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // Without a runtime, what is left stays on record under the key.
        if let (true, Ok(runtime)) = (self.is_open, Handle::try_current()) {
            let (bucket, key, id, sending) =
                (self.bucket.clone(), self.key.clone(), self.id, self.sending.take());
            runtime.spawn(async move {
                let is_known = match sending {
                    Some(sending) => matches!(sending.await, Ok(Ok(()))),
                    None => true,
                };
                // Chunks that may still be on their way keep the record.
                if is_known { give_up(&bucket, &key, id).await } else { bucket.take_back(id).await }
            });
        }
    }
}

async fn give_up(bucket: &Bucket, key: &Key, id: ObjectId) -> Result<(), ObjectsError> {
    bucket.take_back(id).await?;
    bucket.claims.leave(key, id).await
}

fn stopped() -> ObjectsError {
    ObjectsError::Unavailable("the process is being stopped".to_owned())
}

/// The number of the chunk at `offset`.
fn number(offset: u64) -> Result<i32, ObjectsError> {
    let number = i32::try_from(offset / CHUNK_BYTES as u64);
    number.map_err(|_| ObjectsError::Full("no file has more than 2^31 chunks".to_owned()))
}

fn place(offset: u64) -> Result<usize, ObjectsError> {
    usize::try_from(offset).map_err(|_| ObjectsError::OutOfRange)
}
