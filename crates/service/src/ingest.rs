//! Taking media in: bytes streamed straight to the store, probed there, and made visible by one commit.
//!
//! The key is an intent from before the first byte on; whatever ends the upload early (an error, a client that
//! leaves, a crash) leaves a record by which the bytes are deleted. What a media is taken in for (to be kept,
//! converted, published, or to be a task) is written in the same commit, so none is ever half made.

mod arriving;
mod names;

use std::sync::Arc;

use bytes::Bytes;
use futures_util::Stream;
use reelmill_core::ports::{Input, Sequence};
use reelmill_core::{
    Door, Format, Job, Key, Kind, Media, MediaId, MediaInfo, Profile, Resumable, Task, UserId, Video, Write,
};

pub(crate) use arriving::{Arriving, Pace, Received, too_large};
use names::known_name;
pub(crate) use names::{content_type, file_name, safe_name};

use crate::wishes::Material;
use crate::{Caller, Error, JobWish, Service};

/// A file on its way in.
pub struct Upload<S> {
    /// The name that the sender gives it; any folders are cut off.
    pub name: String,
    /// The size that the sender announced, where it did.
    pub declared_bytes: Option<u64>,
    /// The bytes. An `Err` ends the upload with that sentence.
    pub bytes: S,
}

/// What was taken in.
#[derive(Debug, Clone)]
pub struct Ingested {
    /// The original.
    pub media: Media,
    /// Its conversion, where one was wished.
    pub job: Option<Job>,
}

/// What a media is taken in for.
pub(crate) enum Purpose {
    /// To be kept.
    Keep,
    /// To be converted.
    Convert(JobWish),
    /// To be watched by others.
    Publish,
    /// To be a task.
    Task(Format),
    /// To be what an upload in parts has become, whose record this is then.
    Resumed(Resumable),
}

/// What the key of bytes on their way in is made of.
enum Place {
    /// Its media's id.
    Media,
    /// Its video's id.
    Movie,
    /// Its task's number and its file's name.
    Task,
}

