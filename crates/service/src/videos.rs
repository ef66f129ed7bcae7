//! The video site: media that is published, and what its page says of it; its pictures have a room of their own.
//!
//! A media is published by its [`Video`] record and by nothing else; whoever may watch is decided by whether that
//! record is there. A picture's name is given out by the details that announce it, so none can be put anywhere else.

mod pictures;
mod showing;
mod thumbnail;

use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use futures_util::{Stream, TryStreamExt};
use reelmill_core::ports::{CatalogError, PageQuery, Sequence};
use reelmill_core::{Kind, Media, MediaId, Thumbnail, UserId, Video, Write};
use uuid::Uuid;

use self::pictures::unexpected;
use crate::ingest::Purpose;
use crate::{Caller, Content, Error, Service, Upload};

pub(crate) use pictures::Easels;
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

/// What the sender of a video has said of it by the end of its bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Announced {
    /// The number of the account whose it will be; 0 is the caller's own.
    pub owner: i64,
    /// How many bytes there are; 0 does not say.
    pub size_bytes: i64,
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

fn nobody() -> Error {
    Error::new(Kind::Unauthenticated, "not-signed-in", "sign in, and send the token")
}
