//! Between the words of the core and those of the media library.

use reelmill_core::ports::{Converted, ConverterError};
use reelmill_core::{AudioInfo, MediaInfo, OpusInfo};
use reelmill_media::{AudioTrack, Codec, Info, MediaError, OpusTrack, Report, Tags};

use super::errand::Errand;

/// Containers whose packets the library finds itself, as it names them.
const DEMUXED: &[&str] =
    &["mp4", "m4a", "mov", "mkv", "webm", "ogg", "wav", "aiff", "caf", "flac", "mp1", "mp2", "mp3", "aac"];

/// What a probe found.
pub(super) fn found(info: &Info) -> MediaInfo {
    let audio = &info.audio;
    let is_read = audio.codec.is_read() || audio.by_ffmpeg;
    let track = AudioInfo {
        codec: audio.codec.name().to_owned(),
        sample_rate_hz: audio.sample_rate_hz,
        channels: u32::from(audio.channels),
        bits_per_sample: audio.bits_per_sample,
        bit_rate_bps: audio.bit_rate_bps.map(u64::from),
        frames: audio.frames,
        opus: audio.opus.map(|opus| OpusInfo {
            packet_frames: opus.packet_frames,
            mapping_family: opus.mapping_family,
            output_gain: opus.output_gain,
            delay_frames: audio.delay_frames,
            padding_frames: audio.padding_frames,
        }),
    };
    MediaInfo {
        container: info.container.clone(),
        duration_ms: info.duration_ms,
        audio: is_read.then_some(track),
        unreadable: (!is_read)
            .then(|| MediaError::Unsupported { codec: audio.codec_label.clone() }.to_string()),
        tags: info.tags.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        has_cover: info.has_cover,
    }
}

/// A file that is sound but holds nothing to convert.
pub(super) fn unreadable(refused: &Result<Info, MediaError>) -> MediaInfo {
    let unreadable = refused.as_ref().err().map(ToString::to_string);
    MediaInfo { unreadable, ..MediaInfo::default() }
}

/// The other way round, as far as a plan needs it.
pub(super) fn known(info: &MediaInfo) -> Result<Info, ConverterError> {
    let Some(audio) = &info.audio else {
        let why = info.unreadable.clone().unwrap_or_else(|| "the input has no audio track".to_owned());
        return Err(ConverterError::Unsupported(why));
    };
    let codec = Codec::from(audio.codec.clone());
    let is_demuxed = DEMUXED.contains(&info.container.as_str());
    Ok(Info {
        container: info.container.clone(),
        duration_ms: info.duration_ms,
        audio: AudioTrack {
            codec_label: codec.label().to_owned(),
            // Only ffmpeg could tell the rate of what the library does not read itself.
            by_ffmpeg: !(codec.is_read() && is_demuxed) && audio.sample_rate_hz > 0,
            is_demuxed,
            codec,
            sample_rate_hz: audio.sample_rate_hz,
            channels: u8::try_from(audio.channels).unwrap_or(u8::MAX),
            bits_per_sample: audio.bits_per_sample,
            frames: audio.frames,
            bit_rate_bps: audio.bit_rate_bps.and_then(|rate| u32::try_from(rate).ok()),
            delay_frames: audio.opus.map_or(0, |opus| opus.delay_frames),
            padding_frames: audio.opus.map_or(0, |opus| opus.padding_frames),
            opus: audio.opus.map(|opus| OpusTrack {
                packet_frames: opus.packet_frames,
                mapping_family: opus.mapping_family,
                output_gain: opus.output_gain,
            }),
        },
        other_tracks: Vec::new(),
        tags: Tags::default(),
        has_cover: info.has_cover,
        chapters: Vec::new(),
    })
}

/// What was done.
pub(super) fn converted(report: Report) -> Converted {
    Converted { duration_ms: report.duration_ms, plan: report.summary, notes: report.notes }
}

/// Why it was not done. What the store said comes first: the library only knows that it said something.
pub(super) fn error(error: MediaError, errand: &Errand) -> ConverterError {
    if let Some(failure) = errand.take_failure() {
        return ConverterError::Store(failure);
    }
    match error {
        MediaError::NotMedia | MediaError::Empty(_) => ConverterError::NotMedia(error.to_string()),
        MediaError::Truncated(_) | MediaError::Corrupt(_) => ConverterError::Corrupt(error.to_string()),
        MediaError::NoAudio { .. } | MediaError::Unsupported { .. } | MediaError::Missing(_) => {
            ConverterError::Unsupported(error.to_string())
        }
        MediaError::BadTarget(why) => ConverterError::Setting(why),
        MediaError::Limit(_) => ConverterError::Limit(error.to_string()),
        MediaError::Busy(why) => ConverterError::Busy(why),
        MediaError::Cancelled => ConverterError::Cancelled,
        error => ConverterError::Internal(error.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use reelmill_media::{Ability, Engine, Engines};

    #[test]
    fn the_document_lists_what_is_read() {
        let document = include_str!("../../../../../docs/formats.md");
        let plain = |name: &str| name.split(" (").next().unwrap_or_default().to_owned();
        let listed = |of: &str| -> BTreeSet<String> {
            let line = document.lines().find_map(|line| line.strip_prefix(of)?.strip_suffix('.'));
            line.unwrap_or_default().split(',').map(|entry| plain(entry.trim())).collect()
        };
        let abilities = Engines::default().abilities();
        let read = |all: &[Ability], is_foreign: bool| -> BTreeSet<String> {
            let those = all.iter().filter(|one| (one.engine == Engine::Ffmpeg) == is_foreign);
            those.map(|one| plain(&one.name)).collect()
        };
        assert_eq!(listed("Containers:"), read(&abilities.containers, false));
        assert_eq!(listed("Codecs:"), read(&abilities.codecs, false));
        assert_eq!(listed("Containers by ffmpeg:"), read(&abilities.containers, true));
        assert_eq!(listed("Codecs by ffmpeg:"), read(&abilities.codecs, true));
    }
}
