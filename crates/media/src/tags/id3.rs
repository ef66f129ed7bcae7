//! Writes ID3 2.4 (id3.org, "ID3 tag version 2.4.0 - Main Structure" and "- Native Frames").
//!
//! Text is UTF-8. Nothing is unsynchronised: every player of the last twenty years reads a tag without it.

use super::{Cover, Tags};
use crate::chapters::Chapter;

/// Vorbis comment names that have a text frame of their own.
const FRAMES: [(&str, &[u8; 4]); 16] = [
    ("TITLE", b"TIT2"),
    ("ARTIST", b"TPE1"),
    ("ALBUM", b"TALB"),
    ("ALBUMARTIST", b"TPE2"),
    ("CONDUCTOR", b"TPE3"),
    ("COMPOSER", b"TCOM"),
    ("LYRICIST", b"TEXT"),
    ("GENRE", b"TCON"),
    ("DATE", b"TDRC"),
    ("TRACKNUMBER", b"TRCK"),
    ("DISCNUMBER", b"TPOS"),
    ("COPYRIGHT", b"TCOP"),
    ("LABEL", b"TPUB"),
    ("ISRC", b"TSRC"),
    ("BPM", b"TBPM"),
    ("COMPILATION", b"TCMP"),
];
const UTF8: u8 = 3;
const FRONT_COVER: u8 = 3;
const TOP_LEVEL: u8 = 2;
const ORDERED: u8 = 1;
/// A table of contents counts in a byte.
const MAX_CONTENTS: usize = 255;

/// Makes a whole tag, or nothing where there is nothing to say.
pub(crate) fn write(tags: &Tags, cover: Option<&Cover>, chapters: &[Chapter]) -> Vec<u8> {
    let mut frames = Vec::new();
    for (name, value) in tags.iter() {
        push_text(&mut frames, tags, name, value);
    }
    if let Some(cover) = cover {
        let mut body = vec![UTF8];
        body.extend_from_slice(cover.media_type.as_bytes());
        body.extend_from_slice(&[0, FRONT_COVER, 0]);
        body.extend_from_slice(&cover.bytes);
        push_frame(&mut frames, *b"APIC", &body);
    }
    push_chapters(&mut frames, chapters);
    if frames.is_empty() {
        return frames;
    }
    let mut tag = Vec::with_capacity(frames.len() + 10);
    tag.extend_from_slice(b"ID3\x04\x00\x00");
    tag.extend_from_slice(&synchsafe(frames.len()));
    tag.append(&mut frames);
    tag
}

fn push_text(frames: &mut Vec<u8>, tags: &Tags, name: &str, value: &str) {
    let mut body = vec![UTF8];
    match (name, FRAMES.iter().find(|(known, _)| *known == name)) {
        // The totals stand behind a slash in the frame of their number.
        ("TRACKTOTAL", _) if has(tags, "TRACKNUMBER") => {}
        ("DISCTOTAL", _) if has(tags, "DISCNUMBER") => {}
        (_, Some((_, id))) => {
            body.extend_from_slice(value.as_bytes());
            let total = match name {
                "TRACKNUMBER" => of(tags, "TRACKTOTAL"),
                "DISCNUMBER" => of(tags, "DISCTOTAL"),
                _ => None,
            };
            if let Some(total) = total.filter(|_| !value.contains('/')) {
                body.push(b'/');
                body.extend_from_slice(total.as_bytes());
            }
            push_frame(frames, **id, &body);
        }
        ("COMMENT" | "LYRICS", None) => {
            // Language unknown, description empty.
            body.extend_from_slice(b"und\0");
            body.extend_from_slice(value.as_bytes());
            push_frame(frames, if name == "COMMENT" { *b"COMM" } else { *b"USLT" }, &body);
        }
        (_, None) => {
            body.extend_from_slice(name.as_bytes());
            body.push(0);
            body.extend_from_slice(value.as_bytes());
            push_frame(frames, *b"TXXX", &body);
        }
    }
}

/// Adds the chapters, and tables of contents with no more entries than a byte counts (id3.org, "`ID3v2` Chapter Frame
/// Addendum"): one, or a table of tables.
fn push_chapters(frames: &mut Vec<u8>, chapters: &[Chapter]) {
    let ids: Vec<String> = (0..chapters.len()).map(|number| format!("ch{number}")).collect();
    let tables: Vec<&[String]> = ids.chunks(MAX_CONTENTS).collect();
    match tables.as_slice() {
        [] => return,
        [one] => push_contents(frames, "toc", TOP_LEVEL | ORDERED, one),
        several => {
            let names: Vec<String> = (0..several.len()).map(|number| format!("toc{number}")).collect();
            push_contents(frames, "toc", TOP_LEVEL | ORDERED, &names);
            for (name, ids) in names.iter().zip(several) {
                push_contents(frames, name, ORDERED, ids);
            }
        }
    }
    for (id, chapter) in ids.iter().zip(chapters) {
        let mut body = id.clone().into_bytes();
        body.push(0);
        let start_ms = chapter.start_ms();
        for ms in [start_ms, chapter.end_ms().unwrap_or(start_ms)] {
            body.extend_from_slice(&u32::try_from(ms).unwrap_or(u32::MAX).to_be_bytes());
        }
        // The bytes at which it starts and ends are not told.
        body.extend_from_slice(&[0xff; 8]);
        if !chapter.title.is_empty() {
            push_frame(&mut body, *b"TIT2", &[&[UTF8], chapter.title.as_bytes()].concat());
        }
        push_frame(frames, *b"CHAP", &body);
    }
}

