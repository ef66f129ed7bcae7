//! The index: one track, its packets by size and place, and what of it is to be heard. Sections named are those of
//! ISO/IEC 14496-12 where nothing else is said.

use super::boxes::Boxes;
use super::{Heading, Heard, Packets, chapters, tags};

/// Packets that are found together: about a second and a half.
const CHUNK_PACKETS: usize = 64;
/// Undetermined, in three letters of five bits (section 8.4.2).
const LANGUAGE: u16 = 0x55c4;
/// Nothing is turned or scaled (section 8.2.2).
const UNITY: [u32; 9] = [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000];
const TRACK: u32 = 1;
/// Enabled, and part of the presentation (section 8.3.2).
const SHOWN: u32 = 3;

/// Makes the file type box.
pub(super) fn file_type() -> Vec<u8> {
    let mut boxes = Boxes::default();
    boxes.nest(*b"ftyp", |boxes| {
        boxes.bytes(b"M4A ");
        boxes.u32(0x200);
        boxes.bytes(b"M4A mp42isomiso2");
    });
    boxes.into_bytes()
}

/// Makes the movie box, for packets that stand end to end from `offset` on, with the chapters' titles in front of them. Its size does not depend on `offset` but
/// for `is_long`, which gives the places of the packets 64 bits.
pub(super) fn movie(
    heading: &Heading<'_>,
    packets: &Packets,
    heard: Heard,
    offset: u64,
    is_long: bool,
) -> Vec<u8> {
    let mut boxes = Boxes::default();
    boxes.nest(*b"moov", |boxes| {
        movie_header(boxes, heading.timescale, heard.ticks);
        boxes.nest(*b"trak", |boxes| {
            track_header(boxes, TRACK, SHOWN, heard.ticks);
            edits(boxes, heard);
            chapters::refer(boxes, heading.chapters);
            boxes.nest(*b"mdia", |boxes| {
                media_header(boxes, heading.timescale, packets.ticks());
                handler(boxes, *b"soun", b"SoundHandler\0");
                boxes.nest(*b"minf", |boxes| {
                    boxes.full(*b"smhd", 0, 0, |boxes| boxes.u32(0));
                    here(boxes);
                    boxes.nest(*b"stbl", |boxes| table(boxes, heading, packets, offset, is_long));
                });
            });
        });
        chapters::track(boxes, heading, heard, offset, is_long);
        tags::user_data(boxes, heading, packets, heard);
    });
    boxes.into_bytes()
}

/// Section 8.7.2: the media is in this very file.
pub(super) fn here(boxes: &mut Boxes) {
    boxes.nest(*b"dinf", |boxes| {
        boxes.full(*b"dref", 0, 0, |boxes| {
            boxes.u32(1);
            boxes.full(*b"url ", 0, 1, |_| ());
        });
    });
}

pub(super) fn is_long_time(ticks: u64) -> bool {
    u32::try_from(ticks).is_err()
}

fn movie_header(boxes: &mut Boxes, timescale: u32, ticks: u64) {
    let is_long = is_long_time(ticks);
    boxes.full(*b"mvhd", is_long.into(), 0, |boxes| {
        boxes.time(is_long, 0);
        boxes.time(is_long, 0);
        boxes.u32(timescale);
        boxes.time(is_long, ticks);
        boxes.u32(0x1_0000);
        boxes.u16(0x100);
        boxes.zeros(10);
        for value in UNITY {
            boxes.u32(value);
        }
        boxes.zeros(24);
        boxes.u32(chapters::TRACK + 1);
    });
}

/// What is no sound has no volume.
pub(super) fn track_header(boxes: &mut Boxes, id: u32, flags: u32, ticks: u64) {
    let is_long = is_long_time(ticks);
    boxes.full(*b"tkhd", is_long.into(), flags, |boxes| {
        boxes.time(is_long, 0);
        boxes.time(is_long, 0);
        boxes.u32(id);
        boxes.u32(0);
        boxes.time(is_long, ticks);
        // Reserved, layer, the group of tracks that replace one another, and the volume.
        boxes.zeros(8);
        boxes.u16(0);
        boxes.u16(u16::from(id == TRACK));
        boxes.u16(if id == TRACK { 0x100 } else { 0 });
        boxes.u16(0);
        for value in UNITY {
            boxes.u32(value);
        }
        boxes.zeros(8);
    });
}

/// One edit: what is to be heard (section 8.6.6). The movie's ticks are the media's, so it is exact.
fn edits(boxes: &mut Boxes, heard: Heard) {
    let is_long = is_long_time(heard.ticks) || heard.skip > 0x7fff_ffff;
    boxes.nest(*b"edts", |boxes| {
        boxes.full(*b"elst", is_long.into(), 0, |boxes| {
            boxes.u32(1);
            boxes.time(is_long, heard.ticks);
            boxes.time(is_long, heard.skip);
            boxes.u32(0x1_0000);
        });
    });
}

pub(super) fn media_header(boxes: &mut Boxes, timescale: u32, ticks: u64) {
    let is_long = is_long_time(ticks);
    boxes.full(*b"mdhd", is_long.into(), 0, |boxes| {
        boxes.time(is_long, 0);
        boxes.time(is_long, 0);
        boxes.u32(timescale);
        boxes.time(is_long, ticks);
        boxes.u16(LANGUAGE);
        boxes.u16(0);
    });
}

