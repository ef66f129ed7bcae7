//! M4A: the packets that ffmpeg's AAC encoder makes, taken out of ADTS and put behind an index of our own.
//!
//! So the encoder's delay and the end of the sound, which ADTS cannot say, are said to the frame.

use super::{Encoder, Heading, Output};
use crate::aac::Core;
use crate::chapters::Chapter;
use crate::control::Control;
use crate::engine::AacEncoder;
use crate::error::MediaError;
use crate::frames::Frame;
use crate::m4a::{self, Heard, Writer};
use crate::sink::VecSink;
use crate::tags::{Cover, Tags};

/// What the encoder puts in front: one packet.
const PRIMING_FRAMES: u64 = 1024;
/// Frames of a packet.
const PACKET_FRAMES: u32 = 1024;

pub(super) struct M4a {
    aac: AacEncoder,
    writer: Writer,
    /// The configuration of the first packet.
    core: Option<Core>,
    /// What came of a frame.
    pending: Vec<u8>,
    sample_rate_hz: u32,
    channels: u8,
    tags: Tags,
    cover: Option<Cover>,
    chapters: Vec<Chapter>,
    frames_in: u64,
}

impl M4a {
    pub(super) fn start(
        heading: &Heading<'_>,
        control: &Control,
        output: &mut Output<'_>,
    ) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let aac = AacEncoder::start(heading, control)?;
        let (tags, cover) = (heading.tags.clone(), heading.cover.cloned());
        let chapters = heading.chapters.to_vec();
        // A configuration of two bytes, as every one will be.
        let file = file(&[0, 0], plan.sample_rate_hz, plan.channels, (&tags, cover.as_ref(), &chapters));
        let packets = heading.frames.map(|frames| frames / u64::from(PACKET_FRAMES) + 2);
        let writer = Writer::start(&file, packets, output)?;
        Ok(Self {
            aac,
            writer,
            core: None,
            pending: Vec::new(),
            sample_rate_hz: plan.sample_rate_hz,
            channels: plan.channels,
            tags,
            cover,
            chapters,
            frames_in: 0,
        })
    }

    /// Lets the encoder do something, and takes what it has written.
    fn with_encoder(
        &mut self,
        output: &mut Output<'_>,
        work: impl FnOnce(&mut AacEncoder, &mut Output<'_>) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let mut sink = VecSink::new();
        work(&mut self.aac, &mut Output::new(&mut sink))?;
        self.pending.append(&mut sink.into_bytes());
        let mut used = 0;
        while let Some(frame) = Frame::parse(&self.pending[used..])
            && let Some(bytes) = self.pending.get(used..used + frame.bytes)
        {
            let (core, packet) = Core::of_adts(bytes).zip(m4a::adts_payload(bytes)).ok_or_else(odd)?;
            self.core.get_or_insert(core);
            self.writer.push(packet, PACKET_FRAMES, output)?;
            used += frame.bytes;
        }
        self.pending.drain(..used);
        Ok(())
    }
}

fn odd() -> MediaError {
    std::io::Error::other("ffmpeg, which writes aac, answers with something else").into()
}

fn file<'a>(
    config: &'a [u8],
    sample_rate_hz: u32,
    channels: u8,
    (tags, cover, chapters): (&'a Tags, Option<&'a Cover>, &'a [Chapter]),
) -> m4a::Heading<'a> {
    m4a::Heading {
        config,
        channels,
        sample_rate_hz,
        timescale: sample_rate_hz,
        tags,
        cover,
        chapters,
        has_note: true,
    }
}

impl Encoder for M4a {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        self.frames_in += planes.first().map_or(0, |plane| plane.len()) as u64;
        self.with_encoder(output, |aac, output| aac.write(planes, output))
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        self.with_encoder(output, AacEncoder::finish)?;
        let core = self.core.filter(|_| self.pending.is_empty()).ok_or_else(odd)?;
        if self.writer.ticks() < PRIMING_FRAMES + self.frames_in {
            return Err(odd());
        }
        let heard = Heard { skip: PRIMING_FRAMES, ticks: self.frames_in };
        let config = core.config();
        let about = (&self.tags, self.cover.as_ref(), self.chapters.as_slice());
        let file = file(&config, self.sample_rate_hz, self.channels, about);
        self.writer.finish(&file, heard, output)
    }
}
