//! Writes Ogg pages (RFC 3533) for one logical stream.

use super::Output;
use crate::error::MediaError;

const FIRST: u8 = 2;
const LAST: u8 = 4;
const CONTINUED: u8 = 1;
/// A page has at most this many segments of at most 255 bytes.
const MAX_SEGMENTS: usize = 255;
/// The position of a page on which no packet ends.
const NO_POSITION: u64 = u64::MAX;

/// Packs packets into pages.
pub(crate) struct Pages {
    serial: u32,
    sequence: u32,
    lacing: Vec<u8>,
    body: Vec<u8>,
    position: u64,
    is_continued: bool,
}

impl Pages {
    pub(crate) fn new(serial: u32) -> Self {
        Self {
            serial,
            sequence: 0,
            lacing: Vec::with_capacity(MAX_SEGMENTS),
            body: Vec::with_capacity(MAX_SEGMENTS * 255),
            position: NO_POSITION,
            is_continued: false,
        }
    }

    /// Adds a packet, which ends at granule `position`, and writes the pages that it fills.
    pub(crate) fn push(
        &mut self,
        packet: &[u8],
        position: u64,
        output: &mut Output<'_>,
    ) -> Result<(), MediaError> {
        let mut rest = packet;
        loop {
            if self.lacing.len() == MAX_SEGMENTS {
                self.write(0, output)?;
                // Set for what follows: the page that was just written ended within this packet, unless
                // the packet has not begun.
                self.is_continued = rest.len() < packet.len();
            }
            let segment = rest.len().min(255);
            self.lacing.push(u8::try_from(segment).unwrap_or(u8::MAX));
            self.body.extend_from_slice(&rest[..segment]);
            rest = &rest[segment..];
            // A segment shorter than 255 ends the packet, even an empty one.
            if segment < 255 {
                self.position = position;
                return Ok(());
            }
        }
    }

    /// Writes what is pending as a page of its own.
    pub(crate) fn end_page(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        if self.lacing.is_empty() { Ok(()) } else { self.write(0, output) }
    }

    /// Writes the last page.
    pub(crate) fn finish(&mut self, output: &mut Output<'_>) -> Result<(), MediaError> {
        self.write(LAST, output)
    }

    /// How many segments are pending.
    pub(crate) fn segments(&self) -> usize {
        self.lacing.len()
    }

    fn write(&mut self, flags: u8, output: &mut Output<'_>) -> Result<(), MediaError> {
        let first = if self.sequence == 0 { FIRST } else { 0 };
        let continued = if self.is_continued { CONTINUED } else { 0 };
        let mut page = Vec::with_capacity(27 + self.lacing.len() + self.body.len());
        page.extend_from_slice(b"OggS\0");
        page.push(flags | first | continued);
        page.extend_from_slice(&self.position.to_le_bytes());
        page.extend_from_slice(&self.serial.to_le_bytes());
        page.extend_from_slice(&self.sequence.to_le_bytes());
        page.extend_from_slice(&[0; 4]);
        page.push(u8::try_from(self.lacing.len()).unwrap_or(u8::MAX));
        page.extend_from_slice(&self.lacing);
        page.extend_from_slice(&self.body);
        let sum = checksum(&page);
        page[22..26].copy_from_slice(&sum.to_le_bytes());
        output.write(&page)?;
        self.sequence += 1;
        self.lacing.clear();
        self.body.clear();
        self.position = NO_POSITION;
        self.is_continued = false;
        Ok(())
    }
}

/// CRC-32 with polynomial 0x04c11db7, not reflected, from zero, as RFC 3533 wants it.
fn checksum(page: &[u8]) -> u32 {
    const TABLE: [u32; 256] = table();
    page.iter().fold(0, |sum, byte| (sum << 8) ^ TABLE[((sum >> 24) ^ u32::from(*byte)) as usize & 0xff])
}

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut index = 0_u32;
    while index < 256 {
        let mut value = index << 24;
        let mut bit = 0;
        while bit < 8 {
            value = if value & 0x8000_0000 == 0 { value << 1 } else { (value << 1) ^ 0x04c1_1db7 };
            bit += 1;
        }
        table[index as usize] = value;
        index += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::VecSink;

    #[test]
    fn the_checksum_is_crc_32_of_the_ogg_kind() {
        // The published check value of CRC-32/MPEG-2 differs only in starting from all ones.
        assert_eq!(checksum(b"\x00\x00\x00\x01"), 0x04c1_1db7);
        assert_eq!(checksum(b""), 0);
    }

    fn paged(packets: &[Vec<u8>]) -> Vec<u8> {
        let mut sink = VecSink::new();
        let mut output = Output::new(&mut sink);
        let mut pages = Pages::new(1);
        for (number, packet) in packets.iter().enumerate() {
            pages.push(packet, number as u64, &mut output).unwrap();
        }
        pages.finish(&mut output).unwrap();
        sink.into_bytes()
    }

    #[test]
    fn a_packet_of_full_segments_ends_in_an_empty_one() {
        let bytes = paged(&[vec![9; 510]]);
        assert_eq!(bytes[26..30], [3, 255, 255, 0]);
        assert_eq!(bytes[5], FIRST | LAST);
    }

    #[test]
    fn a_packet_longer_than_a_page_goes_on_in_the_next() {
        let bytes = paged(&[vec![9; 70_000]]);
        let second = 27 + 255 + 255 * 255;
        assert_eq!(bytes[6..14], [0xff; 8]);
        assert_eq!(&bytes[second..second + 4], b"OggS");
        assert_eq!(bytes[second + 5], CONTINUED | LAST);
        assert_eq!(bytes[second + 6..second + 14], [0; 8]);
    }

    #[test]
    fn a_page_that_ends_with_a_packet_is_not_continued() {
        let bytes = paged(&[vec![9; 254 * 255 + 100], vec![7; 10]]);
        let second = 27 + 255 + 254 * 255 + 100;
        assert_eq!(bytes[second + 5], LAST);
    }
}
