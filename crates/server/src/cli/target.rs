//! From flags to what the media library is asked for: a profile, or a format, and settings over it.

use std::path::Path;

use reelmill_backends::converter::target;
use reelmill_core::{Format, Lufs, Profile, Settings};
use reelmill_media::Target;

use super::failure::Failure;
use super::words::{kbps_of, ms_of};

/// How the result is to be made.
#[derive(Debug, Clone, Default, clap::Args)]
pub(super) struct Wishes {
    /// Output format: mp3, ogg, opus, m4a, aac, wma, flac, wav, dca, dca0; default by OUT's extension
    #[arg(long, value_name = "FORMAT", value_parser = format_of)]
    to: Option<Format>,
    /// A profile, as the server has them: mp3, mp3-high, mp3-voice, ogg, opus, opus-voice, m4a, aac, wma, flac,
    /// wav, dca, dca0
    #[arg(long, value_name = "NAME", value_parser = profile_of)]
    profile: Option<Profile>,
    /// Constant bit rate in kbit/s, e.g. 128k
    #[arg(long, value_name = "RATE", value_parser = kbps_of, conflicts_with = "quality")]
    bitrate: Option<u32>,
    /// Variable bit rate by quality, mp3 and ogg: 0 (best) to 9
    #[arg(long, value_name = "0-9", value_parser = clap::value_parser!(u8).range(0..=9))]
    quality: Option<u8>,
    /// The encoder's effort, mp3 only: 0 (slowest) to 9 [default: 3]
    #[arg(long, value_name = "0-9", value_parser = clap::value_parser!(u8).range(0..=9))]
    effort: Option<u8>,
    /// Sample rate in Hz, e.g. 44100
    #[arg(long, value_name = "HZ")]
    sample_rate: Option<u32>,
    /// Channels: 1, 2, or as many as the input has
    #[arg(long, value_name = "N")]
    channels: Option<u8>,
    /// How loud the whole of it is made, in LUFS as EBU R 128 measures it, e.g. -16; true peaks stay under -1 dBTP
    #[arg(long, value_name = "LUFS", value_parser = lufs_of, allow_negative_numbers = true)]
    loudness: Option<Lufs>,
    /// Encode also what the output could carry as it is
    #[arg(long)]
    no_copy: bool,
    /// Where to start in the input, e.g. 83.5, 1:23.5 or 1m23s
    #[arg(long, value_name = "TIME", value_parser = ms_of)]
    start: Option<u64>,
    /// Where to end in the input
    #[arg(long, value_name = "TIME", value_parser = ms_of)]
    end: Option<u64>,
}

impl Wishes {
    /// The target for that output; `out` is a file's name where there is one.
    pub(super) fn target(&self, out: Option<&Path>) -> Result<Target, Failure> {
        let settings = self.settings();
        let profile = self.profile.clone().map(|profile| profile.with(&settings));
        let format = self.format(out)?;
        let settings = profile.map_or(settings, |profile| profile.settings);
        match settings.contradiction() {
            Some(said) if said.contains("end_ms") => Err(Failure::usage("--end must be after --start")),
            Some(said) => Err(Failure::usage(said)),
            None => target(format, &settings).map_err(|error| Failure::usage(error.to_string())),
        }
    }

    fn settings(&self) -> Settings {
        Settings {
            bitrate_kbps: self.bitrate,
            quality: self.quality,
            effort: self.effort,
            sample_rate_hz: self.sample_rate,
            channels: self.channels,
            loudness_lufs: self.loudness,
            copy: self.no_copy.then_some(false),
            start_ms: self.start,
            end_ms: self.end,
            ..Settings::default()
        }
    }

    fn format(&self, out: Option<&Path>) -> Result<Format, Failure> {
        let of_profile = self.profile.as_ref().map(|profile| profile.format);
        let extension = out.and_then(Path::extension).and_then(|extension| extension.to_str());
        let of_name = extension.and_then(format_of_extension);
        match (self.to, of_profile, of_name) {
            (Some(to), Some(profile), _) if to != profile => Err(Failure::usage(format!(
                "--to {to} contradicts the profile, which makes {profile}: give one"
            ))),
            (None, Some(profile), Some(name)) if profile != name && !is_other_version(profile, name) => {
                Err(Failure::usage(format!(
                    "the output's name says {name}, but the profile makes {profile}: rename it or add --to {profile}"
                )))
            }
            (Some(format), _, _) | (None, Some(format), _) | (None, None, Some(format)) => Ok(format),
            (None, None, None) => Err(Failure::usage(match extension {
                Some(extension) => format!("`.{extension}` is no format that is written: {}", offer()),
                None => format!("the output's name does not say a format: {}", offer()),
            })),
        }
    }
}

