//! Showing that a store can be used: something small goes in, comes back and is taken away.

use bytes::Bytes;
use futures_util::StreamExt;
use reelmill_core::Key;
use reelmill_core::ports::{Objects, ObjectsError};
use uuid::Uuid;

/// Writes an object into a folder, reads it back and takes it away, whatever came of it.
pub(super) async fn try_out(objects: &impl Objects, folder: &str) -> Result<(), ObjectsError> {
    let key: Key = format!("{folder}/{}", Uuid::new_v4())
        .parse()
        .map_err(|bad| ObjectsError::Unavailable(format!("{bad}")))?;
    let same = write_and_read(objects, &key).await;
    let deleted = objects.delete(&key).await;
    same.and(deleted)
}

async fn write_and_read(objects: &impl Objects, key: &Key) -> Result<(), ObjectsError> {
    let mut writer = objects.create(key).await?;
    writer.write(Bytes::from_static(b"check")).await?;
    writer.finish().await?;
    match objects.read(key, 0..5).await?.next().await {
        Some(Ok(bytes)) if bytes == "check" => Ok(()),
        Some(Err(error)) => Err(error),
        _ => Err(ObjectsError::Corrupt("other bytes came back than were written".to_owned())),
    }
}
