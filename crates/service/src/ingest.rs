//! Taking media in: bytes streamed straight to the store, probed there, and made visible by one commit.
//!
//! The key is an intent from before the first byte on; whatever ends the upload early (an error, a client that
//! leaves, a crash) leaves a record by which the bytes are deleted.

use std::pin::pin;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use reelmill_core::ports::{CatalogError, Input, ObjectWriter};
use reelmill_core::{
    Door, Holder, Intent, Job, Key, Kind, Media, MediaId, MediaInfo, Priority, Profile, Receipt, Settings,
    UserId, Write,
};
use tokio::time::{Instant, timeout};
use tracing::warn;

use crate::{Caller, Error, Service};

/// The longest file name that is kept, in bytes: what file systems take.
const MAX_NAME_BYTES: usize = 255;

/// A file on its way in.
pub struct Upload<S> {
    /// The name that the sender gives it; any folders are cut off.
    pub name: String,
    /// The size that the sender announced, where it did.
    pub declared_bytes: Option<u64>,
    /// The bytes. An `Err` ends the upload with that sentence.
    pub bytes: S,
}

/// A conversion that somebody wishes.
#[derive(Debug, Clone)]
pub struct JobWish {
    /// The profile's name.
    pub profile: String,
    /// What is laid over its settings.
    pub overrides: Settings,
    /// Who goes first.
    pub priority: Priority,
    /// The door that it comes through.
    pub door: Door,
    /// The client's Idempotency-Key, where it sent one.
    pub submission: Option<Submission>,
}

/// What makes a request the same as one sent before.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The route, as `POST /v1/jobs`.
    pub route: &'static str,
    /// The client's key.
    pub key: String,
    /// BLAKE3 of the request's body, lower-case hex.
    pub body_hash: String,
}

/// What was taken in.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// The original.
    pub media: Media,
    /// Its conversion, where one was wished.
    pub job: Option<Job>,
}

impl Service {
    /// Takes a file in, and with `wish` makes its job in the same commit.
    ///
    /// # Errors
    /// `TooLarge`, `Timeout` for a sender that is too slow, `NotMedia`, `Unprocessable` for damaged bytes, `Invalid`
    /// for an empty file; nothing is left behind then.
    pub async fn ingest<S>(
        &self,
        caller: &Caller,
        upload: Upload<S>,
        wish: Option<JobWish>,
    ) -> Result<Ingested, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        caller.must_be_member()?;
        let profile = wish.as_ref().map(JobWish::resolve).transpose()?;
        let most = self.options().max_upload_bytes;
        if upload.declared_bytes.is_some_and(|declared| declared > most) {
            return Err(too_large(most));
        }

        let id = MediaId(self.fresh_id());
        let key: Key = format!("media/{id}").parse().map_err(Error::internal)?;
        let arriving = Arriving::begin(self, key.clone()).await?;
        let received = self.receive(&arriving, &key, upload.bytes, most).await?;
        let landing =
            Landing { id, owner: caller.id(), name: file_name(&upload.name), key, received, wish, profile };
        // All bytes are here. A client that leaves now leaves a media: half a landing would leave worse.
        let landed = tokio::spawn(self.clone().land(landing, arriving));
        landed.await.map_err(Error::internal)?
    }

    /// Makes what was received visible, or deletes it.
    async fn land(self, landing: Landing, arriving: Arriving) -> Result<Ingested, Error> {
        let Landing { id, owner, name, key, received, wish, profile } = landing;
        let stored = received.writer.finish().await?;
        let info = self.probe(&key, stored.size_bytes, &name).await?;
        let media = Media {
            id,
            owner,
            content_type: content_type(&info).to_owned(),
            name,
            key: key.clone(),
            size_bytes: stored.size_bytes,
            blake3: received.blake3,
            info,
            created_at: self.now(),
        };
        let mut writes = vec![Write::TakeIntent(key), Write::AddMedia(media.clone())];
        let job = match (wish, profile) {
            (Some(wish), Some(profile)) => {
                let job = self.new_job(&media, &wish, profile);
                writes.extend(self.writes_for(&job, &wish));
                Some(job)
            }
            _ => None,
        };
        if let Err(error) = self.catalog().commit(writes).await {
            // An answer that was lost may have been a yes.
            let is_there = error.is_transient() && self.catalog().media(id).await?.is_some();
            if !is_there {
                return Err(error.into());
            }
        }
        arriving.arrived();
        // Whoever removed the account meanwhile did not see this media yet.
        if self.catalog().user(owner).await?.is_none() {
            self.remove_media(&media).await?;
            return Err(Error::new(Kind::Unauthenticated, "not-signed-in", "the account was removed"));
        }
        if let Some(job) = &job {
            self.ring(job.id).await;
        }
        Ok(Ingested { media, job })
    }

    async fn probe(&self, key: &Key, size_bytes: u64, name: &str) -> Result<MediaInfo, Error> {
        if size_bytes == 0 {
            return Err(Error::new(Kind::Invalid, "empty", "the file is empty; send one with sound in it"));
        }
        let input = Input {
            objects: Arc::clone(&self.ports().objects),
            key: key.clone(),
            size_bytes,
            name: name.to_owned(),
        };
        Ok(self.ports().converter.probe(&input).await?)
    }

    async fn receive<S>(&self, arriving: &Arriving, key: &Key, bytes: S, most: u64) -> Result<Received, Error>
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

    pub(crate) fn new_job(&self, media: &Media, wish: &JobWish, profile: Profile) -> Job {
        let now = self.now();
        Job {
            id: reelmill_core::JobId(self.fresh_id()),
            account: media.owner,
            media_id: media.id,
            plan: self.ports().converter.plan(&media.info, &profile).ok(),
            profile,
            overrides: wish.overrides.clone(),
            priority: wish.priority,
            door: wish.door,
            max_attempts: self.options().max_attempts,
            deadline_ms: u64::try_from(self.options().job_deadline.as_millis()).unwrap_or(u64::MAX),
            created_at: now,
            started_at: None,
            attempt: 0,
            state: reelmill_core::State::Queued { due_at: now, last_failure: None },
            version: 1,
            pulse: reelmill_core::Pulse::default(),
        }
    }

    pub(crate) fn writes_for(&self, job: &Job, wish: &JobWish) -> Vec<Write> {
        let receipt = wish.submission.as_ref().map(|submission| {
            let receipt = Receipt {
                scope: submission.scope(job.account),
                key: submission.key.clone(),
                body_hash: submission.body_hash.clone(),
                job: job.id,
                expires_at: self.now().plus_ms(Submission::LIFETIME_MS),
            };
            Write::AddReceipt(receipt, self.now())
        });
        [Write::NeedMedia(job.media_id), Write::AddJob(job.clone())].into_iter().chain(receipt).collect()
    }

    /// Deletes an object that did not become visible, on record until it is gone. Its writer must have ended. Never
    /// fails: what cannot be done now the collector does.
    pub(crate) async fn discard(&self, key: &Key) {
        match self.catalog().commit(vec![Write::Condemn(key.clone(), self.now())]).await {
            Ok(()) => self.delete_condemned(key).await,
            // It became visible after all, or it was collected.
            Err(CatalogError::Conflict) => {}
            Err(error) => warn!(object.key = %key, %error, "an object waits for the collector"),
        }
    }

    /// Deletes an object whose intent is condemned.
    pub(crate) async fn delete_condemned(&self, key: &Key) {
        let gone = self.objects().delete(key).await.map_err(Error::from);
        let forgotten = match gone {
            Ok(()) => {
                self.catalog().commit(vec![Write::ForgetIntent(key.clone())]).await.map_err(Error::from)
            }
            Err(error) => Err(error),
        };
        if let Err(error) = forgotten {
            warn!(object.key = %key, error = ?error, "an object waits for the collector");
        }
    }
}

