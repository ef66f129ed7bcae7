//! Which decoded frames are not to be heard: what the encoder put in front and behind, and what an edit
//! list leaves out.
//!
//! Ogg packets carry their own trims, which the decoder applies. MP3 and MP4 say it once for the whole
//! stream, and a decoder that is told so by the demuxer would trust estimates; so that is counted here.

use symphonia::core::units::TimeBase;

use crate::mp4::Mp4;

/// Counted in frames as they leave the decoder.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Trim {
    /// Dropped at the start.
    pub(crate) skip: u64,
    /// Dropped from this frame on …
    pub(crate) drop_from: Option<u64>,
    /// … up to this one, or for good.
    pub(crate) drop_to: Option<u64>,
    /// What is dropped of the last packet, wherever that is.
    pub(crate) last: Last,
    /// How many frames of padding the header names, for display.
    pub(crate) padding: u32,
}

/// Where the last packet ends before its end.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Last {
    #[default]
    Whole,
    /// So many frames are padding.
    Padded(u64),
    /// The stream ends at this frame, if that is within the packet. A length that is further off is wrong,
    /// and left to be found so.
    EndsAt(u64),
}

impl Last {
    /// How many frames are kept of a last packet of `frames` that starts at decoded frame `position`.
    pub(crate) fn kept_of(self, position: u64, frames: usize) -> usize {
        let kept = match self {
            Self::Whole => None,
            Self::Padded(padding) => Some((frames as u64).saturating_sub(padding)),
            Self::EndsAt(end) => end.checked_sub(position).filter(|kept| *kept > 0),
        };
        kept.and_then(|kept| usize::try_from(kept).ok()).map_or(frames, |kept| kept.min(frames))
    }
}

impl Trim {
    /// From a LAME header. What follows the padding is kept: it is another stream, appended.
    pub(crate) fn of_mp3(delay: Option<u32>, padding: Option<u32>, frames: Option<u64>) -> Self {
        let (Some(delay), Some(frames)) = (delay, frames) else { return Self::default() };
        let padding = padding.unwrap_or(0);
        let drop_from = u64::from(delay) + frames;
        Self {
            skip: u64::from(delay),
            drop_from: Some(drop_from),
            drop_to: Some(drop_from + u64::from(padding)),
            padding,
            ..Self::default()
        }
    }

    /// From iTunes' note, or else the edit list. `frames` is the length of all packets.
    pub(crate) fn of_mp4(
        boxes: &Mp4,
        track_id: u32,
        frames: Option<u64>,
        rate_hz: u32,
        itunes_gapless: Option<&str>,
    ) -> (Self, Option<String>) {
        if let Some(trim) = itunes_gapless.and_then(|note| Self::of_itunes(note, frames?)) {
            return (trim, None);
        }
        let Some(track) = boxes.track(track_id) else {
            return (Self::default(), None);
        };
        let edit = match track.edits.as_slice() {
            // The last packet's duration is the one that says how much of it is sound (8.6.1.2).
            [] if track.timescale == rate_hz && !boxes.is_fragmented => {
                let last = frames.map_or(Last::Whole, Last::EndsAt);
                return (Self { last, ..Self::default() }, None);
            }
            [] => return (Self::default(), None),
            [edit] => *edit,
            edits => {
                let note = format!("the edit list of {} parts is left out of account", edits.len());
                return (Self::default(), Some(note));
            }
        };
        let skip = scale(edit.media_time, track.timescale, rate_hz);
        let shown = scale(edit.duration, boxes.timescale, rate_hz);
        // The edit is measured in ticks of the movie, often milliseconds; within one of them the packets'
        // own durations are the better word.
        let tick = scale(1, boxes.timescale, rate_hz).saturating_add(1);
        let end = skip.saturating_add(shown);
        let drop_from = match frames {
            _ if edit.duration == 0 => frames,
            Some(frames) if end.saturating_add(tick) >= frames => Some(frames),
            _ => Some(end),
        };
        let padding = frames.zip(drop_from).map_or(0, |(frames, end)| frames.saturating_sub(end));
        let padding = u32::try_from(padding).unwrap_or(0);
        (Self { skip, drop_from, padding, ..Self::default() }, None)
    }

    /// From Matroska, which says it at the last block.
    pub(crate) fn of_last_packet(frames: u64) -> Self {
        let last = if frames == 0 { Last::Whole } else { Last::Padded(frames) };
        Self { last, padding: u32::try_from(frames).unwrap_or(0), ..Self::default() }
    }

    /// Hexadecimal numbers: a zero, delay, padding, and the frames to be heard.
    fn of_itunes(note: &str, total: u64) -> Option<Self> {
        let mut numbers = note.split_whitespace().map(|word| u64::from_str_radix(word, 16).ok());
        let (_, delay, padding, frames) =
            (numbers.next()??, numbers.next()??, numbers.next()??, numbers.next()??);
        let end = delay.checked_add(frames)?;
        // Notes survive careless cutting and re-encoding; one that does not add up belongs to another file.
        let is_plausible = frames > 0 && delay < 20_000 && padding < 20_000 && end <= total + padding + 2048;
        is_plausible.then(|| Self {
            skip: delay,
            drop_from: Some(end),
            padding: u32::try_from(padding).unwrap_or(0),
            ..Self::default()
        })
    }

