//! Opus in Ogg (RFC 7845): packets of 20 ms, pages of about a second.
//!
//! Positions count from before the encoder's lookahead, which the header tells a player to skip; the last
//! page's position ends the stream at the exact frame, whatever the last packet was padded with.

use super::ogg::Pages;
use super::packets::Packets;
use super::{Encoder, Heading, Output};
use crate::chapters::clock;
use crate::control::Control;
use crate::error::MediaError;
use crate::libopus::PACKET_FRAMES;
use crate::tags::vorbis;
use crate::target::Rate;

/// Any number serves, as the file holds one stream.
const SERIAL: u32 = 0x7265_656c;
const PACKETS_A_PAGE: usize = 50;

pub(super) struct Opus {
    packets: Packets,
    book: Book,
}

/// Packets on pages.
struct Book {
    pages: Pages,
    /// A packet that waits until it is known not to be the last.
    held: Option<Vec<u8>>,
    /// Where that packet ends.
    position: u64,
    packets_on_page: usize,
}

impl Opus {
    pub(super) fn start(
        heading: &Heading<'_>,
        control: &Control,
        output: &mut Output<'_>,
    ) -> Result<Self, MediaError> {
        let plan = heading.plan;
        let packets = Packets::start(heading, plan.rate.unwrap_or(Rate::Abr { kbps: 96 }), control)?;
        let mut pages = Pages::new(SERIAL);

        // RFC 7845, section 5.1: version, channels, pre-skip, original rate, gain, mapping family 0.
        let mut head = b"OpusHead\x01".to_vec();
        head.push(plan.channels);
        head.extend_from_slice(&packets.lookahead().to_le_bytes());
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

        Ok(Self { packets, book: Book { pages, held: None, position: 0, packets_on_page: 0 } })
    }
}

impl Book {
    fn add(&mut self, packet: &[u8], output: &mut Output<'_>) -> Result<(), MediaError> {
        if let Some(held) = self.held.replace(packet.to_vec()) {
            self.pages.push(&held, self.position, output)?;
            self.packets_on_page += 1;
            if self.packets_on_page == PACKETS_A_PAGE || self.pages.segments() > 240 {
                self.pages.end_page(output)?;
                self.packets_on_page = 0;
            }
        }
        self.position += PACKET_FRAMES as u64;
        Ok(())
    }

    fn finish(&mut self, end: u64, output: &mut Output<'_>) -> Result<(), MediaError> {
        if let Some(last) = self.held.take() {
            self.pages.push(&last, end, output)?;
        }
        self.pages.finish(output)
    }
}

impl Encoder for Opus {
    fn write(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        let Self { packets, book } = self;
        packets.write(planes, |packet| book.add(packet, output))
    }

    fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let Self { packets, book } = self;
        let end = packets.finish(|packet| book.add(packet, output))?;
        book.finish(end, output)
    }

    fn spreads(&self) -> bool {
        self.packets.spreads()
    }

    fn seams(&self) -> Vec<u64> {
        let heard = |packet: &u64| packet * PACKET_FRAMES as u64 - u64::from(self.packets.lookahead());
        self.packets.seams().iter().map(heard).collect()
    }
}
