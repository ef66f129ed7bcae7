//! Bytes to try an object store with.

use bytes::Bytes;
use futures_util::TryStreamExt;
use reelmill_core::Key;
use reelmill_core::ports::{ObjectWriter, Objects, ObjectsError, Stored};

pub(super) fn key(text: &str) -> Key {
    text.parse().unwrap()
}

/// Bytes that tell each place from every other nearby.
pub(super) fn bytes(length: usize) -> Vec<u8> {
    (0..length).map(|at| (at % 251) as u8 ^ (at / 251 % 256) as u8).collect()
}

pub(super) async fn writer(objects: &dyn Objects, name: &str, content: &[u8]) -> Box<dyn ObjectWriter> {
    let mut writer = objects.create(&key(name)).await.unwrap();
    writer.write(Bytes::copy_from_slice(content)).await.unwrap();
    writer
}

pub(super) async fn put(objects: &dyn Objects, name: &str, content: &[u8]) -> Stored {
    writer(objects, name, content).await.finish().await.unwrap()
}

pub(super) async fn read(
    objects: &dyn Objects,
    name: &str,
    range: std::ops::Range<u64>,
) -> Result<Vec<u8>, ObjectsError> {
    let pieces: Vec<Bytes> = objects.read(&key(name), range).await?.try_collect().await?;
    Ok(pieces.concat())
}

pub(super) async fn whole(objects: &dyn Objects, name: &str) -> Vec<u8> {
    let size_bytes = objects.size(&key(name)).await.unwrap();
    read(objects, name, 0..size_bytes).await.unwrap()
}

pub(super) async fn not_found(objects: &dyn Objects, name: &str) {
    let size = objects.size(&key(name)).await;
    assert!(matches!(size, Err(ObjectsError::NotFound(_))), "{size:?}");
    let bytes = read(objects, name, 0..1).await;
    assert!(matches!(bytes, Err(ObjectsError::NotFound(_))), "{bytes:?}");
}
