//! Whether packets can be kept as they are.
//!
//! Two things decide: whether the format carries the codec, with all that its packets need a player to know; and
//! whether anything is asked for that only another encoding can give. The answer is a sentence, as people ask why.

use super::{channels_in_words, khz};
use crate::codec::Codec;
use crate::info::AudioTrack;
use crate::target::{Format, Target};

/// Frames of 48 kHz in a packet of 20 ms, which is what players of DCA count on.
pub(crate) const PACKET_FRAMES: u32 = 960;
/// DCA cannot say that frames at either end are not to be heard; so much is bearable: 80 ms.
pub(crate) const MAX_EXTRA_FRAMES: u64 = 3840;

pub(super) enum Verdict {
    Fits,
    /// And why.
    Unfit(String),
    /// The formats or the caller's wishes leave nothing to copy.
    NotAsked,
}

pub(super) fn verdict(audio: &AudioTrack, target: &Target) -> Verdict {
    let has_packets = !audio.by_ffmpeg || audio.is_demuxed;
    if !target.copy || !has_packets || !carries(target.format, &audio.codec) {
        return Verdict::NotAsked;
    }
    let of_source = match target.format {
        Format::Dca | Format::Dca0 => obstacle_to_dca(audio, target.format),
        Format::Opus if audio.opus.is_none() => Some("nothing is known of its packets".into()),
        _ => None,
    };
    match of_source.or_else(|| obstacle_to_part(audio, target)).or_else(|| other_shape(audio, target)) {
        None => Verdict::Fits,
        Some(why) => Verdict::Unfit(why),
    }
}

/// Whether the packets of a codec have a place in a format.
fn carries(format: Format, codec: &Codec) -> bool {
    match format {
        Format::Opus | Format::Dca | Format::Dca0 => *codec == Codec::Opus,
        // Every player of the one plays the others; they are not decoded here, and need not be.
        Format::M4a | Format::Aac => matches!(codec, Codec::AacLc | Codec::HeAac | Codec::HeAacV2),
        Format::Mp3 => *codec == Codec::Mp3,
        Format::Ogg | Format::Flac | Format::Wav | Format::Wma => false,
    }
}

/// DCA has room for nothing but the packets.
fn obstacle_to_dca(audio: &AudioTrack, format: Format) -> Option<String> {
    let Some(track) = audio.opus else { return Some("nothing is known of its packets".into()) };
    let extra = u64::from(audio.delay_frames) + u64::from(audio.padding_frames);
    if track.mapping_family != 0 || audio.channels > 2 {
        return Some(format!(
            "its channels are mapped by family {}, {format} has family 0",
            track.mapping_family
        ));
    }
    if track.output_gain != 0 {
        let db = f64::from(track.output_gain) / 256.0;
        return Some(format!("a player must apply {db:.1} dB, which {format} cannot say"));
    }
    match track.packet_frames {
        Some(PACKET_FRAMES) => {}
        Some(frames) => {
            return Some(format!("its packets have {} ms, {format} has 20 ms", f64::from(frames) / 48.0));
        }
        None => return Some("its packets are not equally long".into()),
    }
    (extra > MAX_EXTRA_FRAMES)
        .then(|| format!("{} ms of it are not to be heard, which {format} cannot say", extra / 48))
}

/// A part is cut at packets, so the format must be able to say where within them the sound begins and ends, and the
/// packets must not need others that are cut away.
fn obstacle_to_part(audio: &AudioTrack, target: &Target) -> Option<String> {
    if target.start_ms == 0 && target.end_ms.is_none() {
        return None;
    }
    match (target.format, &audio.codec) {
        // Opus' pre-skip covers what a decoder needs to settle, the edit list of m4a the one packet that the first of
        // AAC needs. Replication data is sent more rarely than that.
        (Format::Opus, _) | (Format::M4a, Codec::AacLc) => None,
        _ => Some("a part is asked for".into()),
    }
}

fn other_shape(audio: &AudioTrack, target: &Target) -> Option<String> {
    if let Some(channels) = target.channels.filter(|channels| *channels != audio.channels) {
        return Some(format!("{} is asked for", channels_in_words(channels)));
    }
    if target.loudness.is_some() {
        return Some("another loudness is asked for".into());
    }
    let rate_hz = target.sample_rate_hz.filter(|rate_hz| *rate_hz != audio.sample_rate_hz)?;
    Some(format!("{} is asked for", khz(rate_hz)))
}
