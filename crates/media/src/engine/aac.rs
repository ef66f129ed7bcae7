//! AAC in ADTS, written by the system's ffmpeg.
//!
//! ADTS has no place for the encoder's delay, for a length, or for tags: what is decoded starts with 1,024
//! frames of priming and ends on a whole block of 1,024.

use super::encoding::Encoding;
use crate::control::Control;
use crate::encode::{Encoder, Heading, Output};
use crate::error::MediaError;

/// A running encoder. Dropping it ends its child.
pub(crate) struct AacEncoder(Encoding);

impl AacEncoder {
    /// Starts ffmpeg, without waiting for it.
    pub(crate) fn start(heading: &Heading<'_>, control: &Control) -> Result<Self, MediaError> {
        control.engines.aac_encoder().map_err(MediaError::Missing)?;
        Encoding::start(heading, control, ["aac", "aac", "adts"], &[]).map(Self)
    }
}

impl Encoder for AacEncoder {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        self.0.write(planes, &mut |bytes| output.write(bytes))
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        self.0.finish(&mut |bytes| output.write(bytes))
    }
}
