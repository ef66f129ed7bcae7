//! What a format and settings ask of the media library: the same for the converter and the command line.

use reelmill_core::ports::ConverterError;
use reelmill_core::{Format, Settings};
use reelmill_media::{Rate, Target};

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
        start_ms: settings.start_ms.unwrap_or(0),
        end_ms: settings.end_ms,
        ..Target::new(media_format(format))
    })
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
    }
}
