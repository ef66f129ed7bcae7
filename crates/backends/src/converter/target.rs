//! What a format and settings ask of the media library: the same for the converter and the command line.

use reelmill_core::ports::ConverterError;
use reelmill_core::{Format, Settings};
use reelmill_media::{Loudness, Rate, Target};

/// The media library's target for a format and settings.
///
/// # Errors
/// `Setting` where the settings contradict one another, or a rate is one that no format has.
pub fn target(format: Format, settings: &Settings) -> Result<Target, ConverterError> {
    if let Some(contradiction) = settings.contradiction() {
        return Err(ConverterError::Setting(contradiction.to_owned()));
    }
    Ok(Target {
        rate: rate(settings)?,
        effort: settings.effort,
        sample_rate_hz: settings.sample_rate_hz,
        channels: settings.channels,
        bits_per_sample: settings.bits_per_sample,
        loudness: settings.loudness_lufs.map(|lufs| Loudness::of(lufs.into())),
        copy: settings.copy.unwrap_or_else(|| !asks_for_a_rate(settings)),
        start_ms: settings.start_ms.unwrap_or(0),
        end_ms: settings.end_ms,
        ..Target::new(media_format(format))
    })
}

/// Whether packets made anew would have another rate than they have.
const fn asks_for_a_rate(settings: &Settings) -> bool {
    settings.bitrate_kbps.is_some() || settings.average_bitrate_kbps.is_some() || settings.quality.is_some()
}

fn rate(settings: &Settings) -> Result<Option<Rate>, ConverterError> {
    let kbps = |kbps: u32| {
        u16::try_from(kbps).map_err(|_| ConverterError::Setting(format!("no format has {kbps} kbit/s")))
    };
    Ok(match (settings.bitrate_kbps, settings.average_bitrate_kbps, settings.quality) {
        (Some(constant), _, _) => Some(Rate::Cbr { kbps: kbps(constant)? }),
        (None, Some(average), _) => Some(Rate::Abr { kbps: kbps(average)? }),
        (None, None, Some(quality)) => Some(Rate::Vbr { quality }),
        (None, None, None) => None,
    })
}

const fn media_format(format: Format) -> reelmill_media::Format {
    match format {
        Format::Mp3 => reelmill_media::Format::Mp3,
        Format::Wav => reelmill_media::Format::Wav,
        Format::Flac => reelmill_media::Format::Flac,
        Format::Opus => reelmill_media::Format::Opus,
        Format::Ogg => reelmill_media::Format::Ogg,
        Format::Aac => reelmill_media::Format::Aac,
        Format::M4a => reelmill_media::Format::M4a,
        Format::Wma => reelmill_media::Format::Wma,
        Format::Dca => reelmill_media::Format::Dca,
        Format::Dca0 => reelmill_media::Format::Dca0,
    }
}

#[cfg(test)]
mod tests {
    use reelmill_core::Profile;

    use super::*;

    #[test]
    fn every_profile_has_a_target_of_the_same_name_and_kind() {
        for profile in Profile::builtin() {
            let made = target(profile.format, &profile.settings).unwrap().format;
            let format = profile.format;
            assert_eq!(
                (made.name(), made.extension(), made.content_type()),
                (format.name(), format.extension(), format.content_type())
            );
        }
    }

    #[test]
    fn packets_are_copied_unless_somebody_asks_for_a_rate_of_their_own() {
        let rate = Settings { bitrate_kbps: Some(96), ..Settings::default() };
        let table = [
            (Settings::default(), true),
            (Settings { channels: Some(2), ..Settings::default() }, true),
            (Settings { copy: Some(false), ..Settings::default() }, false),
            (rate.clone(), false),
            (Settings { average_bitrate_kbps: Some(96), ..Settings::default() }, false),
            (Settings { copy: Some(true), ..rate.clone() }, true),
            (Profile::named("dca").unwrap().settings, true),
            (Profile::named("dca").unwrap().with(&rate).settings, false),
        ];
        for (settings, copies) in table {
            assert_eq!(target(Format::Dca, &settings).unwrap().copy, copies, "{settings:?}");
        }
    }
}
