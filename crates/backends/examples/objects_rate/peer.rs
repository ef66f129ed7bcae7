//! The plain client of whatever store a URL names.

use bytes::Bytes;

use super::Failure;
#[cfg(feature = "objects-gridfs")]
use super::bucket::Bucket;
use super::disk::Disk;
use super::plain::Plain;

pub(super) enum Peer {
    #[cfg(feature = "objects-gridfs")]
    Bucket(Bucket),
    Disk(Disk),
    Plain(Plain),
}

impl Peer {
    /// For a store that was opened before.
    #[cfg_attr(not(feature = "objects-gridfs"), expect(clippy::unused_async, reason = "GridFS's waits"))]
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        match url.split(':').next() {
            #[cfg(feature = "objects-gridfs")]
            Some("gridfs") => Ok(Self::Bucket(Bucket::open(url).await?)),
            Some("file") => Ok(Self::Disk(Disk::open(url)?)),
            _ => Ok(Self::Plain(Plain::new(url)?)),
        }
    }

    pub(super) async fn put(&self, name: &str, content: &Bytes) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "objects-gridfs")]
            Self::Bucket(bucket) => bucket.put(name, content).await,
            Self::Disk(disk) => disk.put(name, content).await,
            Self::Plain(plain) => plain.put(name, content).await,
        }
    }

    pub(super) async fn read(&self, name: &str, length: usize) -> Result<(), Failure> {
        match self {
            #[cfg(feature = "objects-gridfs")]
            Self::Bucket(bucket) => bucket.read(name, length).await,
            Self::Disk(disk) => disk.read(name, length).await,
            Self::Plain(plain) => plain.read(name, length).await,
        }
    }
}
