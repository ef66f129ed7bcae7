//! What the caller wants out: a format and how it should be made.
//!
//! A [`Target`] may ask for anything; [`crate::plan()`] decides what of it is possible.

use serde::{Deserialize, Serialize};

use crate::loudness::Loudness;

/// An output format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    /// MPEG audio layer 3 with an ID3 tag and a LAME header.
    Mp3,
    /// RIFF WAVE, linear PCM; RF64 beyond 4 GiB.
    Wav,
    /// FLAC.
    Flac,
    /// Opus in Ogg.
    Opus,
    /// Vorbis in Ogg.
    Ogg,
    /// AAC-LC in ADTS frames.
    Aac,
    /// AAC in MP4, as phones and iTunes have it.
    M4a,
    /// Windows Media Audio 2 in ASF.
    Wma,
    /// Opus packets for Discord, with the DCA1 header.
    Dca,
    /// Opus packets for Discord, without a header.
    Dca0,
}

impl Format {
    /// Every format, in the order in which they are offered.
    #[must_use]
    pub fn all() -> &'static [Self] {
        &[
            Self::Mp3,
            Self::Ogg,
            Self::Opus,
            Self::M4a,
            Self::Aac,
            Self::Wma,
            Self::Flac,
            Self::Wav,
            Self::Dca,
            Self::Dca0,
        ]
    }

    /// The name, e.g. `mp3`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Mp3 => "mp3",
            Self::Wav => "wav",
            Self::Flac => "flac",
            Self::Opus => "opus",
            Self::Ogg => "ogg",
            Self::Aac => "aac",
            Self::M4a => "m4a",
            Self::Wma => "wma",
            Self::Dca => "dca",
            Self::Dca0 => "dca0",
        }
    }

    /// The file name's extension without a dot.
    #[must_use]
    pub fn extension(self) -> &'static str {
        match self {
            Self::Dca0 => "dca",
            other => other.name(),
        }
    }

    /// Whether its packets are Opus, bare, each with its length: DCA in either version.
    #[must_use]
    pub fn is_dca(self) -> bool {
        matches!(self, Self::Dca | Self::Dca0)
    }

    /// Whether the file says where chapters are. WMA's and WAV's ways of it are read by hardly anything.
    #[must_use]
    pub fn has_chapters(self) -> bool {
        matches!(self, Self::Mp3 | Self::M4a | Self::Flac | Self::Opus | Self::Ogg)
    }

    /// The media type to serve it with.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Mp3 => "audio/mpeg",
            Self::Wav => "audio/wav",
            Self::Flac => "audio/flac",
            Self::Opus | Self::Ogg => "audio/ogg",
            Self::Aac => "audio/aac",
            Self::M4a => "audio/mp4",
            Self::Wma => "audio/x-ms-wma",
            // Nobody has registered one.
            Self::Dca | Self::Dca0 => "audio/x-dca",
        }
    }

    /// Finds a format by name or extension, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name.to_ascii_lowercase().as_str() {
            "mp3" => Some(Self::Mp3),
            "wav" | "wave" => Some(Self::Wav),
            "flac" => Some(Self::Flac),
            "opus" | "ogg-opus" => Some(Self::Opus),
            "ogg" | "oga" => Some(Self::Ogg),
            "aac" | "adts" => Some(Self::Aac),
            "m4a" => Some(Self::M4a),
            "wma" | "asf" => Some(Self::Wma),
            "dca" => Some(Self::Dca),
            "dca0" => Some(Self::Dca0),
            _ => None,
        }
    }
}

impl std::fmt::Display for Format {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

/// How many bits a lossy encoder may spend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Rate {
    /// The same for every moment.
    Cbr {
        /// Kilobits (1,000 bits) per second.
        kbps: u16,
    },
    /// Varying around a mean.
    Abr {
        /// Kilobits (1,000 bits) per second.
        kbps: u16,
    },
    /// As many as the quality takes: LAME's `-V` for MP3, the same scale for Vorbis.
    Vbr {
        /// 0 is the best and largest, 9 the smallest.
        quality: u8,
    },
}

/// What is wanted. `None` always means: as the source has it, or the format's usual value.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Target {
    /// The output format.
    pub format: Format,
    /// Bits to spend, for lossy formats; default 128 kbit/s CBR for MP3, AAC and WMA, 96 (mono 64) kbit/s for Opus, 64 for
    /// DCA, 160 (mono 80) for Vorbis.
    pub rate: Option<Rate>,
    /// Encoder effort, LAME's `-q`: 0 is the slowest, 9 the fastest, default 3. MP3 only.
    pub effort: Option<u8>,
    /// Sample rate in Hz.
    pub sample_rate_hz: Option<u32>,
    /// Number of channels: 1, 2, or as many as the source has where the format allows it.
    pub channels: Option<u8>,
    /// 16 or 24, WAV and FLAC only; default 16, or 24 where a lossless source has more than 16.
    pub bits_per_sample: Option<u8>,
    /// How loud it is to be; default as loud as the source.
    pub loudness: Option<Loudness>,
    /// Whether packets that the format can carry as they are are kept rather than encoded anew.
    pub copy: bool,
    /// Where to start in the source; default its start.
    pub start_ms: u64,
    /// Where to end in the source; default its end.
    pub end_ms: Option<u64>,
    /// Whether tags, cover art and chapters are carried over.
    pub tags: bool,
}

impl Target {
    /// Everything at its default.
    #[must_use]
    pub fn new(format: Format) -> Self {
        Self {
            format,
            rate: None,
            effort: None,
            sample_rate_hz: None,
            channels: None,
            bits_per_sample: None,
            loudness: None,
            copy: true,
            start_ms: 0,
            end_ms: None,
            tags: true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_format_is_found_by_its_own_name_and_extension() {
        for format in Format::all() {
            assert_eq!(Format::from_name(format.name()), Some(*format));
            let of_extension = Format::from_name(&format.extension().to_uppercase());
            // The two versions of DCA share one.
            assert_eq!(of_extension, Some(if format.is_dca() { Format::Dca } else { *format }));
        }
        assert_eq!(Format::from_name("exe"), None);
    }
}
