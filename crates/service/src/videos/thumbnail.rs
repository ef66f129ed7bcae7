//! A video's picture put in place in one step, and a small one of it for lists.
//!
//! The video site's own calls announce a picture first and send it under the name that they are given; here the
//! picture comes for the video itself, and its name is made when it is there.

use bytes::Bytes;
use futures_util::Stream;
use reelmill_core::ports::{CatalogError, Drawn};
use reelmill_core::{Key, MediaId, Thumbnail, Video, Write};
use uuid::Uuid;

use super::pictures::{arrived, given_up, place};
use crate::ingest::Arriving;
use crate::{Caller, Content, Error, Service};

/// The widest picture that is kept; a page shows none wider.
const MOST_WIDTH_PX: u32 = 1920;

impl Service {
    /// Makes a picture that of a published video, in the place of the one before.
    ///
    /// # Errors
    /// `NotFound` where the video is not published, or not the caller's; `NotMedia`; `TooLarge`.
    pub async fn set_thumbnail<S>(&self, caller: &Caller, id: MediaId, bytes: S) -> Result<Video, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        caller.must_be_member()?;
        self.media(caller, id).await?;
        self.video(id).await?;
        let _place = place(&self.inner.easels.arriving)?;
        let (bytes, look) = self.drawn_anew(arrived(bytes).await?, Some(MOST_WIDTH_PX)).await?;
        let extension = look.content_type.trim_start_matches("image/").replace("jpeg", "jpg");
        let mut thumbnail = Thumbnail { uuid: Uuid::new_v4(), extension, oversize: false, picture: None };
        let key: Key = format!("{}/{}", self.options().images_folder, thumbnail.name())
            .parse()
            .map_err(Error::internal)?;
        let arriving = Arriving::begin(self, key.clone()).await?;
        thumbnail.picture = Some(self.picture_of(key.clone(), &bytes, &look));
        self.store_picture(&key, bytes).await?;
        let video = self.replace_thumbnail(id, thumbnail).await?;
        arriving.arrived();
        Ok(video)
    }

    async fn replace_thumbnail(&self, id: MediaId, thumbnail: Thumbnail) -> Result<Video, Error> {
        let key_of = |thumbnail: &Thumbnail| thumbnail.picture.as_ref().map(|picture| picture.key.clone());
        loop {
            let before = self.video(id).await?;
            let gone = before.thumbnail.as_ref().and_then(key_of);
            let video = Video { thumbnail: Some(thumbnail.clone()), version: before.version + 1, ..before };
            let mut writes = vec![Write::NeedMedia(id), Write::ReplaceVideo(video.clone())];
            writes.extend(key_of(&thumbnail).map(Write::TakeIntent));
            writes.extend(gone.iter().map(|key| self.condemned(key)));
            match self.catalog().commit(writes).await {
                Ok(()) => {
                    if let Some(key) = gone {
                        self.delete_condemned(&key).await;
                    }
                    return Ok(video);
                }
                // Its details were changed at the same moment; without an intent, a collector took us for dead.
                Err(CatalogError::Conflict) if self.is_intended(&thumbnail).await? => {}
                Err(CatalogError::Conflict) => return Err(given_up()),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// The picture of a published video as it is kept. Everybody may look.
    pub async fn thumbnail(&self, id: MediaId) -> Result<Content, Error> {
        let thumbnail = self.video(id).await?.thumbnail.ok_or_else(|| Error::not_found("picture"))?;
        let name = thumbnail.name();
        let picture = thumbnail.picture.ok_or_else(|| Error::not_found("picture"))?;
        Ok(self.content_of_picture(picture, name))
    }

    /// The picture of a published video, drawn at most so wide. Everybody may look.
    pub async fn thumbnail_drawn(&self, id: MediaId, width_px: u32) -> Result<Drawn, Error> {
        let thumbnail = self.video(id).await?.thumbnail.ok_or_else(|| Error::not_found("picture"))?;
        let own_px = thumbnail.picture.as_ref().map_or(width_px, |picture| picture.width_px);
        self.picture_resized(&thumbnail.name(), width_px.min(own_px), 0).await
    }
}
