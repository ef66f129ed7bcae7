//! What pages show of videos: a part of the list with how long each plays, one to be watched, and the administrators'
//! list with whose each is.

use std::collections::HashMap;

use futures_util::{StreamExt, TryStreamExt, stream};
use reelmill_core::ports::{CatalogError, Page, PageQuery};
use reelmill_core::{Media, MediaId, UserId, Video, Write};

use crate::{Caller, Content, Error, Service};

/// Records read side by side for one list.
const AT_ONCE: usize = 8;

/// A published video as a list shows it.
#[derive(Debug, Clone)]
pub struct VideoView {
    /// What its page says of it.
    pub video: Video,
    /// How long it plays, where its container says so.
    pub duration_ms: Option<u64>,
    /// The name of whose it is, for administrators.
    pub owner: Option<String>,
}

/// A media that its caller may watch.
#[derive(Debug, Clone)]
pub struct Watchable {
    /// The media.
    pub media: Media,
    /// What its page says of it, where it is published.
    pub video: Option<Video>,
    /// Whether the caller may change and delete it.
    pub is_theirs: bool,
}

impl Service {
    /// A part of the published videos, the newest first. Everybody may look.
    pub async fn video_page(&self, query: PageQuery) -> Result<Page<VideoView>, Error> {
        let Page { items, next } = self.catalog().videos(query).await?;
        let views = stream::iter(items).map(|video| self.video_view(video)).buffered(AT_ONCE);
        Ok(Page { items: views.try_collect().await?, next })
    }

    /// A published video as a list shows it. Everybody may look.
    pub async fn video_shown(&self, id: MediaId) -> Result<VideoView, Error> {
        self.video_view(self.video(id).await?).await
    }

    async fn video_view(&self, video: Video) -> Result<VideoView, Error> {
        // Deleted at this moment, it is shown once more, without its length.
        let media = self.catalog().media(video.id).await?;
        Ok(VideoView { video, duration_ms: media.and_then(|media| media.info.duration_ms), owner: None })
    }

    /// A part of the published videos, the newest first, each with whose it is.
    ///
    /// # Errors
    /// `Forbidden` for whoever is no administrator.
    pub async fn video_ledger(&self, caller: &Caller, query: PageQuery) -> Result<Page<VideoView>, Error> {
        if !caller.is_admin() {
            return Err(Error::forbidden("this list is for administrators"));
        }
        let mut page = self.video_page(query).await?;
        let mut names: HashMap<UserId, Option<String>> = HashMap::new();
        for view in &mut page.items {
            let owner = view.video.owner;
            if let Some(name) = names.get(&owner) {
                view.owner.clone_from(name);
            } else {
                view.owner = self.catalog().user(owner).await?.map(|user| user.name);
                names.insert(owner, view.owner.clone());
            }
        }
        Ok(page)
    }

    /// The bytes of a published video, under its title: what its owner's file was called is nobody's business. Everybody
    /// may look.
    pub async fn video_file(&self, id: MediaId) -> Result<Content, Error> {
        let title = self.video(id).await?.title;
        let mut content = self.video_content(None, id).await?;
        let stem = if title.trim().is_empty() { id.to_string() } else { title.trim().to_owned() };
        let plain =
            |extension: &&str| extension.len() < 6 && extension.bytes().all(|c| c.is_ascii_alphanumeric());
        let extension = content.name.rsplit_once('.').map_or("mp4", |(_, extension)| extension);
        content.name = format!("{stem}.{}", Some(extension).filter(plain).unwrap_or("mp4"));
        Ok(content)
    }

    /// A media to be watched: a published one by everybody, else by its owner and admins.
    ///
    /// # Errors
    /// `NotFound`, the same for one that there is not and one that the caller may not see.
    pub async fn watchable(&self, caller: Option<&Caller>, id: MediaId) -> Result<Watchable, Error> {
        let media = self.catalog().media(id).await?.ok_or_else(|| Error::not_found("video"))?;
        let video = self.catalog().video(id).await?;
        let is_theirs = caller.is_some_and(|caller| caller.may_see(media.owner));
        if is_theirs || video.is_some() {
            Ok(Watchable { media, video, is_theirs })
        } else {
            Err(Error::not_found("video"))
        }
    }

    /// Takes a video from the public again: what its page said of it and its picture are gone, the media stays.
    ///
    /// # Errors
    /// `NotFound` where it is not published, or not the caller's.
    pub async fn unpublish(&self, caller: &Caller, id: MediaId) -> Result<(), Error> {
        caller.must_be_member()?;
        loop {
            let video = self.catalog().video(id).await?.filter(|video| caller.may_see(video.owner));
            let video = video.ok_or_else(|| Error::not_found("video"))?;
            let key = video.thumbnail.and_then(|thumbnail| thumbnail.picture).map(|picture| picture.key);
            let mut writes = vec![Write::DropVideo(id, video.version)];
            writes.extend(key.iter().map(|key| self.condemned(key)));
            match self.catalog().commit(writes).await {
                Ok(()) => {
                    if let Some(key) = key {
                        self.delete_condemned(&key).await;
                    }
                    return Ok(());
                }
                // Somebody changed it at the same moment.
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}
