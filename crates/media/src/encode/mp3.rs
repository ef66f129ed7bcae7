//! MP3: an ID3 tag, the LAME header frame, and what LAME makes of the samples.
//!
//! LAME's first bytes are an empty frame that keeps a place for the Xing/LAME header (frame count, seek
//! table, encoder delay and padding). It is patched once everything is encoded: without it no player can
//! tell the encoder's padding from the music.

use super::{Encoder, Heading, Output};
use crate::error::MediaError;
use crate::lame::Lame;
use crate::tags::id3;
use crate::target::Rate;

pub(super) struct Mp3 {
    lame: Lame,
    header_offset: u64,
}

impl Mp3 {
    pub(super) fn start(heading: &Heading<'_>, output: &mut Output<'_>) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let rate = plan.rate.unwrap_or(Rate::Cbr { kbps: 128 });
        let lame = Lame::new(plan.sample_rate_hz, plan.channels, rate, plan.effort.unwrap_or(3))?;
        output.write(&id3::write(heading.tags, heading.cover))?;
        Ok(Self { lame, header_offset: output.written_bytes() })
    }
}

impl Encoder for Mp3 {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        self.lame.encode(planes, |bytes| output.write(bytes))
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        output.write(self.lame.finish()?)?;
        let frame = self.lame.header_frame()?;
        if frame.is_empty() { Ok(()) } else { output.patch(self.header_offset, frame) }
    }
}
