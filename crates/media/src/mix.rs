//! Channels: what a loudspeaker layout is, and how one becomes another.
//!
//! Fewer channels are made by the matrix of Recommendation ITU-R BS.775-3 (annex 4, table 2): centre and
//! surrounds go into left and right at -3 dB, the low-frequency channel is left out. Each output is scaled
//! so that full scale on every input cannot clip.

use std::f32::consts::FRAC_1_SQRT_2;

use symphonia::core::audio::{Channels, Position};

/// Loudspeaker positions as `dwChannelMask` bits of `WAVEFORMATEXTENSIBLE`, in order of rising bit; the
/// decoder's planes come in the same order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub(crate) mask: u32,
}

const FRONT_LEFT: u32 = 1 << 0;
const FRONT_RIGHT: u32 = 1 << 1;
const FRONT_CENTER: u32 = 1 << 2;
const LFE: u32 = 1 << 3;
const BACK_LEFT: u32 = 1 << 4;
const BACK_RIGHT: u32 = 1 << 5;
const LEFT_OF_CENTER: u32 = 1 << 6;
const RIGHT_OF_CENTER: u32 = 1 << 7;
const BACK_CENTER: u32 = 1 << 8;
const SIDE_LEFT: u32 = 1 << 9;
const SIDE_RIGHT: u32 = 1 << 10;

const MONO: u32 = FRONT_CENTER;
const STEREO: u32 = FRONT_LEFT | FRONT_RIGHT;
/// The layouts that a bare channel count means, as in RFC 9639, section 9.1.3.
const BY_COUNT: [u32; 8] = [
    MONO,
    STEREO,
    STEREO | FRONT_CENTER,
    STEREO | BACK_LEFT | BACK_RIGHT,
    STEREO | FRONT_CENTER | BACK_LEFT | BACK_RIGHT,
    STEREO | FRONT_CENTER | LFE | BACK_LEFT | BACK_RIGHT,
    STEREO | FRONT_CENTER | LFE | BACK_CENTER | SIDE_LEFT | SIDE_RIGHT,
    STEREO | FRONT_CENTER | LFE | BACK_LEFT | BACK_RIGHT | SIDE_LEFT | SIDE_RIGHT,
];

impl Layout {
    /// The usual layout of a number of channels; more than eight have none.
    pub(crate) fn of_count(channels: usize) -> Self {
        let mask = channels.checked_sub(1).and_then(|index| BY_COUNT.get(index)).copied().unwrap_or(0);
        Self { mask }
    }

    /// Takes the decoder's positions where it knows them and WAVE has a bit for each.
    pub(crate) fn from_decoder(channels: &Channels) -> Self {
        match channels {
            Channels::Positioned(positions) => match u32::try_from(positions.bits()) {
                Ok(mask) if mask < 1 << 18 && positions.bits().count_ones() > 1 => Self { mask },
                _ if *positions == Position::FRONT_LEFT => Self { mask: MONO },
                _ => Self::of_count(channels.count()),
            },
            _ => Self::of_count(channels.count()),
        }
    }

    pub(crate) fn channels(self) -> usize {
        self.mask.count_ones() as usize
    }

    fn bits(self) -> impl Iterator<Item = u32> {
        (0..u32::BITS).map(|bit| 1 << bit).filter(move |bit| self.mask & bit != 0)
    }
}

/// Turns planes of one layout into planes of another.
pub(crate) struct Mixer {
    /// One row an output channel, one weight an input channel.
    matrix: Vec<Vec<f32>>,
    output: Vec<Vec<f32>>,
}

impl Mixer {
    /// Mixes to mono or stereo; `None` where nothing is to be done.
    pub(crate) fn new(from: Layout, channels: u8) -> Option<Self> {
        if from.channels() == usize::from(channels) {
            return None;
        }
        let stereo: Vec<(f32, f32)> = from.bits().map(stereo_weights).collect();
        let mut matrix = if channels == 1 {
            vec![stereo.iter().map(|(left, right)| left + right).collect::<Vec<_>>()]
        } else {
            vec![
                stereo.iter().map(|(left, _)| *left).collect(),
                stereo.iter().map(|(_, right)| *right).collect(),
            ]
        };
        scale(&mut matrix, from);
        let output = vec![Vec::new(); matrix.len()];
        Some(Self { matrix, output })
    }

