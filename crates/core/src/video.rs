//! A published video: a media that others may watch, and what its page says of it.
//!
//! A media is private until a record like this one names it; there is no other way to publish.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Key, MediaId, Timestamp, UserId};

/// A published video.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Video {
    /// The media that is published.
    pub id: MediaId,
    /// The integer that lists show; unique in a catalog, from 1 on.
    pub number: i64,
    /// Whose it is.
    pub owner: UserId,
    /// The media's size.
    pub size_bytes: u64,
    /// What it is called.
    pub title: String,
    /// What is in it.
    pub explain: String,
    /// Words to find it by.
    pub tags: Vec<String>,
    /// Where it belongs.
    pub category: String,
    /// The picture that stands for it, where one was announced.
    pub thumbnail: Option<Thumbnail>,
    /// When it was published.
    pub published_at: Timestamp,
    /// Counted up by every write; a write names the one it replaces.
    pub version: u64,
}

/// A picture that was announced, and once it is there, where it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Thumbnail {
    /// Unique in a catalog; with the extension it is the picture's name.
    pub uuid: Uuid,
    /// The file extension, in lower case and without the dot.
    pub extension: String,
    /// Whether its sender said that it is large.
    pub oversize: bool,
    /// The picture, once it is there.
    pub picture: Option<Picture>,
}

/// A picture in the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Picture {
    /// Where the bytes are.
    pub key: Key,
    /// How many bytes there are.
    pub size_bytes: u64,
    /// BLAKE3 of the bytes, lower-case hex; also the ETag.
    pub blake3: String,
    /// From our own look at it, never from the client.
    pub content_type: String,
    /// Pixels across.
    pub width_px: u32,
    /// Pixels down.
    pub height_px: u32,
    /// When it was taken in.
    pub created_at: Timestamp,
}

impl Thumbnail {
    /// The picture's file name.
    #[must_use]
    pub fn name(&self) -> String {
        format!("{}.{}", self.uuid, self.extension)
    }
}
