//! The packets' timestamps against the frames that they became, pauses aside.
//!
//! Containers name no time for each packet: those laced into one Matroska block share the block's, and
//! durations may be missing or made up. So only a change of the timestamp is measured, against all that was
//! decoded since the last change.

/// A step longer than this many times what was decoded is a pause in the recording, for single packets; a
/// block of several is as long as several.
const PAUSE_PACKETS: u64 = 4;

/// What was added up so far.
#[derive(Default)]
pub(crate) struct Timeline {
    /// The last timestamp, and the frames of the packets that share it.
    last: Option<(i64, u64)>,
    span: u64,
    decoded: u64,
    paused: u64,
}

impl Timeline {
    /// Takes a packet's timestamp and the frames that it became.
    pub(crate) fn note(&mut self, pts: i64, frames: u64, to_frames: impl Fn(u64) -> Option<u64>) {
        let Some((last_pts, last_frames)) = self.last else {
            self.last = Some((pts, frames));
            return;
        };
        if pts == last_pts {
            self.last = Some((pts, last_frames + frames));
            return;
        }
        match u64::try_from(pts.saturating_sub(last_pts)).ok().and_then(to_frames) {
            Some(step) if step > (PAUSE_PACKETS + 1) * last_frames.max(1) && last_frames > 0 => {
                self.paused += step - last_frames;
            }
            Some(step) => {
                self.span += step;
                self.decoded += last_frames;
            }
            None => {}
        }
        self.last = Some((pts, frames));
    }

    /// The frames between the timestamps, and those that were decoded, where they differ by more than
    /// `largest_packet` and rounding explain.
    pub(crate) fn contradiction(&self, largest_packet: u64) -> Option<(u64, u64)> {
        let tolerance = 2 * largest_packet + self.span / 200;
        (self.span.abs_diff(self.decoded) > tolerance).then_some((self.span, self.decoded))
    }

    /// Frames that the timestamps leave out.
    pub(crate) fn paused(&self) -> u64 {
        self.paused
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timeline(packets: &[(i64, u64)]) -> Timeline {
        let mut timeline = Timeline::default();
        for (pts, frames) in packets {
            timeline.note(*pts, *frames, Some);
        }
        timeline
    }

    #[test]
    fn packets_that_share_a_timestamp_count_together() {
        let laced: Vec<_> = (0..800).map(|packet| (packet / 8 * 8192, 1024)).collect();
        let timeline = timeline(&laced);
        assert_eq!((timeline.contradiction(1024), timeline.paused()), (None, 0));
    }

    #[test]
    fn half_the_frames_are_a_contradiction_and_a_gap_is_a_pause() {
        let halved: Vec<_> = (0..100).map(|packet| (packet * 1024, 512)).collect();
        assert_eq!(timeline(&halved).contradiction(512), Some((99 * 1024, 99 * 512)));
        let laced: Vec<_> = (0..800).map(|packet| (packet / 8 * 8192, 512)).collect();
        assert_eq!(timeline(&laced).contradiction(512), Some((99 * 8192, 99 * 4096)));
        let gap = timeline(&[(0, 1024), (1024, 1024), (102_048, 1024)]);
        assert_eq!((gap.contradiction(1024), gap.paused()), (None, 100_000));
    }
}
