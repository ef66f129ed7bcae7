//! The video site: media that is published, what its page says of it, and the pictures that stand for it.
//!
//! A media is published by its [`Video`] record and by nothing else; whoever may watch is decided by whether that
//! record is there. A picture's name is given out by the details that announce it, so none can be put anywhere else.

mod showing;
mod thumbnail;

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use futures_util::{Stream, StreamExt, TryStreamExt};
use reelmill_core::ports::{CatalogError, Drawn, MAX_PICTURE_BYTES, MAX_SIDE_PX, PageQuery, Sequence};
use reelmill_core::{Key, Kind, Media, MediaId, Picture, Thumbnail, UserId, Video, Write};
use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::{sleep, timeout};
use uuid::Uuid;

use crate::ingest::{Arriving, Purpose};
use crate::work::jittered;
use crate::{Caller, Content, Error, Service, Upload};

pub use showing::{VideoView, Watchable};

/// How many videos are read at once.
const PAGE: u32 = 500;

/// The most characters of a title, a category or a tag.
const MAX_WORDS: usize = 200;

/// The most characters of an explanation.
const MAX_EXPLAIN: usize = 10_000;

/// The most tags.
const MAX_TAGS: usize = 50;

/// The extensions of pictures that are taken in.
const EXTENSIONS: [&str; 5] = ["jpg", "jpeg", "png", "gif", "webp"];

/// Pictures that arrive, or are drawn, at once; each is in memory whole. Whoever comes to more is asked to come again.
const MOST_PICTURES: usize = 16;

/// How often, and how long between, a sender looks whether another of the same picture has ended.
const SENDER_TRIES: usize = 50;
const SENDER_PAUSE: Duration = Duration::from_millis(100);

/// How long a picture may take to arrive.
const PICTURE_PATIENCE: Duration = Duration::from_mins(1);

/// What the sender of a video has said of it by the end of its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Announced {
    /// The number of the account whose it will be; 0 is the caller's own.
    pub owner: i64,
    /// How many bytes there are; 0 does not say.
    pub size_bytes: i64,
}

/// Where pictures are worked on, as many as there is room for. Those that arrive do not take the room of those that are
/// shown.
pub(crate) struct Easels {
    arriving: Semaphore,
    drawn: Semaphore,
}

impl Default for Easels {
    fn default() -> Self {
        Self { arriving: Semaphore::new(MOST_PICTURES), drawn: Semaphore::new(MOST_PICTURES) }
    }
}

/// What a video's page says of it.
#[derive(Debug, Clone, Default)]
pub struct VideoDetails {
    /// What it is called.
    pub title: String,
    /// What is in it.
    pub explain: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where it belongs.
    pub category: String,
    /// The extension of the picture that will be sent, with or without its dot; empty where none will.
    pub extension: String,
    /// Whether that picture is large.
    pub oversize: bool,
}

