//! Chapters that a demuxer found, and those of FLAC, which its demuxer passes over.

use std::io;

use symphonia::core::meta::{ChapterGroup, ChapterGroupItem, StandardTag};

use super::clock::Lines;
use super::{MAX_CHAPTERS, MAX_TITLE_BYTES, Marks};
use crate::tap::Tap;

/// Chapters within chapters, of those that are looked at.
const MAX_DEPTH: u32 = 32;
/// Blocks of FLAC, and comments in one of them, that are looked at.
const MAX_BLOCKS: u32 = 128;
const MAX_COMMENTS: u32 = 10_000;
/// A block type, and the flag of the last block (RFC 9639, section 8.1).
const COMMENTS: u8 = 4;
const LAST_BLOCK: u8 = 0x80;

/// Takes chapters, and chapters within them, in the order of the file.
pub(crate) fn of_group(group: &ChapterGroup) -> Marks {
    let mut marks = Marks::default();
    let mut left = MAX_CHAPTERS * 4;
    add_group(group, MAX_DEPTH, &mut left, &mut marks);
    marks
}

fn add_group(group: &ChapterGroup, depth: u32, left: &mut usize, marks: &mut Marks) {
    for item in &group.items {
        if *left == 0 || marks.is_full() {
            return;
        }
        *left -= 1;
        match item {
            ChapterGroupItem::Group(inner) if depth > 0 => add_group(inner, depth - 1, left, marks),
            ChapterGroupItem::Group(_) => {}
            ChapterGroupItem::Chapter(chapter) => {
                let title = chapter.tags.iter().find_map(|tag| match &tag.std {
                    Some(StandardTag::ChapterTitle(title)) => Some(title.as_str()),
                    _ => None,
                });
                // What starts before the sound starts with it.
                let us = |ns: i128| u64::try_from(ns.max(0) / 1000).unwrap_or(u64::MAX);
                let end_us = chapter.end_time.map(|end| us(end.as_nanos()));
                marks.add(us(chapter.start_time.as_nanos()), end_us, title.unwrap_or_default());
            }
        }
    }
}

/// Reads the comments of a FLAC file (RFC 9639, section 8.6). Pictures among them are not looked at.
pub(crate) fn of_flac(tap: &mut Tap) -> io::Result<Marks> {
    let mut lines = Lines::default();
    if tap.bytes_at(0)? != Some(*b"fLaC") {
        return Ok(Marks::default());
    }
    let mut offset = 4;
    for _ in 0..MAX_BLOCKS {
        let Some([kind, a, b, c]) = tap.bytes_at(offset)? else { break };
        let end = offset + 4 + u64::from(u32::from_be_bytes([0, a, b, c]));
        if kind & !LAST_BLOCK == COMMENTS {
            read_comments(tap, offset + 4, end, &mut lines)?;
        }
        if kind & LAST_BLOCK != 0 {
            break;
        }
        offset = end;
    }
    Ok(lines.into_marks())
}

fn read_comments(tap: &mut Tap, start: u64, end: u64, lines: &mut Lines) -> io::Result<()> {
    let Some(vendor_bytes) = read_number(tap, start)? else { return Ok(()) };
    let count_at = start + 4 + u64::from(vendor_bytes);
    let Some(count) = read_number(tap, count_at)? else { return Ok(()) };
    let mut offset = count_at + 4;
    for _ in 0..count.min(MAX_COMMENTS) {
        let Some(bytes) = read_number(tap, offset)?.filter(|_| offset + 4 < end) else { break };
        let wanted = (bytes as usize).min(MAX_TITLE_BYTES + 64);
        let mut comment = vec![0; wanted];
        let length = tap.read_at(offset + 4, &mut comment)?;
        // A title that is cut within a letter loses that letter.
        lines.take(String::from_utf8_lossy(&comment[..length]).trim_end_matches('\u{fffd}'));
        offset += 4 + u64::from(bytes);
    }
    Ok(())
}