fn push_contents(frames: &mut Vec<u8>, id: &str, flags: u8, entries: &[String]) {
    let mut body = id.as_bytes().to_vec();
    body.extend_from_slice(&[0, flags, u8::try_from(entries.len()).unwrap_or(u8::MAX)]);
    for entry in entries {
        body.extend_from_slice(entry.as_bytes());
        body.push(0);
    }
    push_frame(frames, *b"CTOC", &body);
}

fn of<'a>(tags: &'a Tags, name: &str) -> Option<&'a str> {
    tags.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
}

fn has(tags: &Tags, name: &str) -> bool {
    of(tags, name).is_some()
}

fn push_frame(frames: &mut Vec<u8>, id: [u8; 4], body: &[u8]) {
    frames.extend_from_slice(&id);
    frames.extend_from_slice(&synchsafe(body.len()));
    frames.extend_from_slice(&[0, 0]);
    frames.extend_from_slice(body);
}

/// Seven bits a byte, so that no size looks like an MPEG sync word (main structure, section 6.2).
fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| u8::try_from((size >> shift) & 0x7f).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_is_laid_out_byte_for_byte() {
        let tags = Tags { title: Some("Ö".into()), ..Tags::default() };
        assert_eq!(
            write(&tags, None, &[]),
            b"ID3\x04\x00\x00\x00\x00\x00\x0dTIT2\x00\x00\x00\x03\x00\x00\x03\xc3\x96"
        );
        assert_eq!(write(&Tags::default(), None, &[]), b"");
    }

    #[test]
    fn totals_join_their_numbers_and_strangers_get_frames_of_their_own() {
        let other = [("TRACKNUMBER", "3"), ("TRACKTOTAL", "12"), ("MOOD", "calm")];
        let tags = Tags {
            other: other.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
            ..Tags::default()
        };
        let bytes = write(&tags, None, &[]);
        let text = String::from_utf8_lossy(&bytes);
        assert!(text.contains("3/12"));
        assert!(text.contains("MOOD\0calm"));
        assert!(!text.contains("TRACKTOTAL"));
    }

    #[test]
    fn a_cover_larger_than_seven_bits_a_byte_keeps_its_size() {
        let cover = Cover { media_type: "image/png", bytes: vec![0x89; 1_000_000] };
        let bytes = write(&Tags::default(), Some(&cover), &[]);
        let size = bytes[6..10].iter().fold(0, |size, byte| (size << 7) | usize::from(*byte));
        assert_eq!(size + 10, bytes.len());
    }

    fn chapter(start_us: u64, title: &str) -> Chapter {
        Chapter { start_us, end_us: Some(start_us + 2000), title: title.into() }
    }

    #[test]
    fn a_chapter_is_laid_out_byte_for_byte() {
        let bytes = write(&Tags::default(), None, &[chapter(1_000_000, "Ö"), chapter(1_002_000, "")]);
        let contents = b"CTOC\0\0\0\x0e\0\0toc\0\x03\x02ch0\0ch1\0";
        let first = b"CHAP\0\0\0\x21\0\0ch0\0\0\0\x03\xe8\0\0\x03\xea\xff\xff\xff\xff\xff\xff\xff\xff";
        let title = b"TIT2\0\0\0\x03\0\0\x03\xc3\x96";
        let second = b"CHAP\0\0\0\x14\0\0ch1\0\0\0\x03\xea\0\0\x03\xec\xff\xff\xff\xff\xff\xff\xff\xff";
        assert_eq!(bytes[10..], [&contents[..], first, title, second].concat());
    }

    #[test]
    fn more_chapters_than_a_table_counts_get_a_table_of_tables() {
        let chapters: Vec<Chapter> = (0..600).map(|number| chapter(number, "")).collect();
        let bytes = write(&Tags::default(), None, &chapters);
        let tables = bytes.windows(4).filter(|window| window == b"CTOC").count();
        let top = b"toc\0\x03\x03toc0\0toc1\0toc2\0";
        assert_eq!(tables, 4);
        assert!(bytes.windows(top.len()).any(|window| window == top));
        assert!(bytes.windows(9).any(|window| window == b"toc2\0\x01\x5ach"), "the rest of 90");
    }
}
