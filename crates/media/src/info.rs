//! What a probe finds: the container, the audio track that a conversion would take, and its tags.

use serde::{Deserialize, Serialize};

use crate::chapters::Chapter;
use crate::codec::Codec;
use crate::tags::Tags;

/// What is in a piece of media.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Info {
    /// The container's short name: `mp4`, `m4a`, `mov`, `mkv`, `webm`, `ogg`, `wav`, `aiff`, `caf`, `flac`, `aac`
    /// (ADTS), or the layer of bare MPEG audio: `mp1`, `mp2`, `mp3`. What only ffmpeg reads has its name for it, e.g. `asf`.
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
    /// The chapters, in order; at most 1,000.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chapters: Vec<Chapter>,
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
    /// What the packets are, where the codec is Opus.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opus: Option<OpusTrack>,
    /// Whether the system's ffmpeg reads it, since this crate does not.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub by_ffmpeg: bool,
    /// Whether our own demuxer finds its packets all the same, so that they can be copied.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_demuxed: bool,
}

/// What decides whether Opus packets can be kept as they are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpusTrack {
    /// Frames of 48 kHz in each of the first packets; `None` where they differ or are damaged.
    pub packet_frames: Option<u32>,
    /// How channels are coded (RFC 7845, section 5.1.1); 0 is mono or stereo.
    pub mapping_family: u8,
    /// The gain that a player applies, in 1/256 dB.
    pub output_gain: i16,
}
