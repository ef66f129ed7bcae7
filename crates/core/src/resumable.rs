//! An upload that may be taken up again where it was cut.
//!
//! Its bytes stand in objects of their own until the last one is here; the record names them, so an object that it names
//! needs no [`Intent`](crate::Intent). Whoever takes further bytes first counts [`Resumable::newest_object`] up and records
//! an intent for that object: for as long as the intent lives, the upload is its writer's.

use serde::{Deserialize, Serialize};

use crate::{BadKey, Key, MediaId, Timestamp, UserId};

/// An upload in parts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resumable {
    /// Its identity, and that of the media that it becomes.
    pub id: MediaId,
    /// Whose it is: nobody else sees it.
    pub owner: UserId,
    /// The file's name, without any folder.
    pub name: String,
    /// How many bytes there are to be.
    pub size_bytes: u64,
    /// What the sender said of it, as it was sent (`Upload-Metadata` of tus 1.0).
    pub metadata: String,
    /// The objects that its bytes are in so far, in the file's order.
    pub parts: Vec<UploadPart>,
    /// The number of the last object that was begun; none is given twice.
    pub newest_object: u64,
    /// Somebody else wants to go on with it: whoever takes bytes is to keep what has come, and stop.
    pub is_wanted: bool,
    /// Where it is in its life.
    pub phase: Phase,
    /// When it is given up, unless bytes come before.
    pub expires_at: Timestamp,
    /// When it was begun.
    pub created_at: Timestamp,
    /// Counted up by every write.
    pub version: u64,
}

/// An object that holds a part of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UploadPart {
    /// The object's number.
    pub object: u64,
    /// How many bytes it has.
    pub size_bytes: u64,
    /// BLAKE3 of its bytes in lower-case hex, kept for as long as it is the only part.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blake3: Option<String>,
    /// The store's own id for it, kept likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fid: Option<String>,
}

/// Where an upload is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Bytes may come, or all are here and are about to become a media.
    Open,
    /// The media is there. Parts that are still named are to be deleted.
    Done,
    /// It was given up. What is still named is to be deleted, and then the record.
    Ended,
}

impl Resumable {
    /// How many bytes are here.
    #[must_use]
    pub fn offset_bytes(&self) -> u64 {
        match self.phase {
            Phase::Done => self.size_bytes,
            Phase::Open | Phase::Ended => self.parts.iter().map(|part| part.size_bytes).sum(),
        }
    }

    /// The key of the object of that number.
    ///
    /// # Errors
    /// None in truth: what it is made of makes a key.
    pub fn key(&self, object: u64) -> Result<Key, BadKey> {
        // Of one length, so that they stand in the order of their numbers.
        format!("media/{}.{object:010}", self.id).parse()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn keys_stand_in_the_order_of_their_numbers() {
        let at = Timestamp::from_ms(0);
        let upload = Resumable {
            id: MediaId(Uuid::nil()),
            owner: UserId(Uuid::nil()),
            name: String::new(),
            size_bytes: 9,
            metadata: String::new(),
            parts: Vec::new(),
            newest_object: 0,
            is_wanted: false,
            phase: Phase::Open,
            expires_at: at,
            created_at: at,
            version: 1,
        };
        let keys = [1, 2, 10, 99, 100, 4_000_000_000].map(|object| upload.key(object).unwrap());
        assert!(keys.is_sorted());
        assert_eq!(
            (upload.offset_bytes(), Resumable { phase: Phase::Done, ..upload }.offset_bytes()),
            (0, 9)
        );
    }
}
