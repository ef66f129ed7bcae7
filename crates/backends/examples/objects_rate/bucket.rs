//! The plain client of GridFS: the driver's own bucket.

use bytes::Bytes;
use futures_util::io::{AsyncReadExt, AsyncWriteExt};
use mongodb::Client;
use mongodb::gridfs::GridFsBucket;

use super::Failure;

pub(super) struct Bucket(GridFsBucket);

impl Bucket {
    /// In a database of its own on the servers of a `gridfs:` URL.
    pub(super) async fn open(url: &str) -> Result<Self, Failure> {
        let url = url::Url::parse(url)?;
        let (host, port) = (url.host_str().ok_or("the URL names no host")?, url.port().unwrap_or(27017));
        let client = Client::with_uri_str(format!("mongodb://{host}:{port}/")).await?;
        Ok(Self(client.database("plain").gridfs_bucket(None)))
    }

    pub(super) async fn put(&self, name: &str, content: &Bytes) -> Result<(), Failure> {
        let mut stream = self.0.open_upload_stream(name).await?;
        stream.write_all(content).await?;
        stream.close().await?;
        Ok(())
    }

    /// The newest file of that name.
    pub(super) async fn read(&self, name: &str, length: usize) -> Result<(), Failure> {
        let mut stream = self.0.open_download_stream_by_name(name).await?;
        let (mut piece, mut read) = (vec![0; 256 * 1024], 0);
        loop {
            match stream.read(&mut piece).await? {
                0 => break,
                bytes => read += bytes,
            }
        }
        if read == length { Ok(()) } else { Err("other bytes came back".into()) }
    }
}
