//! What is taken of a decoder's blocks: the wanted part, in the wanted channels, in pieces of a bearable size.

use crate::control::Watch;
use crate::error::MediaError;
use crate::input::Input;
use crate::mix::{Layout, Mixer};
use crate::plan::{MAX_CHANNELS, Plan};
use crate::resample::rescale;

/// Frames that are worked on between two looks at the cancel flag. A block of FLAC may have 65,535, for
/// which the slowest encoder takes longer than a caller should wait.
const PIECE_FRAMES: usize = 4096;

/// What is taken of the decoder's blocks, and in which channels.
pub(crate) struct Intake {
    pub(crate) clip: Clip,
    mixer: Option<Mixer>,
    /// Of what comes out.
    pub(crate) layout: Layout,
}

impl Intake {
    pub(crate) fn new(input: &Input, plan: &Plan) -> Self {
        let mixer = Mixer::new(input.layout, plan.channels);
        let layout =
            if mixer.is_some() { Layout::of_count(usize::from(plan.channels)) } else { input.layout };
        Self { clip: Clip::new(plan, input.info.audio.sample_rate_hz), mixer, layout }
    }

    /// Takes a block that starts at frame `start`, in pieces; answers false when nothing after it is wanted.
    pub(crate) fn take(
        &mut self,
        planes: &[&[f32]],
        start: u64,
        watch: &Watch<'_>,
        mut next: impl FnMut(&[&[f32]]) -> Result<(), MediaError>,
    ) -> Result<bool, MediaError> {
        let frames = planes.first().map_or(0, |plane| plane.len());
        let wanted = self.clip.part(start, frames);
        for piece in wanted.clone().step_by(PIECE_FRAMES) {
            watch.check()?;
            let piece = piece..wanted.end.min(piece + PIECE_FRAMES);
            let mut cut: [&[f32]; MAX_CHANNELS as usize] = [&[]; MAX_CHANNELS as usize];
            for (cut, plane) in cut.iter_mut().zip(planes) {
                *cut = &plane[piece.clone()];
            }
            let planes = &cut[..planes.len().min(cut.len())];
            match &mut self.mixer {
                None => next(planes)?,
                Some(mixer) => {
                    let outcome: Vec<&[f32]> = mixer.mix(planes).iter().map(Vec::as_slice).collect();
                    next(&outcome)?;
                }
            }
        }
        Ok(self.clip.end.is_none_or(|end| start + (frames as u64) < end))
    }
}

/// The wanted part of the source, in frames.
pub(crate) struct Clip {
    pub(crate) start: u64,
    pub(crate) end: Option<u64>,
}

impl Clip {
    fn new(plan: &Plan, rate_hz: u32) -> Self {
        Self {
            start: rescale(plan.start_ms, 1000, rate_hz),
            end: plan.end_ms.map(|end_ms| rescale(end_ms, 1000, rate_hz)),
        }
    }

    /// Which part of a block of `frames` from frame `start` on is wanted.
    fn part(&self, start: u64, frames: usize) -> std::ops::Range<usize> {
        let inside = |frame: u64| usize::try_from(frame.saturating_sub(start)).unwrap_or(frames).min(frames);
        let end = self.end.map_or(frames, inside);
        inside(self.start).min(end)..end
    }

    pub(crate) fn length_of(&self, frames: u64) -> u64 {
        self.end.map_or(frames, |end| end.min(frames)).saturating_sub(self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clip_takes_its_part_of_every_block() {
        let clip = Clip { start: 100, end: Some(250) };
        assert_eq!(clip.part(0, 100), 100..100);
        assert_eq!(clip.part(50, 100), 50..100);
        assert_eq!(clip.part(150, 200), 0..100);
        assert_eq!(clip.part(300, 100), 0..0);
        assert_eq!(clip.length_of(200), 100);
        assert_eq!(Clip { start: 100, end: None }.part(0, 300), 100..300);
    }
}
