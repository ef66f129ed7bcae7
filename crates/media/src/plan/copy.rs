//! Whether packets can be kept as they are: so far Opus in DCA, which has room for nothing but the packets.

use super::{channels_in_words, khz};
use crate::codec::Codec;
use crate::info::AudioTrack;
use crate::opus;
use crate::target::Target;

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
    if !target.format.is_dca() || audio.codec != Codec::Opus || !target.copy {
        return Verdict::NotAsked;
    }
    match obstacle(audio, target) {
        None => Verdict::Fits,
        Some(why) => Verdict::Unfit(why),
    }
}

/// The first thing that is in the way.
fn obstacle(audio: &AudioTrack, target: &Target) -> Option<String> {
    let Some(track) = audio.opus else { return Some("nothing is known of its packets".into()) };
    let extra = u64::from(audio.delay_frames) + u64::from(audio.padding_frames);
    let format = target.format;
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
    if extra > MAX_EXTRA_FRAMES {
        return Some(format!("{} ms of it are not to be heard, which {format} cannot say", extra / 48));
    }
    if target.start_ms > 0 || target.end_ms.is_some() {
        return Some("a part is asked for".into());
    }
    if let Some(channels) = target.channels.filter(|channels| *channels != audio.channels) {
        return Some(format!("{} is asked for", channels_in_words(channels)));
    }
    let rate_hz = target.sample_rate_hz.filter(|rate_hz| *rate_hz != opus::RATE_HZ)?;
    Some(format!("{} is asked for", khz(rate_hz)))
}