pub(super) fn handler(boxes: &mut Boxes, kind: [u8; 4], name: &[u8]) {
    boxes.full(*b"hdlr", 0, 0, |boxes| {
        boxes.u32(0);
        boxes.bytes(&kind);
        boxes.zeros(12);
        boxes.bytes(name);
    });
}

fn table(boxes: &mut Boxes, heading: &Heading<'_>, packets: &Packets, offset: u64, is_long: bool) {
    let count = packets.sizes.len();
    boxes.full(*b"stsd", 0, 0, |boxes| {
        boxes.u32(1);
        sample_entry(boxes, heading, packets);
    });
    boxes.full(*b"stts", 0, 0, |boxes| {
        boxes.count(packets.durations.len());
        for (packets, ticks) in &packets.durations {
            boxes.u32(*packets);
            boxes.u32(*ticks);
        }
    });
    chunks(boxes, packets, offset, is_long);
    boxes.full(*b"stsz", 0, 0, |boxes| {
        boxes.u32(0);
        boxes.count(count);
        for size in &packets.sizes {
            boxes.u32(*size);
        }
    });
    // Section 10.1: a packet is only right once the one before it was decoded.
    boxes.full(*b"sgpd", 1, 0, |boxes| {
        boxes.bytes(b"roll");
        boxes.u32(2);
        boxes.u32(1);
        boxes.u16(u16::MAX);
    });
    boxes.full(*b"sbgp", 0, 0, |boxes| {
        boxes.bytes(b"roll");
        boxes.u32(1);
        boxes.count(count);
        boxes.u32(1);
    });
}

/// Sections 8.7.4 and 8.7.5.
fn chunks(boxes: &mut Boxes, packets: &Packets, offset: u64, is_long: bool) {
    let count = packets.sizes.len();
    let chunks = count.div_ceil(CHUNK_PACKETS);
    let (whole, rest) = (count / CHUNK_PACKETS, count % CHUNK_PACKETS);
    let runs: Vec<(usize, usize)> = [(1, CHUNK_PACKETS, whole), (whole + 1, rest, usize::from(rest > 0))]
        .into_iter()
        .filter(|(_, _, chunks)| *chunks > 0)
        .map(|(first, packets, _)| (first, packets))
        .collect();
    boxes.full(*b"stsc", 0, 0, |boxes| {
        boxes.count(runs.len());
        for (first, packets) in &runs {
            boxes.count(*first);
            boxes.count(*packets);
            boxes.u32(1);
        }
    });
    boxes.full(if is_long { *b"co64" } else { *b"stco" }, 0, 0, |boxes| {
        boxes.count(chunks);
        let mut place = offset;
        for chunk in packets.sizes.chunks(CHUNK_PACKETS) {
            boxes.time(is_long, place);
            place += chunk.iter().map(|size| u64::from(*size)).sum::<u64>();
        }
    });
}

/// Section 12.2.3 and ISO/IEC 14496-14, section 5.6.
fn sample_entry(boxes: &mut Boxes, heading: &Heading<'_>, packets: &Packets) {
    boxes.nest(*b"mp4a", |boxes| {
        boxes.zeros(6);
        boxes.u16(1);
        boxes.zeros(8);
        boxes.u16(u16::from(heading.channels));
        boxes.u16(16);
        boxes.u32(0);
        // 16 bits for whole hertz; what has more is known by its configuration.
        boxes.u16(u16::try_from(heading.sample_rate_hz).unwrap_or(0));
        boxes.u16(0);
        boxes.full(*b"esds", 0, 0, |boxes| elementary_stream(boxes, heading, packets));
    });
}

/// ISO/IEC 14496-1, section 7.2.6.
fn elementary_stream(boxes: &mut Boxes, heading: &Heading<'_>, packets: &Packets) {
    let ticks = u128::from(packets.ticks().max(1));
    let bps = u128::from(packets.bytes()) * 8 * u128::from(heading.timescale) / ticks;
    let bps = u32::try_from(bps).unwrap_or(0);
    let largest = packets.sizes.iter().copied().max().unwrap_or(0).min(0x00ff_ffff);
    let config = heading.config;
    descriptor(boxes, 3, 3 + 5 + 13 + 5 + config.len() + 5 + 1);
    boxes.u16(0);
    boxes.u8(0);
    descriptor(boxes, 4, 13 + 5 + config.len());
    // MPEG-4 audio, an audio stream.
    boxes.u8(0x40);
    boxes.u8(0x15);
    boxes.bytes(&largest.to_be_bytes()[1..]);
    boxes.u32(bps);
    boxes.u32(bps);
    descriptor(boxes, 5, config.len());
    boxes.bytes(config);
    descriptor(boxes, 6, 1);
    boxes.u8(2);
}

/// A tag and a length of four times seven bits, which some players insist on.
fn descriptor(boxes: &mut Boxes, tag: u8, length: usize) {
    boxes.u8(tag);
    for shift in [21, 14, 7, 0] {
        let more = if shift > 0 { 0x80 } else { 0 };
        boxes.u8(u8::try_from((length >> shift) & 0x7f).unwrap_or(0) | more);
    }
}
