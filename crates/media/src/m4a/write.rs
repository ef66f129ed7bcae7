//! The two ways to a file: packets whose sizes are all known before the first is written, and packets that come one
//! by one.
//!
//! In the first the index goes out in front. In the second a place is kept for it where it will fit into the part of
//! the output that stays patchable, by what the sound is expected to be long; else it follows the media.

use super::movie::{file_type, movie};
use super::{Heading, Heard, Packets, chapters};
use crate::encode::Output;
use crate::error::MediaError;
use crate::sink::HEAD_LIMIT_BYTES;

/// Beyond it, the places of packets take 64 bits. What stands in front of them is far less than the difference.
const MAX_SHORT_BYTES: u64 = u32::MAX as u64 - 64 * 1024 * 1024;
/// A box with a size of 64 bits (section 4.2).
const LONG_HEADER_BYTES: u64 = 16;
const HEADER_BYTES: u64 = 8;
/// Bytes of the index for a packet, rounded up: its size, and its share of a chunk's place.
const INDEX_BYTES_PER_PACKET: u64 = 5;
/// What the index may have beside that and what it has without any packet.
const INDEX_SLACK_BYTES: u64 = 256;

/// Makes everything that stands in front of the packets.
pub(crate) fn front(heading: &Heading<'_>, packets: &Packets, heard: Heard) -> Vec<u8> {
    let titles = chapters::samples(heading.chapters);
    let media_bytes = packets.bytes() + titles.len() as u64;
    let is_long = media_bytes > MAX_SHORT_BYTES;
    let mut bytes = file_type();
    let header_bytes = if is_long { LONG_HEADER_BYTES } else { HEADER_BYTES };
    let index_bytes = movie(heading, packets, heard, 0, is_long).len();
    let offset = (bytes.len() + index_bytes + titles.len()) as u64 + header_bytes;
    bytes.extend_from_slice(&movie(heading, packets, heard, offset, is_long));
    bytes.extend_from_slice(&media_header(media_bytes, is_long));
    bytes.extend_from_slice(&titles);
    bytes
}

fn media_header(media_bytes: u64, is_long: bool) -> Vec<u8> {
    let short = u32::try_from(media_bytes + HEADER_BYTES).unwrap_or(1);
    let mut header = if is_long { 1 } else { short }.to_be_bytes().to_vec();
    header.extend_from_slice(b"mdat");
    if is_long {
        header.extend_from_slice(&(media_bytes + LONG_HEADER_BYTES).to_be_bytes());
    }
    header
}

/// Takes packets one by one.
pub(crate) struct Writer {
    packets: Packets,
    /// Where the index may go, and how many bytes it may have.
    place: (u64, u64),
    media_offset: u64,
    titles_bytes: u64,
}

impl Writer {
    /// Writes what can be written before the packets, of which about `expected` will come.
    pub(crate) fn start(
        heading: &Heading<'_>,
        expected: Option<u64>,
        output: &mut Output<'_>,
    ) -> Result<Self, MediaError> {
        output.write(&file_type())?;
        let offset = output.written_bytes();
        let nothing = Heard { skip: 0, ticks: 0 };
        let empty_bytes = movie(heading, &Packets::default(), nothing, 0, true).len() as u64;
        let kept_bytes = expected
            .and_then(|expected| expected.checked_mul(INDEX_BYTES_PER_PACKET))
            .map(|bytes| bytes + empty_bytes + INDEX_SLACK_BYTES)
            .filter(|bytes| offset + bytes + LONG_HEADER_BYTES <= HEAD_LIMIT_BYTES)
            .unwrap_or(0);
        if kept_bytes > 0 {
            output.write(&free(kept_bytes))?;
        }
        let media_offset = output.written_bytes();
        output.write(&media_header(0, true))?;
        let titles = chapters::samples(heading.chapters);
        output.write(&titles)?;
        let titles_bytes = titles.len() as u64;
        Ok(Self { packets: Packets::default(), place: (offset, kept_bytes), media_offset, titles_bytes })
    }

    /// Writes a packet of so many ticks.
    pub(crate) fn push(
        &mut self,
        packet: &[u8],
        ticks: u32,
        output: &mut Output<'_>,
    ) -> Result<(), MediaError> {
        self.packets.push(packet.len(), ticks)?;
        output.write(packet)
    }

    /// The ticks of all packets so far.
    pub(crate) fn ticks(&self) -> u64 {
        self.packets.ticks()
    }

    /// Writes the index.
    pub(crate) fn finish(
        &mut self,
        heading: &Heading<'_>,
        heard: Heard,
        output: &mut Output<'_>,
    ) -> Result<(), MediaError> {
        let media_bytes = self.packets.bytes() + self.titles_bytes;
        self.packets.end_with(heard);
        output.patch(self.media_offset, &media_header(media_bytes, true))?;
        let is_long = media_bytes > MAX_SHORT_BYTES;
        let first = self.media_offset + LONG_HEADER_BYTES + self.titles_bytes;
        let index = movie(heading, &self.packets, heard, first, is_long);
        let (offset, kept_bytes) = self.place;
        match kept_bytes.checked_sub(index.len() as u64) {
            Some(rest) if rest == 0 || rest >= HEADER_BYTES => {
                output.patch(offset, &index)?;
                if rest > 0 {
                    output.patch(offset + index.len() as u64, &free(rest)[..8])?;
                }
                Ok(())
            }
            _ => output.write(&index),
        }
    }
}