fn read_number(tap: &mut Tap, offset: u64) -> io::Result<Option<u32>> {
    Ok(tap.bytes_at(offset)?.map(u32::from_le_bytes))
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use symphonia::core::meta::{Chapter as Found, RawValue, Tag};
    use symphonia::core::units::Time;

    use super::*;
    use crate::chapters::Chapter;

    fn found(start_ms: i64, title: &str) -> ChapterGroupItem {
        let text = Arc::new(title.to_owned());
        let tag = Tag::new_from_parts(
            "x",
            RawValue::String(Arc::clone(&text)),
            Some(StandardTag::ChapterTitle(text)),
        );
        ChapterGroupItem::Chapter(Found {
            start_time: Time::from_millis(start_ms),
            end_time: None,
            start_byte: None,
            end_byte: None,
            tags: vec![tag],
            visuals: Vec::new(),
        })
    }

    fn grouped(items: Vec<ChapterGroupItem>) -> ChapterGroup {
        ChapterGroup { items, tags: Vec::new(), visuals: Vec::new() }
    }

    fn names(chapters: &[Chapter]) -> Vec<(u64, &str)> {
        chapters.iter().map(|chapter| (chapter.start_ms(), chapter.title.as_str())).collect()
    }

    #[test]
    fn chapters_within_chapters_stand_in_one_row() {
        let inner = grouped(vec![found(0, "1.1"), found(1000, "1.2")]);
        let part = grouped(vec![found(0, "Part 1"), ChapterGroupItem::Group(inner)]);
        let all = grouped(vec![ChapterGroupItem::Group(part), found(2000, "Part 2"), found(-5, "early")]);
        let chapters = of_group(&all).settle(None);
        assert_eq!(names(&chapters), [(0, "early"), (1000, "1.2"), (2000, "Part 2")]);
    }

    #[test]
    fn neither_depth_nor_number_is_followed_without_end() {
        let deep = (0..100).fold(grouped(vec![found(0, "x")]), |inner, level| {
            grouped(vec![found(level, "x"), ChapterGroupItem::Group(inner)])
        });
        assert_eq!(of_group(&deep).settle(None).len(), MAX_DEPTH as usize + 1);
        let many = grouped((0..100_000).map(|number| found(number, "x")).collect());
        assert_eq!(of_group(&many).settle(None).len(), MAX_CHAPTERS);
    }

    fn flac(comments: &[&[u8]]) -> Vec<u8> {
        let mut block = b"\x03\0\0\0abc".to_vec();
        block.extend_from_slice(&u32::try_from(comments.len()).unwrap().to_le_bytes());
        for comment in comments {
            block.extend_from_slice(&u32::try_from(comment.len()).unwrap().to_le_bytes());
            block.extend_from_slice(comment);
        }
        let size = u32::try_from(block.len()).unwrap().to_be_bytes();
        [b"fLaC\x00\0\0\x02ab\x84", &size[1..], &block].concat()
    }

    fn read(bytes: &[u8]) -> Vec<Chapter> {
        of_flac(&mut Tap::new(Box::new(Cursor::new(bytes.to_vec())), Arc::default())).unwrap().settle(None)
    }

    #[test]
    fn the_comments_of_flac_are_read_up_to_where_they_lie() {
        let long = [b"CHAPTER002NAME=".to_vec(), "ä".repeat(1 << 20).into_bytes()].concat();
        let mut bytes = flac(&[
            b"CHAPTER001=00:00:01.000",
            b"TITLE=x",
            b"CHAPTER001NAME=One",
            b"CHAPTER002=0:0:2",
            &long,
        ]);
        let chapters = read(&bytes);
        assert_eq!((chapters.len(), chapters[0].title.as_str()), (2, "One"));
        assert_eq!(chapters[1].title.len(), MAX_TITLE_BYTES);
        for cut in 0..200 {
            read(&bytes[..cut]);
        }
        // A number of comments, and then a length, that is a lie.
        bytes[21..25].copy_from_slice(&[0xff; 4]);
        assert_eq!(read(&bytes).len(), 2);
        bytes[25..29].copy_from_slice(&[0xff; 4]);
        assert!(read(&bytes).is_empty());
    }
}
