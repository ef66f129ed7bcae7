//! A video's picture: announced by name, sent, kept as we encode it, and shown in any size.
//!
//! A picture's key is its name, so two senders of one would write one key. The key therefore goes on record together
//! with a new version of the video: one sender at a time has the right, and nobody takes a picture that is shown for a
//! leftover.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt};
use reelmill_core::ports::{CatalogError, Drawn, Look, MAX_PICTURE_BYTES, MAX_SIDE_PX};
use reelmill_core::{Key, Kind, MediaId, Picture, Thumbnail, Video, Write};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::ingest::Arriving;
use crate::work::jittered;
use crate::{Caller, Content, Error, Service};

/// Pictures that arrive, or are drawn, at once; each is in memory whole. Whoever comes to more is asked to come again.
const MOST_PICTURES: usize = 16;

/// How often, and how long between, a sender looks whether another of the same picture has ended.
const SENDER_TRIES: usize = 50;
const SENDER_PAUSE: Duration = Duration::from_millis(100);

/// How long a picture may take to arrive.
const PICTURE_PATIENCE: Duration = Duration::from_mins(1);

/// Where pictures are worked on, as many as there is room for. Those that arrive do not take the room of those that are
/// shown.
pub(crate) struct Easels {
    pub(super) arriving: Semaphore,
    drawn: Semaphore,
}

impl Default for Easels {
    fn default() -> Self {
        Self { arriving: Semaphore::new(MOST_PICTURES), drawn: Semaphore::new(MOST_PICTURES) }
    }
}

