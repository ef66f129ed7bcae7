//! DCA: packets of 20 ms behind their lengths. The encoder's lookahead cannot be told to players, so it stays in front
//! as 6.5 ms of near silence.

use super::packets::Packets;
use super::{Encoder, Heading, Output};
use crate::control::Control;
use crate::dca::{Header, Writer};
use crate::error::MediaError;
use crate::libopus::PACKET_FRAMES;
use crate::plan::COPIED_FRAMES;
use crate::target::{Format, Rate};

pub(super) struct Dca {
    packets: Packets,
    writer: Writer,
}

impl Dca {
    pub(super) fn start(heading: &Heading<'_>, control: &Control) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let rate = plan.rate.unwrap_or(Rate::Abr { kbps: 64 });
        let kbps = match rate {
            Rate::Cbr { kbps } | Rate::Abr { kbps } => kbps,
            Rate::Vbr { .. } => 64,
        };
        let header = Header::new(u32::from(kbps) * 1000, plan.channels, COPIED_FRAMES);
        Ok(Self {
            packets: Packets::start(heading, rate, control)?,
            writer: Writer::new((plan.format == Format::Dca).then_some(&header))?,
        })
    }
}

impl Encoder for Dca {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        let Self { packets, writer } = self;
        packets.write(planes, |packet| writer.push(packet, output))
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let Self { packets, writer } = self;
        packets.finish(|packet| writer.push(packet, output))?;
        writer.finish(output)
    }

    fn spreads(&self) -> bool {
        self.packets.spreads()
    }

    fn seams(&self) -> Vec<u64> {
        self.packets.seams().iter().map(|packet| packet * PACKET_FRAMES as u64).collect()
    }
}
