//! Chapters in both of the ways that players know: a track of titles that the sound refers to (`QuickTime` File Format,
//! "Chapter Lists" and "Text Media"), and Nero's list.
//!
//! In the track a chapter lasts until the next one; the titles stand in front of the packets. Nero's list has starts
//! alone, 255 of them at most, and of a title 255 bytes.

use super::boxes::Boxes;
use super::movie::{handler, here, is_long_time, media_header, track_header};
use super::{Heading, Heard};
use crate::chapters::Chapter;
use crate::resample::rescale;

/// The number of the track.
pub(super) const TRACK: u32 = 2;
/// Part of the presentation, and not shown by itself.
const NOT_ENABLED: u32 = 2;
/// Ticks a second of the titles. In finer ones a long chapter would not fit the 32 bits of its length.
const TIMESCALE: u32 = 1000;
/// An atom behind a text: it is Unicode, in UTF-8.
const ENCODING: &[u8; 12] = b"\0\0\0\x0cencd\0\0\x01\0";
/// Nero's count has eight bits, and its titles' lengths, too.
const MAX_LISTED: usize = 255;

/// The titles, as they stand one behind the other.
pub(super) fn samples(chapters: &[Chapter]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (number, chapter) in chapters.iter().enumerate() {
        let title = title(number, chapter);
        bytes.extend_from_slice(&u16::try_from(title.len()).unwrap_or(0).to_be_bytes());
        bytes.extend_from_slice(title.as_bytes());
        bytes.extend_from_slice(ENCODING);
    }
    bytes
}

/// A title that players can show.
fn title(number: usize, chapter: &Chapter) -> String {
    if chapter.title.is_empty() { format!("Chapter {}", number + 1) } else { chapter.title.clone() }
}

/// The bytes of each title with what is around it.
fn sizes(chapters: &[Chapter]) -> impl Iterator<Item = usize> {
    chapters.iter().enumerate().map(|(number, chapter)| 2 + title(number, chapter).len() + ENCODING.len())
}

/// How long each is: until the next one, and the last until its end or that of the sound.
fn durations(chapters: &[Chapter], end_ms: u64) -> Vec<u64> {
    let ends = chapters.iter().skip(1).map(Chapter::start_ms);
    let last = chapters.last().and_then(Chapter::end_ms).map_or(end_ms, |last| last.min(end_ms));
    let pairs = chapters.iter().zip(ends.chain([last]));
    pairs.map(|(chapter, end)| end.saturating_sub(chapter.start_ms())).collect()
}

/// Adds the reference from the sound to the titles.
pub(super) fn refer(boxes: &mut Boxes, chapters: &[Chapter]) {
    if !chapters.is_empty() {
        boxes.nest(*b"tref", |boxes| boxes.nest(*b"chap", |boxes| boxes.u32(TRACK)));
    }
}

/// Adds the track of titles, which end where the packets begin, at `offset`.
pub(super) fn track(boxes: &mut Boxes, heading: &Heading<'_>, heard: Heard, offset: u64, is_long: bool) {
    let Some(first) = heading.chapters.first() else { return };
    let mut durations = durations(heading.chapters, rescale(heard.ticks, heading.timescale, 1000));
    let shown_ms: u64 = durations.iter().sum();
    // Some readers take the length of all texts for the end of the last one, wherever the first one starts. The edit
    // list hides what that adds.
    if let Some(last) = durations.last_mut() {
        *last += first.start_ms();
    }
    let media_ms: u64 = durations.iter().sum();
    let delay = rescale(first.start_ms(), 1000, heading.timescale);
    let shown = rescale(shown_ms, TIMESCALE, heading.timescale);
    boxes.nest(*b"trak", |boxes| {
        track_header(boxes, TRACK, NOT_ENABLED, delay.saturating_add(shown));
        edits(boxes, delay, shown);
        boxes.nest(*b"mdia", |boxes| {
            media_header(boxes, TIMESCALE, media_ms);
            handler(boxes, *b"text", b"Chapters\0");
            boxes.nest(*b"minf", |boxes| {
                boxes.nest(*b"gmhd", media_information);
                here(boxes);
                boxes.nest(*b"stbl", |boxes| table(boxes, heading.chapters, &durations, offset, is_long));
            });
        });
    });
}

