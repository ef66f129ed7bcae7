//! An original that was taken in, and what the probe found in it.

use serde::{Deserialize, Serialize};

use crate::{Key, MediaId, Timestamp, UserId};

/// An original: immutable bytes in the store, and what is known of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Media {
    /// Its identity.
    pub id: MediaId,
    /// Whose it is. Only the owner and admins see it, until a [`Video`](crate::Video) publishes it.
    pub owner: UserId,
    /// The file's name as its sender gave it, without any folder.
    pub name: String,
    /// Where the bytes are.
    pub key: Key,
    /// How many bytes there are.
    pub size_bytes: u64,
    /// BLAKE3 of the bytes, lower-case hex; also the ETag.
    pub blake3: String,
    /// From our own probe, never from the client.
    pub content_type: String,
    /// What the probe found.
    pub info: MediaInfo,
    /// The store's own id of the object, where it has one that clients know (the 24 hex digits of GridFS).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fid: Option<String>,
    /// The task that it is the original of, where it came through that door.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub task: Option<i64>,
    /// When it was taken in.
    pub created_at: Timestamp,
}

/// What the probe found in a file.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct MediaInfo {
    /// The container's short name, as `mp4` or `ogg`.
    pub container: String,
    /// How long it plays, where the container says so.
    pub duration_ms: Option<u64>,
    /// The audio track that would be converted; `None` where there is none that this build reads.
    pub audio: Option<AudioInfo>,
    /// Why there is no audio to convert, in a sentence for the user; `None` where there is.
    pub unreadable: Option<String>,
    /// Title, artist and the like, in the file's order.
    pub tags: Vec<(String, String)>,
    /// Whether it carries a cover picture.
    pub has_cover: bool,
}

/// An audio track.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct AudioInfo {
    /// The codec's short name, as `aac` or `vorbis`.
    pub codec: String,
    /// Frames a second.
    pub sample_rate_hz: u32,
    /// Channels.
    pub channels: u32,
    /// Significant bits of a sample, for codecs that keep every sample.
    pub bits_per_sample: Option<u8>,
    /// Bits a second, where known.
    pub bit_rate_bps: Option<u64>,
    /// Frames that play (delay and padding taken off), where known.
    pub frames: Option<u64>,
    /// What the packets are, where the codec is Opus: some formats can carry them as they are.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opus: Option<OpusInfo>,
}

/// What decides whether Opus packets can be kept as they are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpusInfo {
    /// Frames of 48 kHz in each of the first packets; `None` where they differ.
    pub packet_frames: Option<u32>,
    /// How channels are coded (RFC 7845, section 5.1.1); 0 is mono or stereo.
    pub mapping_family: u8,
    /// The gain that a player applies, in 1/256 dB.
    pub output_gain: i16,
    /// Frames that the encoder put before the sound, and a player drops.
    pub delay_frames: u32,
    /// Frames that the encoder put behind it, as far as known.
    pub padding_frames: u32,
}