/// What becomes true by the commit that makes a media visible.
pub(crate) struct Landed {
    pub(crate) media: Media,
    pub(crate) job: Option<Job>,
    pub(crate) task: Option<Task>,
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
        let purpose = wish.map_or(Purpose::Keep, Purpose::Convert);
        let landed = self.take_in(caller, upload, purpose).await?;
        Ok(Ingested { media: landed.media, job: landed.job })
    }

    pub(crate) async fn take_in<S>(
        &self,
        caller: &Caller,
        upload: Upload<S>,
        purpose: Purpose,
    ) -> Result<Landed, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        caller.must_be_member()?;
        let wish = match &purpose {
            Purpose::Convert(wish) => Some(wish.clone()),
            Purpose::Task(format) => Some(task_wish(*format)),
            Purpose::Keep | Purpose::Publish | Purpose::Resumed(_) => None,
        };
        let wish = wish.map(|wish| wish.resolve().map(|profile| (wish, profile))).transpose()?;
        let place = match &purpose {
            Purpose::Keep | Purpose::Convert(_) | Purpose::Resumed(_) => Place::Media,
            Purpose::Publish => Place::Movie,
            Purpose::Task(_) => Place::Task,
        };
        let arrived = self.arrive(upload, place).await?;
        self.settle(arrived, caller.id(), wish, purpose).await
    }

    /// Takes a video in whose owner is asked for when all its bytes are here. Whoever is not to be is refused then, and
    /// nothing is kept.
    pub(crate) async fn take_in_video<S>(
        &self,
        owner: impl Future<Output = Result<Caller, Error>> + Send,
        upload: Upload<S>,
    ) -> Result<Landed, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        let arrived = self.arrive(upload, Place::Movie).await?;
        let owner = owner.await?;
        owner.must_be_member()?;
        self.settle(arrived, owner.id(), None, Purpose::Publish).await
    }

    /// Takes a file in whose format and name are known only when all its bytes are here: the fields of a form may
    /// stand behind its file.
    pub(crate) async fn take_in_task<S>(
        &self,
        caller: &Caller,
        upload: Upload<S>,
        wish: impl FnOnce() -> Result<(String, Format), Error> + Send,
    ) -> Result<Landed, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        caller.must_be_member()?;
        let arrived = self.arrive(upload, Place::Task).await?;
        let (name, format) = wish()?;
        let name = known_name(&name).ok_or_else(|| {
            Error::new(Kind::Invalid, "no-name", "the file has no name that can be kept; send it with one")
        })?;
        let arrived = Arrived { name, ..arrived };
        let wish = task_wish(format);
        let profile = wish.resolve()?;
        self.settle(arrived, caller.id(), Some((wish, profile)), Purpose::Task(format)).await
    }

    /// Streams a file to the store. Dropped, what has arrived is deleted.
    async fn arrive<S>(&self, upload: Upload<S>, place: Place) -> Result<Arrived, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        let most = self.options().max_upload_bytes;
        if upload.declared_bytes.is_some_and(|declared| declared > most) {
            return Err(too_large(most));
        }
        let id = MediaId(self.fresh_id());
        let name = match place {
            Place::Movie => format!("{id}.mp4"),
            Place::Media | Place::Task => file_name(&upload.name),
        };
        let (key, number) = self.place(&place, id, &name).await?;
        let arriving = Arriving::begin(self, key.clone()).await?;
        let received = self.receive(&arriving, &key, upload.bytes, most).await?;
        Ok(Arrived { id, name, key, number, received, arriving })
    }

    async fn settle(
        &self,
        arrived: Arrived,
        owner: UserId,
        wish: Option<(JobWish, Profile)>,
        purpose: Purpose,
    ) -> Result<Landed, Error> {
        // All bytes are here. A client that leaves now leaves a media: half a landing would leave worse.
        let landed = tokio::spawn(self.clone().land(arrived, owner, wish, purpose));
        landed.await.map_err(Error::internal)?
    }

    /// The object's key, by the layout that the door's contract gives its store, and the number that goes with it.
    async fn place(&self, place: &Place, id: MediaId, name: &str) -> Result<(Key, i64), Error> {
        let (key, number) = match place {
            Place::Media => (format!("media/{id}"), 0),
            Place::Movie => {
                let number = self.catalog().next_number(Sequence::Videos).await?;
                (format!("{}/{id}.mp4", self.options().movies_folder), number)
            }
            Place::Task => {
                let number = self.catalog().next_number(Sequence::Tasks).await?;
                (format!("{number}/{}", safe_name(name)), number)
            }
        };
        Ok((key.parse().map_err(Error::internal)?, number))
    }

    /// Makes what was received visible, or deletes it.
    pub(crate) async fn land(
        self,
        arrived: Arrived,
        owner: UserId,
        wish: Option<(JobWish, Profile)>,
        purpose: Purpose,
    ) -> Result<Landed, Error> {
        let Arrived { id, name, key, number, received, arriving } = arrived;
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
            fid: stored.fid,
            task: matches!(purpose, Purpose::Task(_)).then_some(number),
            created_at: self.now(),
        };
        let mut writes = vec![Write::TakeIntent(key), Write::AddMedia(media.clone())];
        let job = wish.map(|(wish, profile)| {
            let job = self.new_job(owner, &Material::Media(&media), &wish, profile);
            writes.extend(self.writes_for(&job, &wish));
            job
        });
        let task = match (&job, &purpose) {
            (Some(job), Purpose::Task(format)) => Some(new_task(number, &media, *format, job)),
            _ => None,
        };
        writes.extend(task.clone().map(Write::AddTask));
        if matches!(purpose, Purpose::Publish) {
            writes.push(Write::AddVideo(self.new_video(number, &media)));
        }
        if let Purpose::Resumed(done) = purpose {
            writes.push(Write::ReplaceUpload(done));
        }
        self.admit(&media, writes).await?;
        arriving.arrived();
        self.must_have_owner(&media).await?;
        if let Some(job) = &job {
            self.ring(job.id).await;
        }
        Ok(Landed { media, job, task })
    }

    /// Commits what makes a media visible.
    pub(crate) async fn admit(&self, media: &Media, writes: Vec<Write>) -> Result<(), Error> {
        let Err(error) = self.catalog().commit(writes).await else { return Ok(()) };
        // An answer that was lost may have been a yes.
        let is_there = error.is_transient() && self.catalog().media(media.id).await?.is_some();
        if is_there { Ok(()) } else { Err(error.into()) }
    }

    /// Takes a media away again whose account is gone: whoever removed it did not see this media yet.
    pub(crate) async fn must_have_owner(&self, media: &Media) -> Result<(), Error> {
        if self.catalog().user(media.owner).await?.is_some() {
            return Ok(());
        }
        self.remove_media(media).await?;
        Err(Error::new(Kind::Unauthenticated, "not-signed-in", "the account was removed"))
    }

    pub(crate) async fn probe(&self, key: &Key, size_bytes: u64, name: &str) -> Result<MediaInfo, Error> {
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

    pub(crate) fn new_video(&self, number: i64, media: &Media) -> Video {
        Video {
            id: media.id,
            number,
            owner: media.owner,
            size_bytes: media.size_bytes,
            title: String::new(),
            explain: String::new(),
            tags: Vec::new(),
            category: String::new(),
            thumbnail: None,
            published_at: self.now(),
            version: 1,
        }
    }
}

fn new_task(number: i64, media: &Media, format: Format, job: &Job) -> Task {
    Task {
        number,
        account: media.owner,
        name: media.name.clone(),
        format,
        media: media.id,
        job: job.id,
        created_at: media.created_at,
        version: 1,
    }
}

fn task_wish(format: Format) -> JobWish {
    JobWish::plain(format.name(), Door::Tasks)
}

/// All bytes of a file, about to become media. The writer is dropped before the key is given up.
pub(crate) struct Arrived {
    pub(crate) id: MediaId,
    pub(crate) name: String,
    pub(crate) key: Key,
    /// The video's or the task's.
    pub(crate) number: i64,
    pub(crate) received: Received,
    pub(crate) arriving: Arriving,
}
