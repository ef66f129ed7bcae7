//! MP3: an ID3 tag, the LAME header frame, and what LAME makes of the samples.
//!
//! LAME's first bytes are an empty frame that keeps a place for the Xing/LAME header (frame count, seek
//! table, encoder delay and padding). It is patched once everything is encoded: without it no player can
//! tell the encoder's padding from the music. What is long enough is encoded on as many cores as are idle.

mod chunks;
mod frame;
mod stitch;
mod tag;
mod worker;

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Encoder, Heading, Output};
use crate::control::Control;
use crate::error::MediaError;
use crate::lame::Lame;
use crate::tags::id3;
use crate::target::Rate;

/// Shorter inputs are encoded by one encoder, on the converting thread.
const MIN_SECONDS: u64 = 15;

/// What all encoders of one stream are set to.
struct Setting {
    rate_hz: u32,
    channels: u8,
    rate: Rate,
    effort: u8,
    cancel: Arc<AtomicBool>,
}

impl Setting {
    fn encoder(&self, has_header: bool) -> Result<Lame, MediaError> {
        Lame::new(self.rate_hz, self.channels, self.rate, self.effort, has_header)
    }

    /// Samples of one channel in a frame: ISO/IEC 11172-3 has two granules of 576, 13818-3 one.
    fn frame_samples(&self) -> usize {
        if self.rate_hz >= 32_000 { 1152 } else { 576 }
    }
}

/// Writes what comes before the music and chooses by how many encoders it is made.
pub(super) fn start(
    heading: &Heading<'_>,
    control: &Control,
    output: &mut Output<'_>,
) -> Result<Box<dyn Encoder>, MediaError> {
    let plan = heading.plan;
    let setting = Setting {
        rate_hz: plan.sample_rate_hz,
        channels: plan.channels,
        rate: plan.rate.unwrap_or(Rate::Cbr { kbps: 128 }),
        effort: plan.effort.unwrap_or(3),
        cancel: Arc::clone(&control.cancel),
    };
    let lame = setting.encoder(true)?;
    output.write(&id3::write(heading.tags, heading.cover, heading.chapters))?;
    let header_offset = output.written_bytes();
    let is_short =
        heading.frames.is_some_and(|frames| frames / u64::from(setting.rate_hz.max(1)) < MIN_SECONDS);
    let limit = control.threads();
    if limit < 2 || is_short {
        return Ok(Box::new(Serial { lame, header_offset }));
    }
    Ok(Box::new(chunks::Chunks::start(setting, lame, limit, heading.frames, header_offset)?))
}

struct Serial {
    lame: Lame,
    header_offset: u64,
}

impl Encoder for Serial {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        self.lame.encode(planes, |bytes| output.write(bytes))
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        output.write(self.lame.finish()?)?;
        let frame = self.lame.header_frame()?;
        if frame.is_empty() { Ok(()) } else { output.patch(self.header_offset, frame) }
    }
}

#[cfg(test)]
mod tests;
