//! What a result shall be: a named profile, and the settings that override it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A format that is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Format {
    /// MPEG-1/2 Layer III.
    Mp3,
    /// RIFF WAVE, PCM.
    Wav,
    /// FLAC.
    Flac,
    /// Opus in Ogg.
    Opus,
    /// Vorbis in Ogg.
    Ogg,
    /// AAC-LC in ADTS frames.
    Aac,
    /// AAC in MP4.
    M4a,
    /// Windows Media Audio 2 in ASF.
    Wma,
    /// Opus packets for Discord, with the DCA1 header.
    Dca,
    /// Opus packets for Discord, without a header.
    Dca0,
}

impl Format {
    /// Every format, in the order in which they are listed.
    pub const ALL: [Self; 10] = [
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
    ];

    /// What the format is called, on every door.
    #[must_use]
    pub const fn name(self) -> &'static str {
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

    /// How its files' names end.
    #[must_use]
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Dca0 => "dca",
            other => other.name(),
        }
    }

    /// The media type that it is served as.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
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

    /// The format of a name, in any case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| name.eq_ignore_ascii_case(format.name()))
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A loudness in LUFS (ITU-R BS.1770), to a tenth.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Lufs {
    tenths: i16,
}

impl TryFrom<f64> for Lufs {
    type Error = &'static str;

    fn try_from(lufs: f64) -> Result<Self, Self::Error> {
        if !(-100.0..=100.0).contains(&lufs) {
            return Err("a loudness is a number of LUFS, as -16");
        }
        #[expect(clippy::cast_possible_truncation, reason = "at most a thousand")]
        let tenths = (lufs * 10.0).round() as i16;
        Ok(Self { tenths })
    }
}

impl From<Lufs> for f64 {
    fn from(lufs: Lufs) -> Self {
        Self::from(lufs.tenths) / 10.0
    }
}

/// Settings of a conversion; what is `None` is the profile's or the encoder's own choice.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Settings {
    /// Constant bit rate, in kbit/s.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bitrate_kbps: Option<u32>,
    /// Average bit rate, in kbit/s. Excludes `bitrate_kbps`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub average_bitrate_kbps: Option<u32>,
    /// Variable bit rate by quality, 0 (best) to 9: LAME's -V. Excludes the bit rates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quality: Option<u8>,
    /// The encoder's effort, 0 (most) to 9: LAME's -q.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub effort: Option<u8>,
    /// Frames a second.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sample_rate_hz: Option<u32>,
    /// Channels.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channels: Option<u8>,
    /// Bits a sample, for formats that keep every sample: 16 or 24.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bits_per_sample: Option<u8>,
    /// How loud the whole of it is made, as EBU R 128 measures it, with true peaks up to -1 dBTP; where nothing is said,
    /// as loud as the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loudness_lufs: Option<Lufs>,
    /// Whether packets that the format can carry as they are may be kept instead of encoded anew. Where nothing is
    /// said: unless a rate is asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub copy: Option<bool>,
    /// Where to start, in milliseconds of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub start_ms: Option<u64>,
    /// Where to end, in milliseconds of the original.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub end_ms: Option<u64>,
}

impl Settings {
    /// These settings where they say something, else `base`'s. A rate of one sort replaces one of another.
    #[must_use]
    pub fn over(&self, base: &Self) -> Self {
        let rate = if self.bitrate_kbps.or(self.average_bitrate_kbps).is_some() || self.quality.is_some() {
            self
        } else {
            base
        };
        Self {
            bitrate_kbps: rate.bitrate_kbps,
            average_bitrate_kbps: rate.average_bitrate_kbps,
            quality: rate.quality,
            effort: self.effort.or(base.effort),
            sample_rate_hz: self.sample_rate_hz.or(base.sample_rate_hz),
            channels: self.channels.or(base.channels),
            bits_per_sample: self.bits_per_sample.or(base.bits_per_sample),
            loudness_lufs: self.loudness_lufs.or(base.loudness_lufs),
            // What a base may copy has any rate; who asks for one wants that.
            copy: self.copy.or(rate.copy),
            start_ms: self.start_ms.or(base.start_ms),
            end_ms: self.end_ms.or(base.end_ms),
        }
    }

    /// What no encoder could do with, whatever the format; `None` where the settings agree with themselves.
    #[must_use]
    pub fn contradiction(&self) -> Option<&'static str> {
        let rates =
            [self.bitrate_kbps.is_some(), self.average_bitrate_kbps.is_some(), self.quality.is_some()];
        if rates.into_iter().filter(|given| *given).count() > 1 {
            return Some("give one of bitrate_kbps, average_bitrate_kbps and quality");
        }
        match (self.start_ms, self.end_ms) {
            (start, Some(end)) if end <= start.unwrap_or(0) => Some("end_ms must be after start_ms"),
            _ => None,
        }
    }
}

