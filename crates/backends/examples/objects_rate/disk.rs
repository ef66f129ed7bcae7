//! The plain client of a disk: a file, synced when it is written.

use std::path::PathBuf;

use bytes::Bytes;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{Failure, PIECE_BYTES};

pub(super) struct Disk(PathBuf);

impl Disk {
    /// In the folder of a `file:` URL.
    pub(super) fn open(url: &str) -> Result<Self, Failure> {
        Ok(Self(url.strip_prefix("file:").ok_or("it is no file: URL")?.into()))
    }

    pub(super) async fn put(&self, name: &str, content: &Bytes) -> Result<(), Failure> {
        let mut file = File::create(self.0.join(name)).await?;
        for piece in content.chunks(PIECE_BYTES) {
            file.write_all(piece).await?;
        }
        file.flush().await?;
        file.sync_all().await?;
        Ok(())
    }

    pub(super) async fn read(&self, name: &str, length: usize) -> Result<(), Failure> {
        let mut file = File::open(self.0.join(name)).await?;
        let (mut piece, mut read) = (vec![0; PIECE_BYTES], 0);
        loop {
            match file.read(&mut piece).await? {
                0 => break,
                bytes => read += bytes,
            }
        }
        if read == length { Ok(()) } else { Err("other bytes came back".into()) }
    }
}
