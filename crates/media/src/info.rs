//! What a probe finds: the container, the audio track that a conversion would take, and its tags.

use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::tags::Tags;

/// What is in a piece of media.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The container's short name: `mp4`, `m4a`, `mov`, `mkv`, `webm`, `ogg`, `wav`, `aiff`, `caf`, `flac`, `aac`
    /// (ADTS), or the layer of bare MPEG audio: `mp1`, `mp2`, `mp3`.
    pub container: String,
    /// The length of the audio, where it is declared or follows from what is. For an MP3 without a Xing
    /// header it is estimated from the bit rate.
    pub duration_ms: Option<u64>,
    /// The audio track that a conversion takes.
    pub audio: AudioTrack,
    /// The other tracks, one phrase each, e.g. `h264 video`; at most 64.
    pub other_tracks: Vec<String>,
    /// The tags, in their common meaning.
    pub tags: Tags,
    /// Whether there is a picture that a conversion would carry over.
    pub has_cover: bool,
}

/// An audio track as its container and first packets describe it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AudioTrack {
    /// The codec.
    pub codec: Codec,
    /// The codec as people write it, e.g. `HE-AAC`.
    pub codec_label: String,
    /// Sample rate in Hz; 0 where an unread codec does not tell.
    pub sample_rate_hz: u32,
    /// Number of channels; 0 where an unread codec does not tell.
    pub channels: u8,
    /// Significant bits of a sample, for lossless and PCM codecs.
    pub bits_per_sample: Option<u8>,
    /// Frames (samples of one channel) that will be heard, where the container tells.
    pub frames: Option<u64>,
    /// Average bit rate in bits per second, where it is known or follows from size and duration.
    pub bit_rate_bps: Option<u32>,
    /// Frames at the start that the encoder added and a player drops.
    pub delay_frames: u32,
    /// Frames at the end that the encoder added and a player drops.
    pub padding_frames: u32,
}
