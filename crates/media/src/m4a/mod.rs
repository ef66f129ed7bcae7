//! Writes AAC into an MP4 that players call M4A (ISO/IEC 14496-12 and -14).
//!
//! The index stands in front of the media wherever its size can be known beforehand, so that a player may begin with
//! the first bytes. Where what is to be heard begins and ends is said in an edit list, to the frame, and once more as
//! iTunes says it, for players that read only that. Of a packet, four bytes are kept.

mod boxes;
mod chapters;
mod movie;
mod tags;
mod write;

pub(crate) use write::{Writer, front};

use std::ops::Range;

use crate::aac::ADTS_BYTES;
use crate::chapters::Chapter;
use crate::error::MediaError;
use crate::tags::{Cover, Tags};

/// More than a day at any rate. A table of as many packets takes 20 MB, and as much again while it is written.
pub(crate) const MAX_PACKETS: usize = 5_000_000;

/// Everything about the file but its packets.
pub(crate) struct Heading<'a> {
    /// The `AudioSpecificConfig` (ISO/IEC 14496-3, 1.6.2.1).
    pub(crate) config: &'a [u8],
    pub(crate) channels: u8,
    pub(crate) sample_rate_hz: u32,
    /// Ticks a second, in which all lengths are counted.
    pub(crate) timescale: u32,
    pub(crate) tags: &'a Tags,
    pub(crate) cover: Option<&'a Cover>,
    pub(crate) chapters: &'a [Chapter],
    /// Whether iTunes' own note is written, which counts in frames of the sound as it is heard.
    pub(crate) has_note: bool,
}

/// The packets, without their bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Packets {
    /// Bytes of each.
    pub(crate) sizes: Vec<u32>,
    /// How many in a row have how many ticks.
    pub(crate) durations: Vec<(u32, u32)>,
}

/// What of the packets is to be heard, in ticks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Heard {
    pub(crate) skip: u64,
    pub(crate) ticks: u64,
}

impl Packets {
    /// Adds a packet.
    pub(crate) fn push(&mut self, bytes: usize, ticks: u32) -> Result<(), MediaError> {
        if self.sizes.len() >= MAX_PACKETS {
            return Err(too_many());
        }
        let size =
            u32::try_from(bytes).map_err(|_| MediaError::Limit(format!("a packet of {bytes} bytes")))?;
        self.sizes.push(size);
        match self.durations.last_mut() {
            Some((count, of)) if *of == ticks => *count += 1,
            _ => self.durations.push((1, ticks)),
        }
        Ok(())
    }

    /// Shortens the last packet to what of it is to be heard. Players that cut nothing by the edit list cut by this.
    pub(crate) fn end_with(&mut self, heard: Heard) {
        let padding = self.ticks().saturating_sub(heard.skip).saturating_sub(heard.ticks);
        let Some((count, ticks)) = self.durations.last().copied() else { return };
        let Some(rest) = u32::try_from(padding).ok().and_then(|padding| ticks.checked_sub(padding)) else {
            return;
        };
        if padding == 0 || rest == 0 {
            return;
        }
        self.durations.pop();
        if count > 1 {
            self.durations.push((count - 1, ticks));
        }
        self.durations.push((1, rest));
    }

    /// Whether there are as many lengths as sizes, and a time that can be counted.
    pub(crate) fn is_sound(&self) -> bool {
        let counted: u64 = self.durations.iter().map(|(count, _)| u64::from(*count)).sum();
        counted == self.sizes.len() as u64 && self.ticks() < 1 << 62
    }

    /// Those of a range. Where it starts, in ticks, is the second answer.
    pub(crate) fn part(&self, wanted: &Range<usize>) -> (Self, u64) {
        let sizes = self.sizes.get(wanted.clone()).unwrap_or_default().to_vec();
        let (mut durations, mut first, mut start_ticks) = (Vec::new(), 0, 0);
        for (count, ticks) in &self.durations {
            let end = first + *count as usize;
            let before = wanted.start.min(end).saturating_sub(first) as u64;
            start_ticks += before * u64::from(*ticks);
            let inside = wanted.end.min(end).saturating_sub(wanted.start.max(first));
            if let Ok(inside @ 1..) = u32::try_from(inside) {
                durations.push((inside, *ticks));
            }
            first = end;
        }
        (Self { sizes, durations }, start_ticks)
    }