    /// Mixes equally long planes, one an input channel.
    pub(crate) fn mix(&mut self, planes: &[&[f32]]) -> &[Vec<f32>] {
        let frames = planes.first().map_or(0, |plane| plane.len());
        for (row, output) in self.matrix.iter().zip(&mut self.output) {
            output.clear();
            output.resize(frames, 0.0);
            for (weight, plane) in row.iter().zip(planes).filter(|(weight, _)| **weight != 0.0) {
                for (mixed, sample) in output.iter_mut().zip(*plane) {
                    *mixed += weight * sample;
                }
            }
        }
        &self.output
    }
}

/// How much of a position goes to left and right.
fn stereo_weights(position: u32) -> (f32, f32) {
    match position {
        FRONT_LEFT => (1.0, 0.0),
        FRONT_RIGHT => (0.0, 1.0),
        FRONT_CENTER => (FRAC_1_SQRT_2, FRAC_1_SQRT_2),
        LFE => (0.0, 0.0),
        BACK_LEFT | SIDE_LEFT | LEFT_OF_CENTER => (FRAC_1_SQRT_2, 0.0),
        BACK_RIGHT | SIDE_RIGHT | RIGHT_OF_CENTER => (0.0, FRAC_1_SQRT_2),
        // The back centre, and the height channels of WAVE, which BS.775 does not know.
        _ => (0.5, 0.5),
    }
}

/// Brings the loudest row to a sum of one. A mono source is copied to both sides as it is.
fn scale(matrix: &mut [Vec<f32>], from: Layout) {
    if from.mask == LFE {
        for row in matrix.iter_mut() {
            row.fill(1.0);
        }
    }
    let loudest = matrix.iter().map(|row| row.iter().sum::<f32>()).fold(0.0, f32::max);
    if loudest > 0.0 && (loudest > 1.0 || from.channels() == 1) {
        for weight in matrix.iter_mut().flatten() {
            *weight /= loudest;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mixed(from: Layout, channels: u8, frame: &[f32]) -> Vec<f32> {
        let planes: Vec<&[f32]> = frame.chunks(1).collect();
        Mixer::new(from, channels).unwrap().mix(&planes).iter().map(|plane| plane[0]).collect()
    }

    #[test]
    fn mono_goes_to_both_sides_unchanged_and_comes_back() {
        assert_eq!(mixed(Layout::of_count(1), 2, &[0.8]), [0.8, 0.8]);
        assert_eq!(mixed(Layout::of_count(2), 1, &[0.8, 0.8]), [0.8]);
        assert_eq!(mixed(Layout::of_count(2), 1, &[1.0, 0.0]), [0.5]);
    }

    #[test]
    fn five_point_one_follows_bs_775_without_clipping() {
        let layout = Layout::of_count(6);
        let sum = 1.0 + 2.0 * FRAC_1_SQRT_2;
        let near = |got: Vec<f32>, want: [f32; 2]| {
            assert!(got.iter().zip(want).all(|(a, b)| (a - b).abs() < 1e-6), "{got:?} is not {want:?}");
        };
        near(mixed(layout, 2, &[1.0, 0.0, 0.0, 0.0, 0.0, 0.0]), [1.0 / sum, 0.0]);
        near(mixed(layout, 2, &[0.0, 0.0, 1.0, 0.0, 0.0, 0.0]), [FRAC_1_SQRT_2 / sum; 2]);
        near(mixed(layout, 2, &[0.0, 0.0, 0.0, 1.0, 0.0, 0.0]), [0.0, 0.0]);
        near(mixed(layout, 2, &[0.0, 0.0, 0.0, 0.0, 0.0, 1.0]), [0.0, FRAC_1_SQRT_2 / sum]);
        near(mixed(layout, 2, &[1.0; 6]), [1.0, 1.0]);
    }

    #[test]
    fn equal_layouts_need_no_mixer() {
        for channels in 1..=8_u8 {
            let layout = Layout::of_count(usize::from(channels));
            assert_eq!(layout.channels(), usize::from(channels));
            assert!(Mixer::new(layout, channels).is_none());
        }
    }
}
