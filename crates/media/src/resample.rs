//! Sample rate conversion that keeps length and alignment.
//!
//! The resampler works in chunks and answers late. Here its delay is dropped at the start and made up for
//! with silence at the end, so that the output has exactly the input's duration, rounded to a whole frame.

use rubato::audioadapter_buffers::direct::SequentialSliceOfVecs;
use rubato::{
    Async, Fft, FixedAsync, FixedSync, Indexing, SincInterpolationParameters, SincInterpolationType,
    WindowFunction,
};

use crate::error::MediaError;

/// Frames that one call takes in.
const CHUNK_FRAMES: usize = 1024;
/// Beyond this the exact ratio needs Fourier transforms so long that a sinc interpolator is cheaper.
const MAX_FFT_FRAMES: u32 = 8192;

/// Converts planes of 32-bit samples from one rate to another.
pub(crate) struct Resampler {
    engine: Box<dyn rubato::Resampler<f32>>,
    from_hz: u32,
    to_hz: u32,
    input: Vec<Vec<f32>>,
    output: Vec<Vec<f32>>,
    delay_left: usize,
    frames_in: u64,
    frames_out: u64,
}

impl Resampler {
    pub(crate) fn new(from_hz: u32, to_hz: u32, channels: u8) -> Result<Self, MediaError> {
        let channels = usize::from(channels);
        let engine = engine(from_hz, to_hz, channels)
            .map_err(|error| MediaError::Limit(format!("{from_hz} Hz cannot become {to_hz} Hz: {error}")))?;
        Ok(Self {
            from_hz,
            to_hz,
            input: vec![Vec::with_capacity(engine.input_frames_max() * 2); channels],
            output: vec![vec![0.0; engine.output_frames_max()]; channels],
            delay_left: engine.output_delay(),
            engine,
            frames_in: 0,
            frames_out: 0,
        })
    }