/// A named choice of format and settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Profile {
    /// What clients call it.
    pub name: String,
    /// What it is for, in a few words.
    pub title: String,
    /// What is written.
    pub format: Format,
    /// How.
    pub settings: Settings,
}

impl Profile {
    /// The profiles that every installation has.
    #[must_use]
    pub fn builtin() -> Vec<Self> {
        let profile = |name: &str, title: &str, format, settings| Self {
            name: name.to_owned(),
            title: title.to_owned(),
            format,
            settings,
        };
        let kbps = |kbps| Settings { bitrate_kbps: Some(kbps), ..Settings::default() };
        let copied = |rate_kbps| Settings { copy: Some(true), ..kbps(rate_kbps) };
        vec![
            profile("mp3", "MP3, kept or made at 128 kbit/s: plays everywhere", Format::Mp3, copied(128)),
            profile(
                "mp3-high",
                "MP3, kept or made at the best variable bit rate: music to keep",
                Format::Mp3,
                Settings { quality: Some(0), copy: Some(true), ..Settings::default() },
            ),
            profile(
                "mp3-voice",
                "MP3, 64 kbit/s mono: speech",
                Format::Mp3,
                Settings { channels: Some(1), ..kbps(64) },
            ),
            profile("opus", "Opus, kept or made at 96 kbit/s: small and good", Format::Opus, copied(96)),
            profile(
                "opus-voice",
                "Opus, 32 kbit/s mono: speech",
                Format::Opus,
                Settings { channels: Some(1), ..kbps(32) },
            ),
            profile(
                "flac",
                "FLAC: every sample kept, about half the size",
                Format::Flac,
                Settings::default(),
            ),
            profile("wav", "WAV: every sample kept, for editing", Format::Wav, Settings::default()),
            profile("ogg", "Ogg Vorbis, about 160 kbit/s: games and old players", Format::Ogg, kbps(160)),
            profile(
                "m4a",
                "AAC in MP4, kept or made at 128 kbit/s: phones and iTunes",
                Format::M4a,
                copied(128),
            ),
            profile("aac", "AAC, kept or made at 128 kbit/s: radios", Format::Aac, copied(128)),
            profile(
                "wma",
                "WMA, 128 kbit/s: Windows from before it played everything",
                Format::Wma,
                kbps(128),
            ),
            profile("dca", "DCA, Opus kept or made at 64 kbit/s: Discord bots", Format::Dca, copied(64)),
            profile("dca0", "DCA without a header: older Discord bots", Format::Dca0, copied(64)),
        ]
    }

    /// The built-in profile of that name.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::builtin().into_iter().find(|profile| profile.name == name)
    }

    /// This profile with `overrides` laid over its settings.
    #[must_use]
    pub fn with(mut self, overrides: &Settings) -> Self {
        self.settings = overrides.over(&self.settings);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_of_one_sort_replaces_one_of_another() {
        let base = Settings { bitrate_kbps: Some(128), channels: Some(1), ..Settings::default() };
        let vbr = Settings { quality: Some(2), ..Settings::default() }.over(&base);
        assert_eq!((vbr.bitrate_kbps, vbr.quality, vbr.channels), (None, Some(2), Some(1)));
        let untouched = Settings { effort: Some(5), ..Settings::default() }.over(&base);
        assert_eq!((untouched.bitrate_kbps, untouched.effort), (Some(128), Some(5)));
    }

    #[test]
    fn who_asks_for_a_rate_gets_no_copy_unless_they_ask_for_that_too() {
        let dca = Profile::named("dca").unwrap();
        let asked = |overrides: &Settings| dca.clone().with(overrides).settings.copy;
        let rate = Settings { bitrate_kbps: Some(96), ..Settings::default() };
        assert_eq!(asked(&Settings { channels: Some(2), ..Settings::default() }), Some(true));
        assert_eq!(asked(&rate), None);
        assert_eq!(asked(&Settings { copy: Some(true), ..rate }), Some(true));
        assert_eq!(asked(&Settings { copy: Some(false), ..Settings::default() }), Some(false));
    }

    #[test]
    fn contradictions_are_named() {
        let two_rates = Settings { bitrate_kbps: Some(128), quality: Some(2), ..Settings::default() };
        assert!(two_rates.contradiction().is_some_and(|said| said.contains("quality")));
        let backwards = Settings { start_ms: Some(2000), end_ms: Some(2000), ..Settings::default() };
        assert!(backwards.contradiction().is_some_and(|said| said.contains("end_ms")));
        assert_eq!(Settings { start_ms: Some(5), ..Settings::default() }.contradiction(), None);
    }

    #[test]
    fn every_builtin_profile_agrees_with_itself_and_has_a_name_of_its_own() {
        let profiles = Profile::builtin();
        for profile in &profiles {
            assert_eq!(profile.settings.contradiction(), None, "{}", profile.name);
            assert_eq!(profiles.iter().filter(|other| other.name == profile.name).count(), 1);
        }
        assert!(Format::ALL.into_iter().all(|format| Profile::named(format.name()).is_some()));
    }
}