/// What is before the first chapter, and then all of them.
fn edits(boxes: &mut Boxes, delay: u64, shown: u64) {
    let is_long = is_long_time(delay) || is_long_time(shown);
    boxes.nest(*b"edts", |boxes| {
        boxes.full(*b"elst", is_long.into(), 0, |boxes| {
            boxes.u32(1 + u32::from(delay > 0));
            if delay > 0 {
                boxes.time(is_long, delay);
                boxes.bytes(if is_long { &[0xff; 8] } else { &[0xff; 4] });
                boxes.u32(0x1_0000);
            }
            boxes.time(is_long, shown);
            boxes.time(is_long, 0);
            boxes.u32(0x1_0000);
        });
    });
}

/// What is told of any medium that is neither sound nor picture: it is copied over what is there, in grey, in the
/// middle; and of text, that nothing turns it.
fn media_information(boxes: &mut Boxes) {
    boxes.full(*b"gmin", 0, 0, |boxes| {
        boxes.u16(0x40);
        for _ in 0..3 {
            boxes.u16(0x8000);
        }
        boxes.u32(0);
    });
    boxes.nest(*b"text", |boxes| {
        for value in [0x1_0000, 0, 0, 0, 0x1_0000, 0, 0, 0, 0x4000_0000] {
            boxes.u32(value);
        }
    });
}

fn table(boxes: &mut Boxes, chapters: &[Chapter], durations: &[u64], offset: u64, is_long: bool) {
    let count = chapters.len();
    boxes.full(*b"stsd", 0, 0, |boxes| {
        boxes.u32(1);
        boxes.nest(*b"text", |boxes| {
            boxes.zeros(6);
            boxes.u16(1);
            // Flags; centred; a black background, no box, a font that is not named, black letters.
            boxes.u32(0);
            boxes.u32(1);
            boxes.zeros(6 + 8 + 8 + 2 + 2 + 1 + 2 + 6 + 1);
        });
    });
    boxes.full(*b"stts", 0, 0, |boxes| {
        boxes.count(count);
        for duration in durations {
            boxes.u32(1);
            boxes.u32(u32::try_from(*duration).unwrap_or(u32::MAX));
        }
    });
    boxes.full(*b"stsc", 0, 0, |boxes| {
        boxes.u32(1);
        boxes.u32(1);
        boxes.count(count);
        boxes.u32(1);
    });
    boxes.full(*b"stsz", 0, 0, |boxes| {
        boxes.u32(0);
        boxes.count(count);
        for size in sizes(chapters) {
            boxes.count(size);
        }
    });
    let bytes = sizes(chapters).sum::<usize>() as u64;
    boxes.full(if is_long { *b"co64" } else { *b"stco" }, 0, 0, |boxes| {
        boxes.u32(1);
        boxes.time(is_long, offset.saturating_sub(bytes));
    });
}

/// Adds Nero's list, which counts in 100 ns.
pub(super) fn list(boxes: &mut Boxes, chapters: &[Chapter]) {
    let chapters = &chapters[..chapters.len().min(MAX_LISTED)];
    if chapters.is_empty() {
        return;
    }
    boxes.full(*b"chpl", 1, 0, |boxes| {
        boxes.u32(0);
        boxes.u8(u8::try_from(chapters.len()).unwrap_or(u8::MAX));
        for (number, chapter) in chapters.iter().enumerate() {
            let title = title(number, chapter);
            let title = &title[..title.floor_char_boundary(MAX_LISTED)];
            boxes.u64(chapter.start_us.saturating_mul(10));
            boxes.u8(u8::try_from(title.len()).unwrap_or(0));
            boxes.bytes(title.as_bytes());
        }
    });
}
