//! The fetch stage: a job whose original nobody uploaded gets it here.
//!
//! The original becomes visible by the very commit that tells the job of it, under the claim's token. An attempt
//! after that finds it there and goes on with the conversion.

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use reelmill_core::ports::{
    CatalogError, ConverterError, Fetch, Fetched, Input, ObjectWriter, ObjectsError, Stored,
};
use reelmill_core::{Event, Found, Job, Key, Media, MediaId, MediaInfo, Song, Stage, Write};

use tokio::time::Duration;

use super::attempt::Broken;
use super::backoff::jittered;
use super::bench::Bench;
use super::passing::is_short_download;
use crate::ingest::{content_type, file_name};
use crate::{Error, Service};

/// Between two tries to tell a job of its original, where others write it at the same moment.
const RACE_PAUSE: Duration = Duration::from_millis(20);

impl Service {
    /// The job's original, fetched first where it is not here.
    pub(super) async fn original(&self, job: &Job, bench: &Bench) -> Result<Media, Broken> {
        match (job.media_id, &job.origin) {
            (Some(id), _) => {
                let media = self.catalog().media(id).await?;
                Ok(media.ok_or_else(|| Error::not_found("media"))?)
            }
            (None, Some(found)) => self.fetch_original(job, found, bench).await,
            (None, None) => Err(Error::internal("a job with neither a media nor a source").into()),
        }
    }

    async fn fetch_original(&self, job: &Job, found: &Found, bench: &Bench) -> Result<Media, Broken> {
        let id = MediaId(self.fresh_id());
        let key: Key = format!("media/{id}").parse().map_err(Error::internal)?;
        bench.record(&key).await?;
        let mut writer = Hashing { inner: self.objects().create(&key).await?, hasher: blake3::Hasher::new() };
        self.set_pulse(job.id, bench.token, Stage::Fetch, 0.0);
        let fetch = self.ports().source.fetch(self.download(job, found, bench), &mut writer);
        let fetched = bench.without_slot(is_short_download(job), fetch).await??;
        self.set_pulse(job.id, bench.token, Stage::Convert, 0.0);
        let Hashing { inner, hasher } = writer;
        let stored = inner.finish().await?;
        let name = file_name(&fetched.name.replace(['/', '\\'], "-"));
        let info = self.probe_fetched(&key, stored.size_bytes, &name).await?;
        let media = Media {
            id,
            owner: job.account,
            content_type: content_type(&info).to_owned(),
            name,
            key,
            size_bytes: stored.size_bytes,
            blake3: hasher.finalize().to_hex().to_string(),
            info,
            fid: stored.fid,
            task: None,
            created_at: self.now(),
        };
        self.tell_fetched(job, &media, fetched, bench).await?;
        Ok(media)
    }

    /// What was fetched. That it is no media is the file's fault, not ours.
    async fn probe_fetched(
        &self,
        key: &Key,
        size_bytes: u64,
        name: &str,
    ) -> Result<MediaInfo, ConverterError> {
        if size_bytes == 0 {
            return Err(ConverterError::Corrupt("the source gave an empty file".to_owned()));
        }
        let objects = Arc::clone(&self.ports().objects);
        let input = Input { objects, key: key.clone(), size_bytes, name: name.to_owned() };
        self.ports().converter.probe(&input).await
    }

    fn download(&self, job: &Job, found: &Found, bench: &Bench) -> Fetch {
        let (service, id, token) = (self.clone(), job.id, bench.token);
        Fetch {
            found: found.clone(),
            wanted: job.profile.format,
            progress: Arc::new(move |done| service.set_pulse(id, token, Stage::Fetch, done)),
            cancel: bench.cancel.clone(),
        }
    }

    /// Makes the original visible, by the commit in which its job and its song hear of it.
    async fn tell_fetched(
        &self,
        job: &Job,
        media: &Media,
        fetched: Fetched,
        bench: &Bench,
    ) -> Result<(), Error> {
        let plan = self.ports().converter.plan(&media.info, &job.profile).ok();
        let event = Event::Fetched { token: bench.token, media: media.id, plan };
        loop {
            let current = self.catalog().job(job.id).await?.ok_or_else(|| Error::not_found("job"))?;
            if current.media_id == Some(media.id) {
                return Ok(());
            }
            let next = current.apply(&event, self.now())?;
            let mut writes = vec![
                Write::TakeIntent(media.key.clone()),
                Write::AddMedia(media.clone()),
                Write::ReplaceJob(next),
            ];
            writes.extend(self.song_fetched(job, &fetched, media).await?.map(Write::ReplaceSong));
            match self.catalog().commit(writes).await {
                Ok(()) => return Ok(()),
                // Someone was faster. Whether `event` still makes sense is decided afresh; where it was the collector, it
                // does not: the claim is lost.
                Err(CatalogError::Conflict) => tokio::time::sleep(jittered(RACE_PAUSE)).await,
                Err(error) if error.is_transient() => {
                    tokio::time::sleep(self.options().heartbeat / 4).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The job's song with what the download knows better, where it has one that is still this job's.
    async fn song_fetched(&self, job: &Job, fetched: &Fetched, media: &Media) -> Result<Option<Song>, Error> {
        let Some(id) = job.song else { return Ok(None) };
        let song = self.catalog().song(id).await?.filter(|song| song.job == job.id);
        Ok(song.map(|song| Song {
            // The id that it was asked for by stays: a source may spell it otherwise.
            found: Found {
                id: song.found.id.clone(),
                duration_ms: fetched.found.duration_ms.or(media.info.duration_ms),
                ..fetched.found.clone()
            },
            updated_at: self.now(),
            version: song.version + 1,
            ..song
        }))
    }
}

/// A writer that hashes what it is given.
struct Hashing {
    inner: Box<dyn ObjectWriter>,
    hasher: blake3::Hasher,
}

#[async_trait]
impl ObjectWriter for Hashing {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError> {
        self.hasher.update(&bytes);
        self.inner.write(bytes).await
    }

    async fn patch(&mut self, _offset: u64, _bytes: Bytes) -> Result<(), ObjectsError> {
        // What was hashed cannot be unhashed; sources write from front to back.
        Err(ObjectsError::OutOfRange)
    }

    async fn finish(self: Box<Self>) -> Result<Stored, ObjectsError> {
        self.inner.finish().await
    }
}
