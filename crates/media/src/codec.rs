//! The codecs by name: those that are read, and those that are only recognised so that a refusal can
//! name them.

use serde::{Deserialize, Serialize};

/// An audio codec.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(into = "String", from = "String")]
#[non_exhaustive]
pub enum Codec {
    /// AAC, low complexity.
    AacLc,
    /// AAC with spectral band replication (HE-AAC v1).
    HeAac,
    /// HE-AAC with parametric stereo (HE-AAC v2).
    HeAacV2,
    /// Extended HE-AAC (USAC).
    XheAac,
    /// MPEG audio layer 1.
    Mp1,
    /// MPEG audio layer 2.
    Mp2,
    /// MPEG audio layer 3.
    Mp3,
    /// Vorbis.
    Vorbis,
    /// Opus.
    Opus,
    /// FLAC.
    Flac,
    /// Apple Lossless.
    Alac,
    /// Uncompressed samples, including A-law and µ-law.
    Pcm,
    /// ADPCM of any kind that is read.
    Adpcm,
    /// Anything else, by its usual name in lower case; never read.
    Other(String),
}

impl Codec {
    /// The short name, e.g. `aac`, stable enough for logs and JSON.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::AacLc => "aac",
            Self::HeAac => "he-aac",
            Self::HeAacV2 => "he-aac-v2",
            Self::XheAac => "xhe-aac",
            Self::Mp1 => "mp1",
            Self::Mp2 => "mp2",
            Self::Mp3 => "mp3",
            Self::Vorbis => "vorbis",
            Self::Opus => "opus",
            Self::Flac => "flac",
            Self::Alac => "alac",
            Self::Pcm => "pcm",
            Self::Adpcm => "adpcm",
            Self::Other(name) => name,
        }
    }

    /// The name as people write it, e.g. `HE-AAC v2`.
    #[must_use]
    pub fn label(&self) -> &str {
        match self {
            Self::AacLc => "AAC-LC",
            Self::HeAac => "HE-AAC",
            Self::HeAacV2 => "HE-AAC v2",
            Self::XheAac => "xHE-AAC",
            Self::Mp1 => "MPEG audio layer 1",
            Self::Mp2 => "MPEG audio layer 2",
            Self::Mp3 => "MP3",
            Self::Vorbis => "Vorbis",
            Self::Opus => "Opus",
            Self::Flac => "FLAC",
            Self::Alac => "ALAC",
            Self::Pcm => "PCM",
            Self::Adpcm => "ADPCM",
            Self::Other(name) => name,
        }
    }

    /// Whether this build reads it. Opus needs more than that to be decoded, which [`crate::plan()`] knows.
    #[must_use]
    pub fn is_read(&self) -> bool {
        match self {
            Self::AacLc
            | Self::Mp1
            | Self::Mp2
            | Self::Mp3
            | Self::Vorbis
            | Self::Opus
            | Self::Flac
            | Self::Alac
            | Self::Pcm
            | Self::Adpcm => true,
            Self::HeAac | Self::HeAacV2 | Self::XheAac | Self::Other(_) => false,
        }
    }

    /// Whether decoding it gives back exactly what was encoded.
    #[must_use]
    pub fn is_lossless(&self) -> bool {
        matches!(self, Self::Flac | Self::Alac | Self::Pcm)
    }
}

impl From<Codec> for String {
    fn from(codec: Codec) -> Self {
        codec.name().to_owned()
    }
}

impl From<String> for Codec {
    fn from(name: String) -> Self {
        let known = [
            Self::AacLc,
            Self::HeAac,
            Self::HeAacV2,
            Self::XheAac,
            Self::Mp1,
            Self::Mp2,
            Self::Mp3,
            Self::Vorbis,
            Self::Opus,
            Self::Flac,
            Self::Alac,
            Self::Pcm,
            Self::Adpcm,
        ];
        known.into_iter().find(|codec| codec.name() == name).unwrap_or(Self::Other(name))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_codec_survives_its_name() {
        for codec in [Codec::AacLc, Codec::HeAacV2, Codec::Opus, Codec::Other("ac-3".into())] {
            assert_eq!(Codec::from(String::from(codec.clone())), codec);
        }
    }
}
