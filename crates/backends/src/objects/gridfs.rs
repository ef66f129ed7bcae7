//! Objects in GridFS, in the layout that every driver reads: an object's key is its file's name.
//!
//! What is made here goes to one database and what is sent in to another, as the converter's contract has it. The layout
//! lets several files share a name; that ours do not is seen to by a small collection beside them (`claim`).

mod address;
mod bucket;
mod claim;
mod failure;
mod reading;
mod writer;

use std::ops::Range;
use std::sync::Arc;

use async_trait::async_trait;
use futures_util::FutureExt;
use mongodb::Client;
use reelmill_core::Key;
use reelmill_core::ports::{ByteStream, Handout, ObjectWriter, Objects, ObjectsError};

use super::trial::try_out;
use super::{Opening, check_range, uri};
use crate::OpenError;
use address::Address;
use bucket::Bucket;
use failure::unusable;
use writer::GridFsWriter;

/// How it is opened.
pub(super) const OPENING: Opening =
    |rest, _| async move { Ok(Arc::new(GridFsObjects::open(rest).await?) as Arc<dyn Objects>) }.boxed();

/// What keys of things that are made here begin with.
const MADE: [&str; 2] = ["outputs/", "audio/"];

/// An object store in two databases of a `MongoDB` deployment.
#[derive(Debug, Clone)]
pub struct GridFsObjects {
    hosts: Arc<str>,
    /// The names of the databases: what is sent in, what is made.
    names: [Arc<str>; 2],
    buckets: [Bucket; 2],
}

impl GridFsObjects {
    /// Opens the store that `rest`, what follows `gridfs:` in its URL, says, and makes its indexes where there are none.
    ///
    /// # Errors
    /// Where that is no such URL, or the servers do not answer.
    pub async fn open(rest: &str) -> Result<Self, OpenError> {
        let Address { options, hosts, videos, mp3s } = Address::parse(rest).await?;
        let client = Client::with_options(options).map_err(|error| unusable("opening", &error))?;
        let buckets = [&videos, &mp3s].map(|name| Bucket::new(&client.database(name)));
        for bucket in &buckets {
            bucket.prepare().await?;
        }
        Ok(Self { hosts: hosts.into(), names: [videos.into(), mp3s.into()], buckets })
    }

    fn bucket(&self, key: &Key) -> &Bucket {
        &self.buckets[place(key)]
    }
}

#[async_trait]
impl Objects for GridFsObjects {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        Ok(Box::new(GridFsWriter::create(self.bucket(key).clone(), key.clone()).await?))
    }

    async fn size(&self, key: &Key) -> Result<u64, ObjectsError> {
        Ok(self.bucket(key).find(key).await?.size_bytes)
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        let bucket = self.bucket(key);
        let file = bucket.find(key).await?;
        check_range(&range, file.size_bytes)?;
        Ok(reading::stream(bucket.clone(), key.clone(), file, range))
    }

    async fn presign(&self, _: &Key, _: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        Ok(None)
    }

    fn uri(&self, key: &Key) -> String {
        format!("gridfs://{}/{}/{}", self.hosts, self.names[place(key)], uri::encode(key.as_str().as_bytes()))
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        self.bucket(key).delete(key).await
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        // A task of its own goes on where the caller stops waiting, and leaves no object behind.
        let store = self.clone();
        let tried = tokio::spawn(async move {
            try_out(&store, "check").await?;
            try_out(&store, "outputs/check").await
        });
        tried.await.map_err(|_| ObjectsError::Unavailable("the process is being stopped".to_owned()))?
    }
}

/// Which of the two databases a key belongs to.
fn place(key: &Key) -> usize {
    usize::from(MADE.iter().any(|folder| key.as_str().starts_with(folder)))
}