/// DCA's two versions share their extension.
fn is_other_version(one: Format, other: Format) -> bool {
    one.extension() == other.extension()
}

fn offer() -> String {
    let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
    format!("give --to with one of {}", names.join(", "))
}

fn format_of(text: &str) -> Result<Format, String> {
    format_of_extension(text).ok_or_else(|| {
        let names: Vec<&str> = Format::ALL.iter().map(|format| format.name()).collect();
        format!("expected one of {}", names.join(", "))
    })
}

fn lufs_of(text: &str) -> Result<Lufs, String> {
    let lufs: f64 = text.parse().map_err(|_| "expected a number of LUFS, as -16")?;
    Ok(Lufs::try_from(lufs)?)
}

/// A format by its name or by an extension that people give its files.
fn format_of_extension(text: &str) -> Option<Format> {
    if text.eq_ignore_ascii_case("oga") { Some(Format::Ogg) } else { Format::from_name(text) }
}

fn profile_of(text: &str) -> Result<Profile, String> {
    Profile::named(text).ok_or_else(|| {
        let names: Vec<String> = Profile::builtin().into_iter().map(|profile| profile.name).collect();
        format!("expected one of {}", names.join(", "))
    })
}

/// What a profile asks of the media library.
pub(super) fn target_of_profile(profile: &Profile) -> Result<Target, Failure> {
    target(profile.format, &profile.settings).map_err(|error| Failure::usage(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wishes(profile: Option<&str>, to: Option<&str>) -> Wishes {
        Wishes {
            profile: profile.map(|name| profile_of(name).unwrap()),
            to: to.map(|name| format_of(name).unwrap()),
            ..Wishes::default()
        }
    }

    #[test]
    fn the_format_comes_from_the_flag_the_profile_or_the_name() {
        let table = [
            (wishes(None, None), Some("a.mp3"), Format::Mp3),
            (wishes(None, None), Some("a.FLAC"), Format::Flac),
            (wishes(None, None), Some("a.ogg"), Format::Ogg),
            (wishes(None, None), Some("a.opus"), Format::Opus),
            (wishes(None, None), Some("a.dca"), Format::Dca),
            (wishes(Some("dca0"), None), Some("a.dca"), Format::Dca0),
            (wishes(None, Some("wav")), Some("a.mp3"), Format::Wav),
            (wishes(None, Some("wav")), None, Format::Wav),
            (wishes(Some("opus-voice"), None), None, Format::Opus),
            (wishes(Some("mp3-high"), None), Some("a.mp3"), Format::Mp3),
        ];
        for (wishes, out, format) in table {
            assert_eq!(wishes.target(out.map(Path::new)).unwrap().format.name(), format.name(), "{out:?}");
        }
    }

    #[test]
    fn a_format_that_is_contradicted_or_unknown_is_wrong_use() {
        let table = [
            (wishes(None, None), Some("a.exe")),
            (wishes(None, None), Some("a")),
            (wishes(None, None), None),
            (wishes(Some("opus"), None), Some("a.mp3")),
            (wishes(Some("opus"), Some("mp3")), None),
        ];
        let said = table.map(|(wishes, out)| wishes.target(out.map(Path::new)).unwrap_err().message);
        insta::assert_snapshot!(said.join("\n"));
    }

    #[test]
    fn flags_go_over_the_profile() {
        let wishes = Wishes { quality: Some(2), start: Some(1000), ..wishes(Some("mp3-voice"), None) };
        let target = wishes.target(None).unwrap();
        assert_eq!((target.rate, target.channels), (Some(reelmill_media::Rate::Vbr { quality: 2 }), Some(1)));
        assert_eq!((target.start_ms, target.end_ms), (1000, None));
        let backwards = Wishes { end: Some(500), ..wishes };
        assert_eq!(backwards.target(None).unwrap_err(), Failure::usage("--end must be after --start"));
    }

    #[test]
    fn every_builtin_profile_has_a_target() {
        for profile in Profile::builtin() {
            assert_eq!(target_of_profile(&profile).unwrap().format.name(), profile.format.name());
        }
    }
}
