//! An object on its way into a bucket: in one request where it is short, else tail first, then head, then both composed.

use std::mem;

use async_trait::async_trait;
use bytes::Bytes;
use reelmill_core::Key;
use reelmill_core::ports::{ObjectWriter, ObjectsError, Stored};
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use uuid::Uuid;

use super::answer::Found;
use super::bucket::{Bucket, Wish, beside, same, wish};
use super::checksum::Checksum;
use crate::objects::remote::{Fault, Intake};

/// The pieces that a tail goes in: a multiple of 256 KiB, as the store wants it, and of the size that Google recommends.
const PIECE_BYTES: usize = 8 * 1024 * 1024;

/// A writer of one object.
#[derive(Debug)]
pub(super) struct GcsWriter {
    bucket: Bucket,
    key: Key,
    /// Tells this writer's object from that of another.
    writer: String,
    intake: Intake,
    tail: Option<Tail>,
}

impl GcsWriter {
    pub(super) fn new(bucket: Bucket, key: Key) -> Self {
        let writer = Uuid::new_v4().simple().to_string();
        Self { bucket, key, writer, intake: Intake::default(), tail: None }
    }

    async fn send(&mut self, piece: Bytes) -> Result<(), ObjectsError> {
        let sent = match self.tail().await {
            Ok(tail) => tail.send(piece).await,
            Err(fault) => Err(fault),
        };
        sent.map_err(|fault| fault.about(&self.key))
    }

    async fn tail(&mut self) -> Result<&mut Tail, Fault> {
        match &mut self.tail {
            Some(tail) => Ok(tail),
            missing => {
                let leftovers = Leftovers::begin(self.bucket.clone(), &self.key, &self.writer).await?;
                Ok(missing.insert(Tail {
                    sum: Checksum::default(),
                    under_way: None,
                    is_broken: false,
                    leftovers,
                }))
            }
        }
    }
}

#[async_trait]
impl ObjectWriter for GcsWriter {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), ObjectsError> {
        while !bytes.is_empty() {
            if let Some(piece) = self.intake.take(&mut bytes, PIECE_BYTES) {
                self.send(piece).await?;
            }
        }
        Ok(())
    }

    async fn patch(&mut self, offset: u64, bytes: Bytes) -> Result<(), ObjectsError> {
        self.intake.patch(offset, &bytes)
    }

    async fn finish(self: Box<Self>) -> Result<Stored, ObjectsError> {
        let Self { bucket, key, writer, intake, tail } = *self;
        let (size_bytes, name) = (intake.written_bytes(), bucket.place().name(&key));
        let (wish, (head, last)) = (wish(&key, &name, &writer), intake.rest());
        let finished = match tail {
            Some(tail) => tail.finish(&wish, head, last).await,
            None => bucket
                .put(&wish, &[head.clone(), last.clone()], Checksum::of(&head).and(&last))
                .await
                .map(drop),
        };
        finished.map_err(|fault| fault.about(&key))?;
        Ok(Stored { size_bytes, fid: None })
    }
}

/// What follows the head: an upload of its own, a piece of which may be under way.
#[derive(Debug)]
struct Tail {
    /// Of all that was sent.
    sum: Checksum,
    under_way: Option<Sending>,
    /// Whether a piece is missing, so that the rest is of no use.
    is_broken: bool,
    leftovers: Leftovers,
}