impl Service {
    /// Takes a file in and publishes it in the same commit.
    ///
    /// # Errors
    /// As [`Service::ingest`].
    pub async fn upload_video<S>(&self, caller: &Caller, upload: Upload<S>) -> Result<Media, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        Ok(self.take_in(caller, upload, Purpose::Publish).await?.media)
    }

    /// As [`Service::upload_video`], for a sender who says only with the bytes whose video it is.
    ///
    /// # Errors
    /// As [`Service::ingest`] and [`Service::acting_as`]; `Invalid` (`wrong-size`) where other than the announced bytes
    /// came. Who can be nobody's sender is refused before the first byte.
    pub async fn upload_video_for<S>(
        &self,
        caller: Option<&Caller>,
        trusted: bool,
        bytes: S,
        announced: impl FnOnce() -> Announced + Send,
    ) -> Result<Media, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        match caller {
            Some(caller) => caller.must_be_member()?,
            None if !trusted => return Err(nobody()),
            None => {}
        }
        let arrived = AtomicU64::new(0);
        let count = |piece: &Bytes| {
            arrived.fetch_add(piece.len() as u64, Ordering::Relaxed);
        };
        let owner = async {
            let announced = announced();
            let arrived = arrived.load(Ordering::Relaxed);
            if announced.size_bytes != 0 && u64::try_from(announced.size_bytes) != Ok(arrived) {
                let detail = format!("{} bytes were announced, and {arrived} came", announced.size_bytes);
                return Err(Error::new(Kind::Invalid, "wrong-size", detail));
            }
            self.acting_as(caller, announced.owner, trusted).await
        };
        let upload = Upload { name: String::new(), declared_bytes: None, bytes: bytes.inspect_ok(count) };
        Ok(self.take_in_video(owner, upload).await?.media)
    }

    /// Says what a video is, and publishes it where it was not. The answer's thumbnail has a fresh name, under which the
    /// picture is expected; without an extension the picture stays as it is.
    pub async fn publish(&self, caller: &Caller, id: MediaId, details: VideoDetails) -> Result<Video, Error> {
        caller.must_be_member()?;
        let details = details.checked()?;
        loop {
            let media = self.media(caller, id).await?;
            let known = self.catalog().video(id).await?;
            let is_new = known.is_none();
            let before = match known {
                Some(video) => video,
                None => self.new_video(self.catalog().next_number(Sequence::Videos).await?, &media),
            };
            let replaced = before.thumbnail.clone();
            let mut video = details.clone().laid_over(before);
            let write = if is_new {
                Write::AddVideo(video.clone())
            } else {
                video.version += 1;
                Write::ReplaceVideo(video.clone())
            };
            let gone = replaced.filter(|old| Some(old) != video.thumbnail.as_ref());
            let gone = gone.and_then(|old| old.picture).map(|picture| picture.key);
            let mut writes = vec![Write::NeedMedia(id), write];
            writes.extend(gone.iter().map(|key| self.condemned(key)));
            match self.catalog().commit(writes).await {
                Ok(()) => {
                    if let Some(key) = gone {
                        self.delete_condemned(&key).await;
                    }
                    return Ok(video);
                }
                // Somebody changed it at the same moment.
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A published video. Everybody may look.
    pub async fn video(&self, id: MediaId) -> Result<Video, Error> {
        self.catalog().video(id).await?.ok_or_else(|| Error::not_found("video"))
    }

    /// Published videos, the newest first; at most `most`. Everybody may look.
    pub async fn videos(&self, most: Option<u32>) -> Result<Vec<Video>, Error> {
        let mut all = Vec::new();
        let mut after = None;
        let mut left = most.unwrap_or(u32::MAX);
        while left > 0 {
            let limit = left.min(PAGE);
            let page = self.catalog().videos(PageQuery { limit, after }).await?;
            left -= limit;
            all.extend(page.items);
            after = page.next;
            if after.is_none() {
                break;
            }
        }
        Ok(all)
    }

    /// The bytes of a video: of a published one for everybody, else for its owner and admins.
    ///
    /// # Errors
    /// `NotFound`, the same for a video that there is not and one that the caller may not see.
    pub async fn video_content(&self, caller: Option<&Caller>, id: MediaId) -> Result<Content, Error> {
        let media = self.catalog().media(id).await?.ok_or_else(|| Error::not_found("video"))?;
        let is_theirs = caller.is_some_and(|caller| caller.may_see(media.owner));
        if is_theirs || self.catalog().video(id).await?.is_some() {
            Ok(self.content_of_media(media))
        } else {
            Err(Error::not_found("video"))
        }
    }

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
        let sent = timeout(PICTURE_PATIENCE, gather(bytes)).await.map_err(|_| {
            Error::new(Kind::Timeout, "too-slow", "the picture did not arrive in a minute; send it again")
        })??;
        let key: Key = format!("images/{}", thumbnail.name()).parse().map_err(Error::internal)?;
        let (bytes, picture) = self.drawn_anew(sent, key.clone()).await?;
        let Some((video, thumbnail, arriving)) = self.only_sender(caller, name, &key, &picture).await? else {
            return Ok(());
        };
        let mut writer = self.objects().create(&key).await?;
        writer.write(bytes).await?;
        writer.finish().await?;
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

    /// A picture as we encode it, and what is to be kept of it under `key`.
    async fn drawn_anew(&self, sent: Bytes, key: Key) -> Result<(Bytes, Picture), Error> {
        let pictures = &self.ports().pictures;
        let Drawn { bytes, content_type } = pictures.resize(sent, 0, 0).await?;
        let look = pictures.look(bytes.clone()).await?;
        let picture = Picture {
            key,
            size_bytes: bytes.len() as u64,
            blake3: blake3::hash(&bytes).to_hex().to_string(),
            content_type: content_type.to_owned(),
            width_px: look.width_px,
            height_px: look.height_px,
            created_at: self.now(),
        };
        Ok((bytes, picture))
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
    async fn pictured(&self, name: &str) -> Result<Option<(Video, Thumbnail)>, Error> {
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

    /// The caller that the video site's `id` names: 0 is the caller, any other number an account that only an admin may
    /// act as, or whoever is trusted and brings no token: a token binds.
    ///
    /// # Errors
    /// `Forbidden`, `NotFound`; `Unauthenticated` for 0 where nobody signed in.
    pub async fn acting_as(
        &self,
        caller: Option<&Caller>,
        number: i64,
        trusted: bool,
    ) -> Result<Caller, Error> {
        match caller {
            Some(caller) if number == 0 || caller.user.number == number => return Ok(caller.clone()),
            None if number == 0 || !trusted => return Err(nobody()),
            Some(caller) if !caller.is_admin() => {
                return Err(Error::forbidden("the id names another account than the one that signed in"));
            }
            _ => {}
        }
        let user = self.catalog().user_by_number(number).await?;
        let user = user.ok_or_else(|| Error::not_found("account"))?;
        Ok(Caller { user })
    }

    /// Who changes a video where the call names nobody: the caller, or for whoever is trusted the video's owner.
    ///
    /// # Errors
    /// `Unauthenticated`, `NotFound`.
    pub async fn acting_on_video(
        &self,
        caller: Option<&Caller>,
        id: MediaId,
        trusted: bool,
    ) -> Result<Caller, Error> {
        match caller {
            Some(caller) => Ok(caller.clone()),
            None if !trusted => Err(nobody()),
            None => {
                let media = self.catalog().media(id).await?.ok_or_else(|| Error::not_found("video"))?;
                self.owner(media.owner).await
            }
        }
    }

    /// As [`Service::acting_on_video`], for whoever sends the picture of that name.
    ///
    /// # Errors
    /// `Unauthenticated`, `NotFound`.
    pub async fn acting_on_picture(
        &self,
        caller: Option<&Caller>,
        name: &str,
        trusted: bool,
    ) -> Result<Caller, Error> {
        match caller {
            Some(caller) => Ok(caller.clone()),
            None if !trusted => Err(nobody()),
            None => {
                let (video, _) = self.pictured(name).await?.ok_or_else(unexpected)?;
                self.owner(video.owner).await
            }
        }
    }

    async fn owner(&self, id: UserId) -> Result<Caller, Error> {
        let user = self.catalog().user(id).await?.ok_or_else(|| Error::not_found("account"))?;
        Ok(Caller { user })
    }
}

impl VideoDetails {
    fn checked(mut self) -> Result<Self, Error> {
        self.extension = self.extension.trim_start_matches('.').to_lowercase();
        let within = |what: &str, text: &str, most: usize| {
            if text.chars().count() > most || text.contains('\0') {
                Err(Error::invalid(format!("the {what} has at most {most} characters")))
            } else {
                Ok(())
            }
        };
        within("title", &self.title, MAX_WORDS)?;
        within("category", &self.category, MAX_WORDS)?;
        within("explanation", &self.explain, MAX_EXPLAIN)?;
        if self.tags.len() > MAX_TAGS {
            return Err(Error::invalid(format!("a video has at most {MAX_TAGS} tags")));
        }
        self.tags.iter().try_for_each(|tag| within("tag", tag, MAX_WORDS))?;
        if self.extension.is_empty() || EXTENSIONS.contains(&self.extension.as_str()) {
            Ok(self)
        } else {
            let known = EXTENSIONS.join(", ");
            Err(Error::invalid(format!(
                "`{}` is no picture's extension; take one of {known}",
                self.extension
            )))
        }
    }

    fn laid_over(self, video: Video) -> Video {
        let Self { title, explain, tags, category, extension, oversize } = self;
        let announced = (!extension.is_empty()).then(|| Thumbnail {
            uuid: Uuid::new_v4(),
            extension,
            oversize,
            picture: None,
        });
        let thumbnail = announced.or(video.thumbnail);
        Video { title, explain, tags, category, thumbnail, ..video }
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

fn unexpected() -> Error {
    let detail = "no video of yours waits for a picture of that name; save the video's details, and send the picture under \
                  the name that they answer with";
    Error::new(Kind::NotFound, "not-found", detail)
}

fn place(easel: &Semaphore) -> Result<SemaphorePermit<'_>, Error> {
    easel.try_acquire().map_err(|_| {
        Error::new(
            Kind::Busy,
            "busy",
            "too many pictures are worked on at this moment; try again in a few seconds",
        )
    })
}

fn given_up() -> Error {
    let detail = "the picture stood still for too long and was given up; send it again";
    Error::new(Kind::Unavailable, "unavailable", detail)
}

fn nobody() -> Error {
    Error::new(Kind::Unauthenticated, "not-signed-in", "sign in, and send the token")
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