/// A box that holds nothing (section 8.1.2).
fn free(bytes: u64) -> Vec<u8> {
    let size = u32::try_from(bytes).unwrap_or(u32::MAX);
    let mut free = size.to_be_bytes().to_vec();
    free.extend_from_slice(b"free");
    free.resize(size as usize, 0);
    free
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sink::VecSink;
    use crate::tags::Tags;

    fn written(expected: Option<u64>, packets: u64) -> Vec<u8> {
        let tags = Tags { title: Some("x".into()), ..Tags::default() };
        let heading = Heading {
            config: &[0x12, 0x10],
            channels: 2,
            sample_rate_hz: 44_100,
            timescale: 44_100,
            tags: &tags,
            cover: None,
            chapters: &[],
            has_note: true,
        };
        let mut sink = VecSink::new();
        let mut output = Output::new(&mut sink);
        let mut writer = Writer::start(&heading, expected, &mut output).unwrap();
        for _ in 0..packets {
            writer.push(b"packet", 1024, &mut output).unwrap();
        }
        let heard = Heard { skip: 1024, ticks: (packets - 1) * 1024 };
        writer.finish(&heading, heard, &mut output).unwrap();
        sink.into_bytes()
    }

    /// The boxes at the top, with where they start.
    fn boxes(bytes: &[u8]) -> Vec<(String, usize)> {
        let (mut found, mut offset) = (Vec::new(), 0);
        while offset < bytes.len() {
            let number = |range: std::ops::Range<usize>| {
                bytes[range].iter().fold(0_usize, |number, byte| number << 8 | usize::from(*byte))
            };
            found.push((String::from_utf8_lossy(&bytes[offset + 4..offset + 8]).into_owned(), offset));
            offset += match number(offset..offset + 4) {
                1 => number(offset + 8..offset + 16),
                size => size,
            };
        }
        assert_eq!(offset, bytes.len());
        found
    }

    fn names(bytes: &[u8]) -> Vec<String> {
        boxes(bytes).into_iter().map(|(name, _)| name).collect()
    }

    #[test]
    fn the_index_goes_in_front_where_a_place_was_kept_and_else_behind() {
        assert_eq!(names(&written(Some(1000), 1000)), ["ftyp", "moov", "free", "mdat"]);
        assert_eq!(names(&written(Some(1000), 10)), ["ftyp", "moov", "free", "mdat"]);
        assert_eq!(names(&written(None, 1000)), ["ftyp", "mdat", "moov"]);
        assert_eq!(names(&written(Some(u64::MAX), 10)), ["ftyp", "mdat", "moov"]);
        // More than was expected: the place stays empty.
        assert_eq!(names(&written(Some(10), 5000)), ["ftyp", "free", "mdat", "moov"]);
    }

    #[test]
    fn places_of_packets_are_where_the_packets_are() {
        let bytes = written(Some(130), 130);
        let media = boxes(&bytes).into_iter().find(|(name, _)| name == "mdat").unwrap().1 + 16;
        let table = bytes.windows(4).position(|window| window == b"stco").unwrap() + 4;
        let places: Vec<usize> = bytes[table + 8..table + 20]
            .as_chunks::<4>()
            .0
            .iter()
            .map(|place| u32::from_be_bytes(*place) as usize)
            .collect();
        assert_eq!(places, [media, media + 64 * 6, media + 128 * 6]);
        let runs = bytes.windows(4).position(|window| window == b"stsc").unwrap() + 8;
        let expected = [2_u32, 1, 64, 1, 3, 2, 1].map(u32::to_be_bytes).concat();
        assert_eq!(bytes[runs..runs + 28], expected);
    }

    #[test]
    fn media_beyond_four_gigabytes_has_long_places() {
        let packets = Packets { sizes: vec![1 << 20; 4200], durations: vec![(4200, 1024)] };
        let tags = Tags::default();
        let heading = Heading {
            config: &[0x12, 0x10],
            channels: 2,
            sample_rate_hz: 44_100,
            timescale: 44_100,
            tags: &tags,
            cover: None,
            chapters: &[],
            has_note: false,
        };
        let bytes = front(&heading, &packets, Heard { skip: 0, ticks: 4200 * 1024 });
        let table = bytes.windows(4).position(|window| window == b"co64").unwrap() + 4;
        let last = table + 8 + 65 * 8;
        let place = u64::from_be_bytes(bytes[last..last + 8].try_into().unwrap());
        assert_eq!(place, bytes.len() as u64 + 65 * 64 * (1 << 20));
        let size = u64::from_be_bytes(bytes[bytes.len() - 8..].try_into().unwrap());
        assert_eq!(size, 4200 * (1 << 20) + 16);
    }
}