impl Service {
    /// Takes the picture that a video's details announced. The same picture sent twice is taken once. It is kept as we
    /// encode it: what a stranger wrote into the file is shown to nobody, and browsers may show the rest in place.
    ///
    /// # Errors
    /// `NotFound` for a name that no video of the caller's waits for; `NotMedia`; `TooLarge`; `Conflict` where another
    /// picture came under that name before; `Timeout`; `Busy`.
    pub async fn add_picture<S>(&self, caller: &Caller, name: &str, bytes: S) -> Result<(), Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        caller.must_be_member()?;
        let (_, thumbnail) = self.awaiting(caller, name).await?;
        let _place = place(&self.inner.easels.arriving)?;
        let sent = arrived(bytes).await?;
        let key: Key = format!("{}/{}", self.options().images_folder, thumbnail.name())
            .parse()
            .map_err(Error::internal)?;
        let (bytes, look) = self.drawn_anew(sent, None).await?;
        let picture = self.picture_of(key.clone(), &bytes, &look);
        let Some((video, thumbnail, arriving)) = self.only_sender(caller, name, &key, &picture).await? else {
            return Ok(());
        };
        self.store_picture(&key, bytes).await?;
        self.show_picture(video.id, &thumbnail, picture).await?;
        arriving.arrived();
        Ok(())
    }

    /// The right to write a picture whose key is its name: one sender at a time has it, and only while the video waits.
    /// None where the same picture is there already. The key goes on record together with a new version of the video, so
    /// that whoever looked before another's picture was shown is refused, and cannot take that picture for a leftover.
    async fn only_sender(
        &self,
        caller: &Caller,
        name: &str,
        key: &Key,
        picture: &Picture,
    ) -> Result<Option<(Video, Thumbnail, Arriving)>, Error> {
        for _ in 0..SENDER_TRIES {
            let (video, thumbnail) = self.awaiting(caller, name).await?;
            if let Some(there) = &thumbnail.picture {
                return if there.blake3 == picture.blake3 { Ok(None) } else { Err(taken(name)) };
            }
            let marked = Video { version: video.version + 1, ..video.clone() };
            let begun = Arriving::begin_with(self, key.clone(), vec![Write::ReplaceVideo(marked)]).await;
            match begun {
                Ok(arriving) => return Ok(Some((video, thumbnail, arriving))),
                // Another sends the same picture at this moment, or the details were changed.
                Err(error) if error.kind == Kind::Conflict => sleep(jittered(SENDER_PAUSE)).await,
                Err(error) => return Err(error),
            }
        }
        let detail = "another picture of that name is arriving; try again in a few seconds";
        Err(Error::new(Kind::Unavailable, "unavailable", detail))
    }

    /// The picture as we encode it, at most so wide: what else its sender wrote into the file, as where it was taken, is
    /// shown to nobody.
    pub(super) async fn drawn_anew(
        &self,
        sent: Bytes,
        most_width_px: Option<u32>,
    ) -> Result<(Bytes, Look), Error> {
        let pictures = &self.ports().pictures;
        let width_px = match most_width_px {
            Some(most) => pictures.look(sent.clone()).await?.width_px.min(most),
            None => 0,
        };
        let bytes = pictures.resize(sent, width_px, 0).await?.bytes;
        let look = pictures.look(bytes.clone()).await?;
        Ok((bytes, look))
    }

    /// What is kept of a picture of our own encoding.
    pub(super) fn picture_of(&self, key: Key, bytes: &Bytes, look: &Look) -> Picture {
        Picture {
            key,
            size_bytes: bytes.len() as u64,
            blake3: blake3::hash(bytes).to_hex().to_string(),
            content_type: look.content_type.to_owned(),
            width_px: look.width_px,
            height_px: look.height_px,
            created_at: self.now(),
        }
    }

    pub(super) async fn store_picture(&self, key: &Key, bytes: Bytes) -> Result<(), Error> {
        let mut writer = self.objects().create(key).await?;
        writer.write(bytes).await?;
        writer.finish().await?;
        Ok(())
    }

    /// Makes a stored picture its video's, where that still waits for it.
    async fn show_picture(&self, id: MediaId, thumbnail: &Thumbnail, picture: Picture) -> Result<(), Error> {
        loop {
            let video = self.video(id).await?;
            let waits = video
                .thumbnail
                .as_ref()
                .is_some_and(|now| now.uuid == thumbnail.uuid && now.picture.is_none());
            if !waits {
                return Err(taken(&thumbnail.name()));
            }
            let shown = Thumbnail { picture: Some(picture.clone()), ..thumbnail.clone() };
            let next = Video { thumbnail: Some(shown.clone()), version: video.version + 1, ..video };
            let writes = vec![Write::TakeIntent(picture.key.clone()), Write::ReplaceVideo(next)];
            match self.catalog().commit(writes).await {
                Ok(()) => return Ok(()),
                // Its details were changed at the same moment; without an intent, a collector took us for dead.
                Err(CatalogError::Conflict) if self.is_intended(&shown).await? => {}
                Err(CatalogError::Conflict) => return Err(given_up()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The video of the caller's that waits for a picture of that name.
    async fn awaiting(&self, caller: &Caller, name: &str) -> Result<(Video, Thumbnail), Error> {
        let (video, thumbnail) = self.pictured(name).await?.ok_or_else(unexpected)?;
        if caller.may_see(video.owner) { Ok((video, thumbnail)) } else { Err(unexpected()) }
    }

    /// The video whose picture has that name, whether it is there or not.
    pub(super) async fn pictured(&self, name: &str) -> Result<Option<(Video, Thumbnail)>, Error> {
        let Some(uuid) = picture_uuid(name) else { return Ok(None) };
        let video = self.catalog().video_by_thumbnail(uuid).await?;
        Ok(video.and_then(|video| {
            let thumbnail = video.thumbnail.clone().filter(|thumbnail| thumbnail.name() == name)?;
            Some((video, thumbnail))
        }))
    }

    /// A picture in the size in which it was sent. Everybody may look.
    pub async fn picture(&self, name: &str) -> Result<Content, Error> {
        let found = self.pictured(name).await?;
        let picture = found.and_then(|(_, thumbnail)| thumbnail.picture);
        let picture = picture.ok_or_else(|| Error::not_found("picture"))?;
        Ok(self.content_of_picture(picture, name.to_owned()))
    }

    /// A picture in another size. A side of 0 follows from the other.
    ///
    /// # Errors
    /// `NotFound`; `Invalid` for a size that is not made; `Busy` where too many are drawn at this moment.
    pub async fn picture_resized(&self, name: &str, width_px: u32, height_px: u32) -> Result<Drawn, Error> {
        if width_px.max(height_px) > MAX_SIDE_PX {
            let detail = format!("a picture is made with at most {MAX_SIDE_PX} pixels along a side");
            return Err(Error::invalid(detail));
        }
        let content = self.picture(name).await?;
        let _place = place(&self.inner.easels.drawn)?;
        let bytes = content.read(0..content.size_bytes).await?;
        let bytes = gather(bytes.map_err(Error::from)).await?;
        let drawn = self.ports().pictures.resize(bytes, width_px, height_px).await.map_err(Error::from);
        // The picture was taken in, so that only the wish can be too large.
        drawn.map_err(|error| if error.kind == Kind::TooLarge { Error::invalid(error.detail) } else { error })
    }

    pub(super) async fn is_intended(&self, thumbnail: &Thumbnail) -> Result<bool, Error> {
        let Some(picture) = &thumbnail.picture else { return Ok(false) };
        Ok(match self.catalog().touch_intent(&picture.key).await {
            Ok(()) => true,
            Err(CatalogError::Conflict) => false,
            Err(error) => return Err(error.into()),
        })
    }
}

fn picture_uuid(name: &str) -> Option<Uuid> {
    let (uuid, _) = name.split_once('.')?;
    Uuid::parse_str(uuid).ok()
}

fn taken(name: &str) -> Error {
    let detail = format!("there is another picture `{name}`; save the video's details again to replace it");
    Error::new(Kind::Conflict, "picture-exists", detail)
}

pub(super) fn unexpected() -> Error {
    let detail = "no video of yours waits for a picture of that name; save the video's details, and send the picture under \
                  the name that they answer with";
    Error::new(Kind::NotFound, "not-found", detail)
}

pub(super) fn place(easel: &Semaphore) -> Result<SemaphorePermit<'_>, Error> {
    easel.try_acquire().map_err(|_| {
        Error::new(
            Kind::Busy,
            "busy",
            "too many pictures are worked on at this moment; try again in a few seconds",
        )
    })
}

pub(super) fn given_up() -> Error {
    let detail = "the picture stood still for too long and was given up; send it again";
    Error::new(Kind::Unavailable, "unavailable", detail)
}

/// A picture's bytes, once all are here.
pub(super) async fn arrived(bytes: impl Stream<Item = Result<Bytes, Error>> + Send) -> Result<Bytes, Error> {
    timeout(PICTURE_PATIENCE, gather(bytes)).await.map_err(|_| {
        Error::new(Kind::Timeout, "too-slow", "the picture did not arrive in a minute; send it again")
    })?
}

/// A picture's bytes, which have a limit of their own.
async fn gather(bytes: impl Stream<Item = Result<Bytes, Error>> + Send) -> Result<Bytes, Error> {
    let mut whole = BytesMut::new();
    let mut bytes = std::pin::pin!(bytes);
    while let Some(piece) = bytes.next().await {
        whole.extend_from_slice(&piece?);
        if whole.len() as u64 > MAX_PICTURE_BYTES {
            let detail =
                format!("the picture is larger than the {MAX_PICTURE_BYTES} bytes that are taken here");
            return Err(Error::new(Kind::TooLarge, "too-large", detail));
        }
    }
    Ok(whole.freeze())
}
