//! Opus in Ogg (RFC 7845): packets of 20 ms, pages of about a second.
//!
//! Positions count from before the encoder's lookahead, which the header tells a player to skip; the last
//! page's position ends the stream at the exact frame, whatever the last packet was padded with.

use super::ogg::Pages;
use super::{Encoder, Heading, Output};
use crate::chapters::clock;
use crate::error::MediaError;
use crate::libopus::{OpusEncoder, PACKET_FRAMES};
use crate::tags::vorbis;
use crate::target::Rate;

/// Any number serves, as the file holds one stream.
const SERIAL: u32 = 0x7265_656c;
const PACKETS_A_PAGE: usize = 50;

pub(super) struct Opus {
    encoder: OpusEncoder,
    pages: Pages,
    channels: usize,
    pre_skip: u64,
    /// Interleaved samples that do not fill a packet yet.
    pending: Vec<f32>,
    /// A packet that waits until it is known not to be the last.
    held: Option<Vec<u8>>,
    frames_in: u64,
    frames_encoded: u64,
    packets_on_page: usize,
}

impl Opus {
    pub(super) fn start(heading: &Heading<'_>, output: &mut Output<'_>) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let encoder = OpusEncoder::new(plan.channels, plan.rate.unwrap_or(Rate::Abr { kbps: 96 }))?;
        let pre_skip = encoder.lookahead()?;
        let mut pages = Pages::new(SERIAL);

        // RFC 7845, section 5.1: version, channels, pre-skip, original rate, gain, mapping family 0.
        let mut head = b"OpusHead\x01".to_vec();
        head.push(plan.channels);
        head.extend_from_slice(&pre_skip.to_le_bytes());
        head.extend_from_slice(&plan.sample_rate_hz.to_le_bytes());
        head.extend_from_slice(&[0, 0, 0]);
        pages.push(&head, 0, output)?;
        pages.end_page(output)?;

        let mut lines = clock::comments(heading.chapters);
        lines.extend(heading.cover.map(vorbis::picture_comment));
        let mut tags = b"OpusTags".to_vec();
        tags.extend_from_slice(&vorbis::write_comments(heading.tags, &lines));
        pages.push(&tags, 0, output)?;
        pages.end_page(output)?;

        Ok(Self {
            encoder,
            pages,
            channels: usize::from(plan.channels),
            pre_skip: u64::from(pre_skip),
            pending: Vec::with_capacity(PACKET_FRAMES * 2),
            held: None,
            frames_in: 0,
            frames_encoded: 0,
            packets_on_page: 0,
        })
    }

    fn encode_pending(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let packet = self.encoder.encode(&self.pending)?.to_vec();
        self.pending.clear();
        if let Some(held) = self.held.replace(packet) {
            self.pages.push(&held, self.frames_encoded, output)?;
            self.packets_on_page += 1;
            if self.packets_on_page == PACKETS_A_PAGE || self.pages.segments() > 240 {
                self.pages.end_page(output)?;
                self.packets_on_page = 0;
            }
        }
        self.frames_encoded += PACKET_FRAMES as u64;
        Ok(())
    }
}

impl Encoder for Opus {
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
        let end = self.frames_in + self.pre_skip;
        while self.frames_encoded < end {
            self.pending.resize(PACKET_FRAMES * self.channels, 0.0);
            self.encode_pending(output)?;
        }
        if let Some(last) = self.held.take() {
            self.pages.push(&last, end, output)?;
        }
        self.pages.finish(output)
    }
}
