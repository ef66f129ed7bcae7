//! Bytes on their way out, by range.

use std::ops::Range;
use std::sync::Arc;
use std::time::Duration;

use reelmill_core::ports::{ByteStream, Handout, Objects};
use reelmill_core::{Key, Media, MediaId, Output, OutputId, Picture, Timestamp};

use crate::{Caller, Error, Service};

/// How long whoever got a store's address may use it: long enough to begin a download, too short to be passed around.
pub const HANDOUT: Duration = Duration::from_mins(5);

/// An object that its caller may read, and what to say of it.
#[derive(Clone)]
pub struct Content {
    /// How many bytes it has.
    pub size_bytes: u64,
    /// What it is.
    pub content_type: String,
    /// Strong: the bytes under it never change. Without quotes.
    pub etag: String,
    /// The file name that it is offered under.
    pub name: String,
    /// When it was made.
    pub modified_at: Timestamp,
    /// Whether we encoded it ourselves, so that a browser may show it in place.
    pub is_ours: bool,
    objects: Arc<dyn Objects>,
    key: Key,
}

impl Content {
    /// The bytes of a range that lies within the content.
    pub async fn read(&self, range: Range<u64>) -> Result<ByteStream, Error> {
        Ok(self.objects.read(&self.key, range).await?)
    }

    /// An address at which the store itself serves these bytes, with this `Content-Disposition`, for [`HANDOUT`]; `None`
    /// where it has no such thing.
    pub async fn presigned(&self, disposition: &str) -> Result<Option<String>, Error> {
        let handout = Handout { content_type: &self.content_type, disposition, lifetime: HANDOUT };
        Ok(self.objects.presign(&self.key, &handout).await?)
    }
}

impl Service {
    /// The bytes of a media of the caller's.
    pub async fn media_content(&self, caller: &Caller, id: MediaId) -> Result<Content, Error> {
        Ok(self.content_of_media(self.media(caller, id).await?))
    }

    /// The bytes of a media that the caller was found to have a right to.
    pub(crate) fn content_of_media(&self, media: Media) -> Content {
        let Media { size_bytes, content_type, blake3, name, created_at, key, .. } = media;
        Content {
            size_bytes,
            content_type,
            etag: blake3,
            name,
            modified_at: created_at,
            is_ours: false,
            objects: Arc::clone(&self.ports().objects),
            key,
        }
    }

    /// The bytes of a picture.
    pub(crate) fn content_of_picture(&self, picture: Picture, name: String) -> Content {
        Content {
            size_bytes: picture.size_bytes,
            content_type: picture.content_type,
            etag: picture.blake3,
            name,
            modified_at: picture.created_at,
            is_ours: true,
            objects: Arc::clone(&self.ports().objects),
            key: picture.key,
        }
    }

    /// The bytes of an output of the caller's.
    pub async fn output_content(&self, caller: &Caller, id: OutputId) -> Result<Content, Error> {
        Ok(self.content_of(self.output(caller, id).await?))
    }

    /// The bytes of an output that the caller was given.
    #[must_use]
    pub fn content_of(&self, output: Output) -> Content {
        Content {
            size_bytes: output.size_bytes,
            content_type: output.format.content_type().to_owned(),
            etag: output.id.to_string(),
            name: output.name,
            modified_at: output.created_at,
            is_ours: true,
            objects: Arc::clone(&self.ports().objects),
            key: output.key,
        }
    }
}
