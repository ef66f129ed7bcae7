//! The film, as an object of the store.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use reelmill_backends::{Deployment, objects};
use reelmill_core::Key;
use reelmill_core::ports::{Input, Objects};
use tokio::io::AsyncReadExt as _;

use super::Failure;
use super::count::Counted;

const PIECE_BYTES: usize = 256 * 1024;

/// A film in a store.
pub(super) struct Film {
    pub(super) objects: Counted,
    pub(super) key: Key,
    pub(super) size_bytes: u64,
    pub(super) name: String,
}

impl Film {
    /// Puts the file into the store of `url`, under a key of its own.
    pub(super) async fn put(url: &str, file: &Path) -> Result<Self, Failure> {
        let objects = objects::open(url, &Deployment::within(".".into())).await?;
        let key: Key = format!("films/{}", uuid::Uuid::new_v4()).parse()?;
        let mut writer = objects.create(&key).await?;
        let mut file_bytes = tokio::fs::File::open(file).await?;
        let mut piece = vec![0; PIECE_BYTES];
        loop {
            let count = file_bytes.read(&mut piece).await?;
            if count == 0 {
                break;
            }
            writer.write(Bytes::copy_from_slice(&piece[..count])).await?;
        }
        let size_bytes = writer.finish().await?.size_bytes;
        let name = file.file_name().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        Ok(Self { objects: Counted::new(objects), key, size_bytes, name })
    }

    /// It as a worker names it to the converter.
    pub(super) fn input(&self) -> Input {
        let objects: Arc<dyn Objects> = Arc::new(self.objects.clone());
        Input { objects, key: self.key.clone(), size_bytes: self.size_bytes, name: self.name.clone() }
    }

    /// Takes it out of the store.
    pub(super) async fn discard(&self) -> Result<(), Failure> {
        Ok(self.objects.delete(&self.key).await?)
    }
}
