//! DCA: packets of 20 ms behind their lengths. The encoder's lookahead cannot be told to players, so it stays in front
//! as 6.5 ms of near silence.

use super::{Encoder, Heading, Output};
use crate::dca::{Header, Writer};
use crate::error::MediaError;
use crate::libopus::{OpusEncoder, PACKET_FRAMES};
use crate::plan::COPIED_FRAMES;
use crate::target::{Format, Rate};

pub(super) struct Dca {
    encoder: OpusEncoder,
    writer: Writer,
    channels: usize,
    lookahead: u64,
    /// Interleaved samples that do not fill a packet yet.
    pending: Vec<f32>,
    frames_in: u64,
    frames_encoded: u64,
}

impl Dca {
    pub(super) fn start(heading: &Heading<'_>) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let rate = plan.rate.unwrap_or(Rate::Abr { kbps: 64 });
        let kbps = match rate {
            Rate::Cbr { kbps } | Rate::Abr { kbps } => kbps,
            Rate::Vbr { .. } => 64,
        };
        let encoder = OpusEncoder::new(plan.channels, rate)?;
        let header = Header::new(u32::from(kbps) * 1000, plan.channels, COPIED_FRAMES);
        Ok(Self {
            lookahead: u64::from(encoder.lookahead()?),
            writer: Writer::new((plan.format == Format::Dca).then_some(&header))?,
            encoder,
            channels: usize::from(plan.channels),
            pending: Vec::with_capacity(PACKET_FRAMES * 2),
            frames_in: 0,
            frames_encoded: 0,
        })
    }

    fn encode_pending(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        self.writer.push(self.encoder.encode(&self.pending)?, output)?;
        self.pending.clear();
        self.frames_encoded += PACKET_FRAMES as u64;
        Ok(())
    }
}

impl Encoder for Dca {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        let frames = planes.first().map_or(0, |plane| plane.len());
        self.frames_in += frames as u64;
        for frame in 0..frames {
            self.pending.extend(planes.iter().map(|plane| plane[frame]));
            if self.pending.len() == PACKET_FRAMES * self.channels {
                self.encode_pending(output)?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        while self.frames_encoded < self.frames_in + self.lookahead {
            self.pending.resize(PACKET_FRAMES * self.channels, 0.0);
            self.encode_pending(output)?;
        }
        self.writer.finish(output)
    }
}
