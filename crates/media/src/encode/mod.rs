//! The encoders: each takes planes of samples and writes a complete file in its format.
//!
//! An encoder writes its header with what it knows at the start, and patches the totals in when it
//! finishes. It is chosen by the plan alone.

mod crew;
mod dca;
mod flac;
mod m4a;
mod mp3;
mod ogg;
mod opus;
mod packets;
mod vorbis;
mod wav;

pub(crate) use ogg::Pages as OggPages;

use crate::chapters::Chapter;
use crate::control::Control;
use crate::engine::{AacEncoder, WmaEncoder};
use crate::error::MediaError;
use crate::mix::Layout;
use crate::plan::Plan;
use crate::sink::Sink;
use crate::tags::{Cover, Tags};
use crate::target::Format;

/// Writes one format.
pub(crate) trait Encoder {
    /// Takes equally long planes, one a channel, samples from -1 to 1.
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError>;

    /// Writes what is left and patches the head.
    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError>;

    /// Whether it takes further cores by itself while they are idle, so that a decoder should not.
    fn spreads(&self) -> bool {
        false
    }

    /// Frames at which another of several encoders took over.
    fn seams(&self) -> Vec<u64> {
        Vec::new()
    }
}

/// What an encoder writes beside samples.
pub(crate) struct Heading<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) layout: Layout,
    pub(crate) tags: &'a Tags,
    pub(crate) cover: Option<&'a Cover>,
    pub(crate) chapters: &'a [Chapter],
    /// The number of output frames, where it is likely known.
    pub(crate) frames: Option<u64>,
}

/// Writes the head of a file and returns the encoder for the rest.
pub(crate) fn start(
    heading: &Heading<'_>,
    control: &Control,
    output: &mut Output<'_>,
) -> Result<Box<dyn Encoder>, MediaError> {
    Ok(match heading.plan.format {
        Format::Mp3 => mp3::start(heading, control, output)?,
        Format::Wav => Box::new(wav::Wav::start(heading, output)?),
        Format::Flac => Box::new(flac::Flac::start(heading, control, output)?),
        Format::Opus => Box::new(opus::Opus::start(heading, control, output)?),
        Format::Ogg => Box::new(vorbis::Vorbis::start(heading, output)?),
        Format::Wma => Box::new(WmaEncoder::start(heading, control)?),
        Format::Aac => Box::new(AacEncoder::start(heading, control)?),
        Format::M4a => Box::new(m4a::M4a::start(heading, control, output)?),
        Format::Dca | Format::Dca0 => Box::new(dca::Dca::start(heading, control)?),
    })
}

/// The sink with a count of what went into it.
pub(crate) struct Output<'a> {
    sink: &'a mut dyn Sink,
    written_bytes: u64,
}

impl<'a> Output<'a> {
    pub(crate) fn new(sink: &'a mut dyn Sink) -> Self {
        Self { sink, written_bytes: 0 }
    }

    pub(crate) fn written_bytes(&self) -> u64 {
        self.written_bytes
    }

    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), MediaError> {
        self.sink.write_all(bytes)?;
        self.written_bytes += bytes.len() as u64;
        Ok(())
    }

    pub(crate) fn patch(&mut self, offset: u64, bytes: &[u8]) -> Result<(), MediaError> {
        Ok(self.sink.patch(offset, bytes)?)
    }

    pub(crate) fn flush(&mut self) -> Result<(), MediaError> {
        Ok(self.sink.flush()?)
    }
}

/// Rounds a sample to a signed integer of `bits`, clipped at full scale.
///
/// The scale is two to the power of `bits - 1`, so that integer samples come through a decoder and this
/// function unchanged.
#[inline]
pub(crate) fn quantise(sample: f32, bits: u8) -> i32 {
    /// One and a half times two to the power of 52, where the last place of an f64 is one: what is added to it is
    /// rounded to an integer, halves to even, which then stands in the lowest bits in two's complement. That costs an
    /// addition, where processors that a build must count on have no instruction to round.
    const ROUNDER: f64 = 6_755_399_441_055_744.0;
    let scale = f64::from(1_u32 << (bits - 1));
    let rounded = (f64::from(sample) * scale).clamp(-scale, scale - 1.0) + ROUNDER;
    ((rounded.to_bits() & 0xffff_ffff) as u32).cast_signed()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_survive_the_way_through_floats() {
        for value in [-32_768_i16, -1, 0, 1, 12_345, 32_767] {
            assert_eq!(quantise(f32::from(value) / 32_768.0, 16), i32::from(value));
        }
        for value in [-8_388_608_i32, -8_388_607, -1, 0, 1, 8_388_607] {
            #[expect(clippy::cast_precision_loss, reason = "24 bits fit")]
            let sample = value as f32 / 8_388_608.0;
            assert_eq!(quantise(sample, 24), value);
        }
    }

    #[test]
    fn what_is_too_loud_or_no_number_is_clipped() {
        assert_eq!(quantise(1.5, 16), 32_767);
        assert_eq!(quantise(-1.5, 16), -32_768);
        assert_eq!(quantise(f32::INFINITY, 24), 8_388_607);
        assert_eq!(quantise(f32::NAN, 16), 0);
    }
}