    /// Takes equally long planes and hands what comes out to `next`, piece by piece.
    pub(crate) fn push(
        &mut self,
        planes: &[&[f32]],
        mut next: impl FnMut(&[&[f32]]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        self.frames_in += planes.first().map_or(0, |plane| plane.len()) as u64;
        for (pending, plane) in self.input.iter_mut().zip(planes) {
            pending.extend_from_slice(plane);
        }
        let mut taken = 0;
        while self.pending() - taken >= self.engine.input_frames_next() {
            taken += self.run(taken, None, u64::MAX, &mut next)?;
        }
        for pending in &mut self.input {
            pending.drain(..taken);
        }
        Ok(())
    }

    /// Hands out the rest, up to the exact length.
    pub(crate) fn finish(
        &mut self,
        mut next: impl FnMut(&[&[f32]]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let total = rescale(self.frames_in, self.from_hz, self.to_hz);
        let mut rest = self.pending();
        while self.frames_out < total {
            self.run(0, Some(rest), total, &mut next)?;
            for pending in &mut self.input {
                pending.clear();
            }
            rest = 0;
        }
        Ok(())
    }

    fn pending(&self) -> usize {
        self.input.first().map_or(0, Vec::len)
    }

    /// Processes one chunk at `offset`; with `partial` its missing frames are silence.
    fn run(
        &mut self,
        offset: usize,
        partial: Option<usize>,
        limit: u64,
        next: &mut impl FnMut(&[&[f32]]) -> Result<(), MediaError>,
    ) -> Result<usize, MediaError> {
        let channels = self.input.len();
        let wrong =
            |error: &dyn std::fmt::Display| MediaError::Corrupt(format!("the resampler gave up: {error}"));
        let room = self.output.first().map_or(0, Vec::len);
        let input = SequentialSliceOfVecs::new(&self.input, channels, self.input.first().map_or(0, Vec::len))
            .map_err(|error| wrong(&error))?;
        let mut output = SequentialSliceOfVecs::new_mut(&mut self.output, channels, room)
            .map_err(|error| wrong(&error))?;
        let mut indexing = Indexing::new().input_offset(offset);
        if let Some(frames) = partial {
            indexing = indexing.partial_len(frames);
        }
        let (taken, made) = self
            .engine
            .process_into_buffer(&input, &mut output, Some(&indexing))
            .map_err(|error| wrong(&error))?;

        let skipped = self.delay_left.min(made);
        self.delay_left -= skipped;
        let wanted = usize::try_from(limit - self.frames_out).unwrap_or(usize::MAX);
        let end = made.min(skipped.saturating_add(wanted));
        self.frames_out += (end - skipped) as u64;
        let planes: Vec<&[f32]> = self.output.iter().map(|plane| &plane[skipped..end]).collect();
        if end > skipped {
            next(&planes)?;
        }
        Ok(taken)
    }
}

/// Converts a number of frames between rates, rounded to the nearest.
pub(crate) fn rescale(frames: u64, from_hz: u32, to_hz: u32) -> u64 {
    let (from, to) = (u128::from(from_hz.max(1)), u128::from(to_hz));
    u64::try_from((u128::from(frames) * to + from / 2) / from).unwrap_or(u64::MAX)
}

fn engine(
    from_hz: u32,
    to_hz: u32,
    channels: usize,
) -> Result<Box<dyn rubato::Resampler<f32>>, rubato::ResamplerConstructionError> {
    let shared = greatest_common_divisor(from_hz, to_hz);
    if from_hz.max(to_hz) / shared <= MAX_FFT_FRAMES {
        // With an odd number of input frames the filter's middle falls between two frames, and the output
        // would be half a frame late; an even number of the smallest blocks avoids it.
        let smallest = (from_hz / shared) as usize;
        let blocks = CHUNK_FRAMES.div_ceil(smallest).next_multiple_of(2);
        let fft = Fft::new_custom(
            from_hz as usize,
            to_hz as usize,
            blocks * smallest,
            1,
            channels,
            WindowFunction::BlackmanHarris2,
            FixedSync::Input,
        )?;
        return Ok(Box::new(fft));
    }
    let parameters = SincInterpolationParameters {
        sinc_len: 256,
        f_cutoff: None,
        oversampling_factor: 256,
        interpolation: SincInterpolationType::Cubic,
        window: WindowFunction::BlackmanHarris2,
    };
    let ratio = f64::from(to_hz) / f64::from(from_hz);
    Ok(Box::new(Async::new_sinc(ratio, 1.0, &parameters, CHUNK_FRAMES, channels, FixedAsync::Input)?))
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a.max(1) } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::cast_precision_loss, clippy::cast_possible_truncation, reason = "tests")]
    use super::*;

    fn tone(rate_hz: u32, frames: usize) -> Vec<f32> {
        (0..frames)
            .map(|n| (n as f64 / f64::from(rate_hz) * 440.0 * std::f64::consts::TAU).sin() as f32 * 0.5)
            .collect()
    }

    fn resampled(from_hz: u32, to_hz: u32, frames: usize) -> Vec<f32> {
        let input = tone(from_hz, frames);
        let mut output = Vec::new();
        let mut resampler = Resampler::new(from_hz, to_hz, 1).unwrap();
        for piece in input.chunks(777) {
            resampler
                .push(&[piece], |planes| {
                    output.extend_from_slice(planes[0]);
                    Ok(())
                })
                .unwrap();
        }
        resampler
            .finish(|planes| {
                output.extend_from_slice(planes[0]);
                Ok(())
            })
            .unwrap();
        output
    }

    #[test]
    fn length_and_phase_are_kept_at_any_ratio() {
        for (from_hz, to_hz) in [
            (44_100, 48_000),
            (48_000, 44_100),
            (8_000, 48_000),
            (96_000, 44_100),
            (44_099, 48_000),
            (192_000, 8_000),
        ] {
            let seconds = 2;
            let output = resampled(from_hz, to_hz, seconds * from_hz as usize);
            assert_eq!(output.len(), seconds * to_hz as usize, "{from_hz} to {to_hz}");
            let expected = tone(to_hz, output.len());
            let inner = output.len() / 4..output.len() * 3 / 4;
            let noise = output[inner.clone()]
                .iter()
                .zip(&expected[inner])
                .map(|(a, b)| (a - b).abs())
                .fold(0.0, f32::max);
            // The interpolator for odd ratios rounds its delay to a whole frame; at 440 Hz one frame is
            // at most 0.029.
            let allowed = if from_hz == 44_099 { 0.029 } else { 1e-3 };
            assert!(noise < allowed, "{from_hz} to {to_hz}: off by {noise}");
        }
    }

    #[test]
    fn a_clip_shorter_than_a_chunk_keeps_its_length() {
        assert_eq!(resampled(44_100, 48_000, 441).len(), 480);
        assert_eq!(resampled(44_100, 48_000, 1).len(), 1);
        assert_eq!(resampled(44_100, 48_000, 0).len(), 0);
    }
}