/// A piece that is under way; dropped, it is not sent any more.
#[derive(Debug)]
struct Sending(JoinHandle<Result<Option<Found>, Fault>>);

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Tail {
    /// Sends the next piece, when the last one is there.
    async fn send(&mut self, piece: Bytes) -> Result<(), Fault> {
        self.arrived().await?;
        self.sending(piece, false);
        Ok(())
    }

    fn sending(&mut self, piece: Bytes, is_last: bool) {
        let (bucket, upload, at) =
            (self.leftovers.bucket.clone(), self.leftovers.upload.clone(), self.sum.size_bytes());
        self.sum = self.sum.and(&piece);
        let total = is_last.then(|| self.sum.size_bytes());
        let sent = async move { bucket.piece(&upload, at, &piece, total).await };
        self.under_way = Some(Sending(tokio::spawn(sent)));
    }

    async fn arrived(&mut self) -> Result<Option<Found>, Fault> {
        if self.is_broken {
            return Err(Fault::unusable("a piece of the object was not stored"));
        }
        let Some(sending) = &mut self.under_way else { return Ok(None) };
        let arrived = (&mut sending.0).await;
        self.under_way = None;
        self.is_broken = !matches!(arrived, Ok(Ok(_)));
        arrived.map_err(|_| Fault::unusable("the process is being stopped"))?
    }

    async fn finish(mut self, wish: &Wish<'_>, head: Bytes, last: Bytes) -> Result<(), Fault> {
        self.arrived().await?;
        self.sending(last, true);
        let tail = self.arrived().await?;
        let tail = tail.ok_or_else(|| Fault::unusable("the store does not finish an upload"))?;
        let Leftovers { bucket, tail: tail_name, head: head_name, .. } = &self.leftovers;
        same(&tail, self.sum, tail_name)?;
        // The condition on the composed object decides; this only spares the head's way where it is lost already.
        match bucket.look(wish.name).await {
            Err(Fault::Missing) => {}
            Ok(_) => return Err(Fault::Precondition),
            Err(fault) => return Err(fault),
        }
        let sum = Checksum::of(&head);
        let head = bucket.put(&Wish { name: head_name, ..*wish }, &[head], sum).await?;
        let sources = [(head_name.as_str(), &*head.generation), (tail_name.as_str(), &*tail.generation)];
        bucket.compose(wish, sources, sum.then(self.sum)).await?;
        // An object whose parts are still there is not finished: nobody would look for them any more.
        self.leftovers.clear().await
    }
}

/// What an upload has beside its object, taken away at the end, whichever it is.
#[derive(Debug)]
struct Leftovers {
    bucket: Bucket,
    key: Key,
    head: String,
    tail: String,
    /// The tail's upload.
    upload: String,
    is_over: bool,
}

impl Leftovers {
    /// Begins the tail's upload. Where the caller goes away before the store has said its address, it is taken away as well.
    async fn begin(bucket: Bucket, key: &Key, writer: &str) -> Result<Self, Fault> {
        let (key, writer) = (key.clone(), writer.to_owned());
        let begun = tokio::spawn(async move {
            let name = bucket.place().name(&key);
            let (head, tail) = (beside(&name, "head", &writer), beside(&name, "tail", &writer));
            let upload = bucket.begin(&wish(&key, &tail, &writer)).await?;
            Ok(Self { bucket, key, head, tail, upload, is_over: false })
        });
        begun.await.map_err(|_| Fault::unusable("the process is being stopped"))?
    }

    async fn clear(&mut self) -> Result<(), Fault> {
        self.bucket.delete_named(&self.head).await?;
        self.bucket.delete_named(&self.tail).await?;
        self.is_over = true;
        Ok(())
    }
}

impl Drop for Leftovers {
    fn drop(&mut self) {
        // What a runtime that ends leaves behind, `Objects::delete` takes away.
        let Ok(runtime) = Handle::try_current() else { return };
        if self.is_over {
            return;
        }
        let (bucket, key) = (self.bucket.clone(), self.key.clone());
        let (upload, head, tail) =
            (mem::take(&mut self.upload), mem::take(&mut self.head), mem::take(&mut self.tail));
        runtime.spawn(async move {
            let gone = async {
                bucket.abandon(&upload).await?;
                bucket.delete_named(&head).await?;
                bucket.delete_named(&tail).await
            };
            if let Err(fault) = gone.await {
                let error = fault.about(&key);
                tracing::warn!(object.key = %key, %error, "what is left of an upload could not be taken away");
            }
        });
    }
}
