//! An object on its way into a bucket: in one request where it is short, else in parts of which some are under way.

use std::mem;

use async_trait::async_trait;
use bytes::Bytes;
use reelmill_core::Key;
use reelmill_core::ports::{ObjectWriter, ObjectsError, Stored};
use tokio::runtime::Handle;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::answer::Part;
use super::bucket::Bucket;
use super::parts::{MAX_PARTS, part_bytes, under_way};
use crate::objects::remote::{Fault, Intake};

/// The number of the first part that is sent while bytes still come; part 1 is the head.
const FIRST_OF_TAIL: u32 = 2;

/// A writer of one object.
#[derive(Debug)]
pub(super) struct S3Writer {
    bucket: Bucket,
    key: Key,
    /// Tells this writer's object from that of another.
    name: String,
    intake: Intake,
    upload: Option<Upload>,
}

impl S3Writer {
    pub(super) fn new(bucket: Bucket, key: Key) -> Self {
        let name = Uuid::new_v4().to_string();
        Self { bucket, key, name, intake: Intake::default(), upload: None }
    }

    /// Where the parts go.
    async fn upload(&mut self) -> Result<&mut Upload, Fault> {
        match &mut self.upload {
            Some(upload) => Ok(upload),
            missing => {
                let unfinished = Unfinished::begin(self.bucket.clone(), &self.key, &self.name).await?;
                Ok(missing.insert(Upload::new(unfinished)))
            }
        }
    }

    async fn send(&mut self, part: Bytes) -> Result<(), ObjectsError> {
        let sent = match self.upload().await {
            Ok(upload) => upload.send(part).await,
            Err(fault) => Err(fault),
        };
        sent.map_err(|fault| fault.about(&self.key))
    }
}

#[async_trait]
impl ObjectWriter for S3Writer {
    async fn write(&mut self, mut bytes: Bytes) -> Result<(), ObjectsError> {
        while !bytes.is_empty() {
            let number = self.upload.as_ref().map_or(FIRST_OF_TAIL, |upload| upload.next);
            if let Some(part) = self.intake.take(&mut bytes, part_bytes(number)) {
                self.send(part).await?;
            }
        }
        Ok(())
    }

    async fn patch(&mut self, offset: u64, bytes: Bytes) -> Result<(), ObjectsError> {
        self.intake.patch(offset, &bytes)
    }

    async fn finish(self: Box<Self>) -> Result<Stored, ObjectsError> {
        let Self { bucket, key, name, intake, upload } = *self;
        let size_bytes = intake.written_bytes();
        let finished = match upload {
            Some(upload) => upload.finish(&name, intake, size_bytes).await,
            None => bucket.put(&key, &name, intake.whole()).await,
        };
        finished.map_err(|fault| fault.about(&key))?;
        Ok(Stored { size_bytes, fid: None })
    }
}

/// An upload whose tail is under way.
#[derive(Debug)]
struct Upload {
    /// The number of the next part.
    next: u32,
    under_way: JoinSet<Result<Part, Fault>>,
    /// The parts that are there.
    stored: Vec<Part>,
    /// After `under_way`, so that no part is sent any more when this is dropped.
    unfinished: Unfinished,
}

impl Upload {
    fn new(unfinished: Unfinished) -> Self {
        Self { next: FIRST_OF_TAIL, under_way: JoinSet::new(), stored: Vec::new(), unfinished }
    }

    /// Sends the next part of the tail, as soon as there is room under way.
    async fn send(&mut self, part: Bytes) -> Result<(), Fault> {
        let number = self.next;
        if number > MAX_PARTS {
            return Err(Fault::unusable("the object is longer than S3 takes"));
        }
        self.next += 1;
        self.send_as(number, part).await
    }

    async fn send_as(&mut self, number: u32, part: Bytes) -> Result<(), Fault> {
        while self.under_way.len() >= under_way(part.len()) {
            self.wait_for_one().await?;
        }
        let (bucket, key, id) =
            (self.unfinished.bucket.clone(), self.unfinished.key.clone(), self.unfinished.id.clone());
        self.under_way.spawn(async move { bucket.part(&key, &id, number, part).await });
        Ok(())
    }

    async fn wait_for_one(&mut self) -> Result<(), Fault> {
        match self.under_way.join_next().await {
            Some(Ok(sent)) => self.stored.push(sent?),
            Some(Err(_)) => return Err(Fault::unusable("the process is being stopped")),
            None => {}
        }
        Ok(())
    }

    async fn finish(mut self, writer: &str, intake: Intake, size_bytes: u64) -> Result<(), Fault> {
        let (head, last) = intake.rest();
        if !last.is_empty() {
            self.send(last).await?;
        }
        self.send_as(1, head).await?;
        while !self.under_way.is_empty() {
            self.wait_for_one().await?;
        }
        self.stored.sort_unstable();
        // One that failed in an earlier call is missing here.
        if !self.stored.iter().map(|part| part.number).eq(1..self.next) {
            return Err(Fault::unusable("a part of the object was not stored"));
        }
        let Unfinished { bucket, key, id, .. } = &self.unfinished;
        bucket.complete(key, writer, id, &self.stored, size_bytes).await?;
        self.unfinished.is_over = true;
        Ok(())
    }
}

/// An upload that is taken away where it is not finished.
#[derive(Debug)]
struct Unfinished {
    bucket: Bucket,
    key: Key,
    id: String,
    is_over: bool,
}

impl Unfinished {
    /// Begins an upload. Where the caller goes away before the store has said its id, it is taken away as well.
    async fn begin(bucket: Bucket, key: &Key, writer: &str) -> Result<Self, Fault> {
        let (key, writer) = (key.clone(), writer.to_owned());
        let begun = tokio::spawn(async move {
            let id = bucket.begin(&key, &writer).await?;
            Ok(Self { bucket, key, id, is_over: false })
        });
        begun.await.map_err(|_| Fault::unusable("the process is being stopped"))?
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        // What a runtime that ends leaves behind, `Objects::delete` takes away.
        let Ok(runtime) = Handle::try_current() else { return };
        if self.is_over {
            return;
        }
        let (bucket, key, id) = (self.bucket.clone(), self.key.clone(), mem::take(&mut self.id));
        runtime.spawn(async move {
            if let Err(fault) = bucket.abort(&key, &id).await {
                let error = fault.about(&key);
                tracing::warn!(object.key = %key, %error, "an unfinished upload could not be taken away");
            }
        });
    }
}