    /// How many of the first `frames` decoded frames are kept.
    pub(crate) fn kept_of(&self, frames: u64) -> u64 {
        let front = self.drop_from.map_or(frames, |from| from.min(frames)).saturating_sub(self.skip);
        let back = self.drop_to.map_or(0, |to| frames.saturating_sub(to));
        front + back
    }

    /// Which part of a block of `frames` that starts at decoded frame `position` is kept. A block that
    /// reaches over the dropped part keeps what is before it.
    pub(crate) fn keep(&self, position: u64, frames: usize) -> std::ops::Range<usize> {
        let inside =
            |frame: u64| usize::try_from(frame.saturating_sub(position)).unwrap_or(frames).min(frames);
        let mut start = inside(self.skip);
        let mut end = frames;
        if let Some(from) = self.drop_from {
            if inside(from) > start || self.drop_to.is_none() {
                end = inside(from);
            } else if let Some(to) = self.drop_to.filter(|to| *to > position && from <= position) {
                start = start.max(inside(to));
            }
        }
        start.min(end)..end
    }
}

fn scale(ticks: u64, timescale: u32, rate_hz: u32) -> u64 {
    if timescale == 0 {
        return 0;
    }
    let (ticks, timescale) = (u128::from(ticks), u128::from(timescale));
    u64::try_from((ticks * u128::from(rate_hz) + timescale / 2) / timescale).unwrap_or(u64::MAX)
}

/// Converts a time in ticks to frames, rounded to the nearest; `None` where it is absurd.
pub(crate) fn ticks_to_frames(ticks: u64, base: TimeBase, rate_hz: u32) -> Option<u64> {
    let denominator = u128::from(base.denom.get());
    let numerator = u128::from(ticks) * u128::from(base.numer.get()) * u128::from(rate_hz);
    u64::try_from((numerator + denominator / 2) / denominator).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mp4::{Edit, Mp4Track};

    fn boxes(edits: Vec<Edit>) -> Mp4 {
        let track = Mp4Track { id: 1, timescale: 44_100, edits, ..Mp4Track::default() };
        Mp4 { timescale: 1000, tracks: vec![track], ..Mp4::default() }
    }

    #[test]
    fn an_mp3_keeps_what_is_between_delay_and_padding_and_what_is_appended() {
        let trim = Trim::of_mp3(Some(1105), Some(700), Some(2000));
        assert_eq!(trim.keep(0, 1152), 1105..1152);
        assert_eq!(trim.keep(1152, 1152), 0..1152);
        assert_eq!(trim.keep(2304, 1152), 0..801);
        assert_eq!(trim.keep(3456, 1152), 349..1152);
        assert_eq!(trim.keep(4608, 1152), 0..1152);
        assert_eq!(trim.kept_of(3805), 2000);
        assert_eq!(Trim::of_mp3(None, None, Some(2000)), Trim::default());
    }

    #[test]
    fn an_edit_within_a_tick_of_the_end_ends_at_the_end() {
        let (trim, _) = Trim::of_mp4(
            &boxes(vec![Edit { duration: 1000, media_time: 1024 }]),
            1,
            Some(45_120),
            44_100,
            None,
        );
        assert_eq!((trim.skip, trim.drop_from), (1024, Some(45_120)));
        let (trim, _) =
            Trim::of_mp4(&boxes(vec![Edit { duration: 500, media_time: 0 }]), 1, Some(45_120), 44_100, None);
        assert_eq!((trim.skip, trim.drop_from), (0, Some(22_050)));
        assert_eq!(trim.keep(21_504, 1024), 0..546);
        assert_eq!(trim.keep(22_528, 1024), 0..0);
    }

    #[test]
    fn itunes_notes_win_unless_they_are_absurd() {
        let note = " 00000000 00000840 000001C0 0000000000010000 00000000";
        let (trim, _) = Trim::of_mp4(&boxes(vec![]), 1, Some(0x840 + 0x1_0000 + 0x1c0), 44_100, Some(note));
        assert_eq!((trim.skip, trim.drop_from, trim.padding), (0x840, Some(0x1_0840), 0x1c0));
        let (trim, _) = Trim::of_mp4(&boxes(vec![]), 1, Some(4096), 44_100, Some(note));
        assert_eq!(trim, Trim { last: Last::EndsAt(4096), ..Trim::default() });
    }

    #[test]
    fn the_last_packet_ends_where_the_container_says() {
        assert_eq!(Last::Whole.kept_of(2048, 1024), 1024);
        assert_eq!(Last::Padded(960).kept_of(2048, 1024), 64);
        assert_eq!(Last::Padded(5000).kept_of(2048, 1024), 0);
        assert_eq!(Last::EndsAt(2752).kept_of(2048, 1024), 704);
        for elsewhere in [0, 2048, 3072, 9999] {
            assert_eq!(Last::EndsAt(elsewhere).kept_of(2048, 1024), 1024);
        }
    }

    #[test]
    fn ticks_become_frames_without_overflow() {
        let base = TimeBase::try_new(1, 1000).unwrap();
        assert_eq!(ticks_to_frames(1500, base, 44_100), Some(66_150));
        assert_eq!(ticks_to_frames(u64::MAX, base, 768_000), None);
    }
}