    /// The packet that plays at a tick.
    pub(crate) fn at(&self, tick: u64) -> usize {
        let (mut packets, mut start) = (0, 0);
        for (count, ticks) in &self.durations {
            let length = u64::from(*count) * u64::from(*ticks);
            if tick < start + length {
                let inside = (tick - start) / u64::from((*ticks).max(1));
                return packets + usize::try_from(inside).unwrap_or(0);
            }
            packets += *count as usize;
            start += length;
        }
        packets
    }

    /// The bytes of all packets.
    pub(crate) fn bytes(&self) -> u64 {
        self.sizes.iter().map(|size| u64::from(*size)).sum()
    }

    /// The ticks of all packets.
    pub(crate) fn ticks(&self) -> u64 {
        self.durations
            .iter()
            .fold(0, |sum, (count, ticks)| sum.saturating_add(u64::from(*count) * u64::from(*ticks)))
    }
}

/// Whether a picture can be put into the file: its players show no others than JPEG and PNG.
pub(crate) fn shows(cover: &Cover) -> bool {
    tags::picture_type(cover).is_some()
}

/// The packet of an ADTS frame that has one, behind its header and checksum (ISO/IEC 14496-3, table 1.A.5).
pub(crate) fn adts_payload(frame: &[u8]) -> Option<&[u8]> {
    let has_checksum = frame.get(1)? & 1 == 0;
    let is_one = frame.get(6)?.trailing_zeros() >= 2;
    frame.get(if has_checksum { ADTS_BYTES + 2 } else { ADTS_BYTES }..).filter(|_| is_one)
}

/// The error for a file that would have more packets than are counted.
pub(crate) fn too_many() -> MediaError {
    MediaError::Limit(format!("more than {MAX_PACKETS} packets in m4a"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packets() -> Packets {
        let mut packets = Packets::default();
        for number in 0..200 {
            packets.push(number, 1024).unwrap();
        }
        packets.push(200, 512).unwrap();
        packets
    }

    #[test]
    fn a_part_of_the_packets_has_their_sizes_and_lengths_and_knows_where_it_starts() {
        let packets = packets();
        assert!(packets.is_sound());
        assert_eq!((packets.ticks(), packets.bytes()), (200 * 1024 + 512, 200 * 201 / 2));
        let (part, start) = packets.part(&(198..201));
        assert_eq!(
            (part.sizes, part.durations, start),
            (vec![198, 199, 200], vec![(2, 1024), (1, 512)], 198 * 1024)
        );
        let (part, start) = packets.part(&(3..5));
        assert_eq!((part.sizes, part.durations, start), (vec![3, 4], vec![(2, 1024)], 3 * 1024));
        for (tick, packet) in [(0, 0), (1023, 0), (1024, 1), (200 * 1024 + 511, 200), (u64::MAX >> 2, 201)] {
            assert_eq!(packets.at(tick), packet, "{tick}");
        }
    }

    #[test]
    fn the_last_packet_ends_with_the_sound_unless_that_ends_before_it() {
        let ended = |ticks| {
            let mut packets = packets();
            packets.end_with(Heard { skip: 1024, ticks });
            packets.durations
        };
        assert_eq!(ended(199 * 1024 + 512), [(200, 1024), (1, 512)]);
        assert_eq!(ended(199 * 1024 + 100), [(200, 1024), (1, 100)]);
        // Then only the edit list can say it.
        assert_eq!(ended(1000), [(200, 1024), (1, 512)]);
    }

    #[test]
    fn adts_is_taken_off_with_its_checksum() {
        assert_eq!(adts_payload(&[0xff, 0xf1, 0, 0, 0, 0, 0xfc, 7, 8]), Some(&[7, 8][..]));
        assert_eq!(adts_payload(&[0xff, 0xf0, 0, 0, 0, 0, 0xfc, 1, 2, 7]), Some(&[7][..]));
        assert_eq!(adts_payload(&[0xff, 0xf1, 0, 0, 0, 0, 0xfd, 7]), None);
        assert_eq!(adts_payload(&[0xff, 0xf1]), None);
    }
}
