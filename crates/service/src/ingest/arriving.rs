//! Bytes on their way in: an intent that beats while they come, and a sender that is held to a pace.

use std::pin::pin;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reelmill_core::ports::{CatalogError, ObjectWriter};
use reelmill_core::{Holder, Intent, Key, Kind, Write};
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::{Error, Service};

/// All bytes of an upload, handed to the store and not yet visible.
pub(crate) struct Received {
    pub(crate) writer: Box<dyn ObjectWriter>,
    pub(crate) blake3: String,
}

impl Service {
    pub(super) async fn receive<S>(
        &self,
        arriving: &Arriving,
        key: &Key,
        bytes: S,
        most: u64,
    ) -> Result<Received, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        let mut writer: Box<dyn ObjectWriter> = self.objects().create(key).await?;
        let mut hasher = blake3::Hasher::new();
        let mut pace = Pace::new(self);
        let mut size_bytes = 0_u64;
        let mut bytes = pin!(bytes);
        while let Some(piece) = pace.within(bytes.next()).await? {
            let piece = piece?;
            size_bytes += piece.len() as u64;
            if size_bytes > most {
                return Err(too_large(most));
            }
            if arriving.is_lost() {
                return Err(Error::new(
                    Kind::Unavailable,
                    "unavailable",
                    "the upload stood still for too long and was given up; send it again",
                ));
            }
            pace.count(piece.len() as u64)?;
            hasher.update(&piece);
            writer.write(piece).await?;
            pace.resume();
        }
        Ok(Received { writer, blake3: hasher.finalize().to_hex().to_string() })
    }
}

/// An upload's intent, kept alive while this is held. Dropped before [`Arriving::arrived`], it has the object deleted.
pub(crate) struct Arriving {
    service: Service,
    key: Option<Key>,
    beating: tokio::task::JoinHandle<()>,
}

impl Arriving {
    pub(crate) async fn begin(service: &Service, key: Key) -> Result<Self, Error> {
        Self::begin_with(service, key, Vec::new()).await
    }

    /// As [`Arriving::begin`], where the key may only be put on record together with `writes`.
    pub(crate) async fn begin_with(
        service: &Service,
        key: Key,
        mut writes: Vec<Write>,
    ) -> Result<Self, Error> {
        let intent = Intent { key: key.clone(), holder: Holder::Upload, beats: 0, created_at: service.now() };
        writes.push(Write::AddIntent(intent));
        service.catalog().commit(writes).await?;
        let beating = tokio::spawn({
            let (service, key) = (service.clone(), key.clone());
            async move {
                loop {
                    tokio::time::sleep(service.options().heartbeat).await;
                    match service.catalog().touch_intent(&key).await {
                        Ok(()) => {}
                        Err(CatalogError::Conflict) => return,
                        Err(error) => {
                            warn!(object.key = %key, %error, "an upload could not say that it lives");
                        }
                    }
                }
            }
        });
        Ok(Self { service: service.clone(), key: Some(key), beating })
    }

    /// Whether the intent was given up by a collector.
    pub(crate) fn is_lost(&self) -> bool {
        self.beating.is_finished()
    }

    pub(crate) fn arrived(mut self) {
        self.key = None;
    }
}

impl Drop for Arriving {
    fn drop(&mut self) {
        self.beating.abort();
        if let Some(key) = self.key.take() {
            let service = self.service.clone();
            tokio::spawn(async move { service.discard(&key).await });
        }
    }
}

/// Holds a sender to its pace: never silent for longer than the idle limit, and never below the floor over that
/// span. The time that our own store takes is not held against it.
pub(crate) struct Pace {
    idle: std::time::Duration,
    floor_bytes: u64,
    waited: std::time::Duration,
    arrived_bytes: u64,
    since: Instant,
}

impl Pace {
    pub(crate) fn new(service: &Service) -> Self {
        Self {
            idle: service.options().upload_idle,
            floor_bytes: service.options().upload_floor_bytes,
            waited: std::time::Duration::ZERO,
            arrived_bytes: 0,
            since: Instant::now(),
        }
    }

    async fn within<T>(&self, next: impl Future<Output = T>) -> Result<T, Error> {
        timeout(self.idle, next).await.map_err(|_| self.too_slow())
    }

    pub(crate) fn count(&mut self, bytes: u64) -> Result<(), Error> {
        self.waited += self.since.elapsed();
        self.arrived_bytes += bytes;
        if self.waited >= self.idle {
            if self.arrived_bytes < self.floor_bytes {
                return Err(self.too_slow());
            }
            self.waited = std::time::Duration::ZERO;
            self.arrived_bytes = 0;
        }
        Ok(())
    }

    pub(crate) fn resume(&mut self) {
        self.since = Instant::now();
    }

    fn too_slow(&self) -> Error {
        let detail = format!(
            "the upload is too slow: less than {} bytes came in {} s; nothing was kept, send it again",
            self.floor_bytes,
            self.idle.as_secs()
        );
        Error::new(Kind::Timeout, "too-slow", detail)
    }
}

pub(crate) fn too_large(most: u64) -> Error {
    let detail = format!("the file is larger than the {most} bytes that are taken here");
    Error::new(Kind::TooLarge, "too-large", detail)
}
