//! Tags and the cover where iTunes keeps them, and players look: `udta` with `meta` and `ilst`. Atoms and their types are
//! those of the `QuickTime` file format's metadata.

use super::boxes::Boxes;
use super::{Heading, Heard, Packets, chapters};
use crate::tags::{Cover, Tags};

/// Vorbis comment names that have an atom of their own.
const ATOMS: [(&str, &[u8; 4]); 12] = [
    ("TITLE", b"\xa9nam"),
    ("ARTIST", b"\xa9ART"),
    ("ALBUM", b"\xa9alb"),
    ("ALBUMARTIST", b"aART"),
    ("COMPOSER", b"\xa9wrt"),
    ("GENRE", b"\xa9gen"),
    ("DATE", b"\xa9day"),
    ("COMMENT", b"\xa9cmt"),
    ("LYRICS", b"\xa9lyr"),
    ("GROUPING", b"\xa9grp"),
    ("DESCRIPTION", b"desc"),
    ("COPYRIGHT", b"cprt"),
];
const BINARY: u32 = 0;
const UTF8: u32 = 1;
const JPEG: u32 = 13;
const PNG: u32 = 14;
const INTEGER: u32 = 21;

/// The number of a picture's type; others than these two are shown by no player.
pub(super) fn picture_type(cover: &Cover) -> Option<u32> {
    match cover.media_type {
        "image/jpeg" => Some(JPEG),
        "image/png" => Some(PNG),
        _ => None,
    }
}

/// Adds the box with all of it, unless there is nothing to say.
pub(super) fn user_data(boxes: &mut Boxes, heading: &Heading<'_>, packets: &Packets, heard: Heard) {
    let cover = heading.cover.and_then(|cover| Some((picture_type(cover)?, cover)));
    if heading.tags.is_empty() && cover.is_none() && !heading.has_note && heading.chapters.is_empty() {
        return;
    }
    boxes.nest(*b"udta", |boxes| {
        chapters::list(boxes, heading.chapters);
        boxes.full(*b"meta", 0, 0, |boxes| {
            boxes.full(*b"hdlr", 0, 0, |boxes| {
                boxes.u32(0);
                boxes.bytes(b"mdirappl");
                boxes.zeros(9);
            });
            boxes.nest(*b"ilst", |boxes| {
                texts(boxes, heading.tags);
                number_of(boxes, heading.tags, *b"trkn", "TRACKNUMBER", "TRACKTOTAL");
                number_of(boxes, heading.tags, *b"disk", "DISCNUMBER", "DISCTOTAL");
                if let Some((kind, cover)) = cover {
                    item(boxes, *b"covr", kind, &cover.bytes);
                }
                if heading.has_note {
                    free_form(boxes, "iTunSMPB", &gapless_note(packets, heard));
                }
            });
        });
    });
}

fn texts(boxes: &mut Boxes, tags: &Tags) {
    for (name, value) in tags.iter() {
        if let Some((_, atom)) = ATOMS.iter().find(|(known, _)| *known == name) {
            item(boxes, **atom, UTF8, value.as_bytes());
            continue;
        }
        match (name, value.parse::<u16>()) {
            ("BPM", Ok(bpm)) => item(boxes, *b"tmpo", INTEGER, &bpm.to_be_bytes()),
            ("COMPILATION", Ok(flag)) => item(boxes, *b"cpil", INTEGER, &[u8::from(flag != 0)]),
            ("TRACKNUMBER" | "TRACKTOTAL" | "DISCNUMBER" | "DISCTOTAL", _) if is_numbered(tags, name) => {}
            _ => free_form(boxes, name, value),
        }
    }
}

/// Whether this goes into the atom that holds a number and its total.
fn is_numbered(tags: &Tags, name: &str) -> bool {
    let number = if name.starts_with("TRACK") { "TRACKNUMBER" } else { "DISCNUMBER" };
    numbers(tags, number, "").is_some()
}

fn value_of<'a>(tags: &'a Tags, name: &str) -> Option<&'a str> {
    tags.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

/// A number and its total, which may also stand behind a slash.
fn numbers(tags: &Tags, number: &str, total: &str) -> Option<(u16, u16)> {
    let text = value_of(tags, number)?;
    let (number, behind) = text.split_once('/').unwrap_or((text, ""));
    let total = if behind.is_empty() { value_of(tags, total).unwrap_or("") } else { behind };
    Some((number.trim().parse().ok()?, total.trim().parse().unwrap_or(0)))
}

fn number_of(boxes: &mut Boxes, tags: &Tags, atom: [u8; 4], number: &str, total: &str) {
    let Some((number, total)) = numbers(tags, number, total) else { return };
    let mut value = vec![0, 0];
    value.extend_from_slice(&number.to_be_bytes());
    value.extend_from_slice(&total.to_be_bytes());
    if &atom == b"trkn" {
        value.extend_from_slice(&[0, 0]);
    }
    item(boxes, atom, BINARY, &value);
}

fn item(boxes: &mut Boxes, atom: [u8; 4], kind: u32, value: &[u8]) {
    boxes.nest(atom, |boxes| {
        boxes.full(*b"data", 0, kind, |boxes| {
            boxes.u32(0);
            boxes.bytes(value);
        });
    });
}

fn free_form(boxes: &mut Boxes, name: &str, value: &str) {
    boxes.nest(*b"----", |boxes| {
        boxes.full(*b"mean", 0, 0, |boxes| boxes.bytes(b"com.apple.iTunes"));
        boxes.full(*b"name", 0, 0, |boxes| boxes.bytes(name.as_bytes()));
        boxes.full(*b"data", 0, UTF8, |boxes| {
            boxes.u32(0);
            boxes.bytes(value.as_bytes());
        });
    });
}

/// What iTunes says of encoder delay and padding: a zero, both of them, the frames between, and eight zeros more.
fn gapless_note(packets: &Packets, heard: Heard) -> String {
    let each = packets.durations.first().map_or(0, |(_, ticks)| u64::from(*ticks));
    let all = each.saturating_mul(packets.sizes.len() as u64);
    let padding = all.saturating_sub(heard.skip).saturating_sub(heard.ticks);
    let rest = " 00000000".repeat(8);
    format!(" 00000000 {:08X} {padding:08X} {:016X}{rest}", heard.skip, heard.ticks)
}