impl Submission {
    /// How long a key stands for its answer.
    pub(crate) const LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;

    pub(crate) fn scope(&self, account: UserId) -> String {
        format!("{account} {}", self.route)
    }
}

/// All bytes of an upload, handed to the store and not yet visible.
struct Received {
    writer: Box<dyn ObjectWriter>,
    blake3: String,
}

/// An upload that is about to become media.
struct Landing {
    id: MediaId,
    owner: UserId,
    name: String,
    key: Key,
    received: Received,
    wish: Option<JobWish>,
    profile: Option<Profile>,
}

/// An upload's intent, kept alive while this is held. Dropped before [`Arriving::arrived`], it has the object deleted.
struct Arriving {
    service: Service,
    key: Option<Key>,
    beating: tokio::task::JoinHandle<()>,
}

impl Arriving {
    async fn begin(service: &Service, key: Key) -> Result<Self, Error> {
        let intent = Intent { key: key.clone(), holder: Holder::Upload, beats: 0, created_at: service.now() };
        service.catalog().commit(vec![Write::AddIntent(intent)]).await?;
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
    fn is_lost(&self) -> bool {
        self.beating.is_finished()
    }

    fn arrived(mut self) {
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
struct Pace {
    idle: std::time::Duration,
    floor_bytes: u64,
    waited: std::time::Duration,
    arrived_bytes: u64,
    since: Instant,
}

impl Pace {
    fn new(service: &Service) -> Self {
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

    fn count(&mut self, bytes: u64) -> Result<(), Error> {
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

    fn resume(&mut self) {
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

fn too_large(most: u64) -> Error {
    let detail = format!("the file is larger than the {most} bytes that are taken here");
    Error::new(Kind::TooLarge, "too-large", detail)
}

/// The sender's name for the file, as a name: without folders, control characters or endless length.
fn file_name(given: &str) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let mut name: String = last.chars().filter(|c| !c.is_control()).collect();
    while name.len() > MAX_NAME_BYTES {
        name.pop();
    }
    match name.trim() {
        "" | "." | ".." => "untitled".to_owned(),
        sound => sound.to_owned(),
    }
}

/// The media type of a container, from our own probe. What is not in the table is served as bytes.
fn content_type(info: &MediaInfo) -> &'static str {
    match info.container.as_str() {
        "mp4" => "video/mp4",
        "m4a" => "audio/mp4",
        "mov" => "video/quicktime",
        "mkv" => "video/x-matroska",
        "webm" => "video/webm",
        "mp1" | "mp2" | "mp3" => "audio/mpeg",
        "ogg" => "audio/ogg",
        "flac" => "audio/flac",
        "wav" => "audio/wav",
        "aiff" => "audio/aiff",
        "aac" => "audio/aac",
        "caf" => "audio/x-caf",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_as_a_file_name_becomes_a_name() {
        assert_eq!(file_name("../../etc/passwd"), "passwd");
        assert_eq!(file_name("C:\\music\\a song.mp3"), "a song.mp3");
        assert_eq!(file_name("/"), "untitled");
        assert_eq!(file_name(".."), "untitled");
        assert_eq!(file_name("a\0b\n.mp4"), "ab.mp4");
        assert!(file_name(&"é".repeat(500)).len() <= MAX_NAME_BYTES);
    }
}
