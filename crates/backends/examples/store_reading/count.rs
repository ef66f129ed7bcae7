//! A store that counts the reads that are asked of it.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use reelmill_core::Key;
use reelmill_core::ports::{ByteStream, Handout, ObjectWriter, Objects, ObjectsError};

/// Reads of objects, each of which is a request.
#[derive(Clone)]
pub(super) struct Counted {
    objects: Arc<dyn Objects>,
    reads: Arc<AtomicU64>,
}

impl Counted {
    pub(super) fn new(objects: Arc<dyn Objects>) -> Self {
        Self { objects, reads: Arc::default() }
    }

    pub(super) fn reads(&self) -> u64 {
        self.reads.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl Objects for Counted {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        self.objects.create(key).await
    }

    async fn size(&self, key: &Key) -> Result<u64, ObjectsError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.objects.size(key).await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        self.reads.fetch_add(1, Ordering::Relaxed);
        self.objects.read(key, range).await
    }

    async fn presign(&self, key: &Key, handout: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        self.objects.presign(key, handout).await
    }

    fn uri(&self, key: &Key) -> String {
        self.objects.uri(key)
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        self.objects.delete(key).await
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        self.objects.check().await
    }
}
