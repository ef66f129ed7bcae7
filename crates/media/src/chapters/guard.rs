//! Keeps ID3 chapters from the demuxer that lie within each other: it follows them as deep as they go, and a tag of a
//! few kilobytes goes deeper than a stack.
//!
//! No tag that makes sense has a `CHAP` or `CTOC` frame within another one, or a long row of tables of contents. Where
//! one has, the frame at which that begins is shown without a name, which ends the tag. Frames are looked for byte by
//! byte, so that it does not matter how the demuxer counts sizes; what looks like one in a picture has no size that fits.

use std::io;

use crate::sniff::{Kind, id3_bytes};
use crate::tap::Tap;

/// Tables of contents in a tag. Each counts up to 255 chapters.
const MAX_CONTENTS: u32 = 64;
const WINDOW_BYTES: usize = 64 * 1024;
/// An id and a size.
const HEAD_BYTES: usize = 8;
/// And two bytes of flags.
const FRAME_HEAD_BYTES: u64 = 10;
const MAX_TAGS: usize = 8;
/// How far behind the tags a demuxer looks for more.
const SEARCH_BYTES: u64 = 128 * 1024;
const MAX_CHUNKS: u32 = 1000;
/// The version whose sizes have seven bits a byte; the one before has eight.
const SEVEN_BITS: u8 = 4;

/// Hides what goes too deep in the tags of a file of this kind.
pub(crate) fn guard(tap: &mut Tap, kind: Kind, size_bytes: u64) -> io::Result<()> {
    if kind == Kind::Aiff {
        return guard_chunks(tap, size_bytes);
    }
    let mut start = 0;
    for _ in 0..MAX_TAGS {
        let head = tap.bytes_at::<10>(start)?.unwrap_or_default();
        let Some(bytes) = id3_bytes(&head) else { break };
        let end = start.saturating_add(bytes).min(size_bytes);
        tap.keep(start..end)?;
        guard_range(tap, start + head.len() as u64, end, head[3])?;
        start = end;
    }
    if matches!(kind, Kind::Mpeg { .. } | Kind::Adts) {
        guard_range(tap, start, start.saturating_add(SEARCH_BYTES).min(size_bytes), 0)?;
    }
    Ok(())
}

fn guard_chunks(tap: &mut Tap, size_bytes: u64) -> io::Result<()> {
    let mut offset = 12;
    for _ in 0..MAX_CHUNKS {
        let Some([a, b, c, d, size @ ..]) = tap.bytes_at::<8>(offset)? else { break };
        let size = u32::from_be_bytes(size);
        let end = (offset + 8 + u64::from(size)).min(size_bytes);
        if [a, b, c, d].eq_ignore_ascii_case(b"ID3 ") {
            let version = tap.bytes_at::<4>(offset + 8)?.unwrap_or_default()[3];
            guard_range(tap, offset + 8, end, version)?;
        }
        offset += 8 + u64::from(size) + u64::from(size & 1);
    }
    Ok(())
}

fn guard_range(tap: &mut Tap, start: u64, end: u64, version: u8) -> io::Result<()> {
    let mut search = Search::new(version, end);
    let mut window = vec![0; WINDOW_BYTES];
    let mut offset = start;
    while offset + (HEAD_BYTES as u64) <= end {
        let wanted = usize::try_from(end - offset).unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
        let filled = tap.read_at(offset, &mut window[..wanted])?;
        if let Some(place) = search.look(offset, &window[..filled]) {
            tap.replace(place, &[0; 4]);
            break;
        }
        if filled < wanted || filled < HEAD_BYTES {
            break;
        }
        // What begins at the end of a window is seen in the next one.
        offset += (filled - HEAD_BYTES + 1) as u64;
    }
    Ok(())
}

/// Blanks the same in a tag that is at hand.
pub(crate) fn guard_tag(tag: &mut [u8]) {
    let version = tag.get(3).copied().unwrap_or(0);
    let place = Search::new(version, tag.len() as u64).look(0, tag);
    if let Some(name) = place.and_then(|place| tag.get_mut(usize::try_from(place).ok()?..)?.get_mut(..4)) {
        name.fill(0);
    }
}

/// A search for frames within frames, window by window.
struct Search {
    version: u8,
    limit: u64,
    /// Where the last frame begins and ends.
    outer: (u64, u64),
    contents: u32,
}

impl Search {
    fn new(version: u8, limit: u64) -> Self {
        Self { version, limit, outer: (0, 0), contents: 0 }
    }

    /// Where the tag is to end, if there is a place in a window that begins at `offset`.
    fn look(&mut self, offset: u64, window: &[u8]) -> Option<u64> {
        for (place, head) in (offset..).zip(window.windows(HEAD_BYTES)) {
            let is_contents = match head {
                [b'C', b'H', b'A', b'P', ..] => false,
                [b'C', b'T', b'O', b'C', ..] => true,
                _ => continue,
            };
            let size = |bits: u32| {
                head[4..].iter().fold(0, |size, byte| size << bits | u64::from(*byte) & ((1 << bits) - 1))
            };
            let body = place + FRAME_HEAD_BYTES;
            // One without a body is passed over.
            if body + size(7) > self.limit || head[4..] == [0; 4] {
                continue;
            }
            if place < self.outer.1 {
                return Some(self.outer.0);
            }
            self.contents += u32::from(is_contents);
            if self.contents > MAX_CONTENTS {
                return Some(place);
            }
            self.outer = (place, body + size(if self.version == SEVEN_BITS { 7 } else { 8 }));
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(id: [u8; 4], body: &[u8]) -> Vec<u8> {
        [&id[..], &[0, 0, 0, u8::try_from(body.len()).unwrap(), 0, 0], body].concat()
    }

    fn found(version: u8, bytes: &[u8]) -> Option<u64> {
        Search::new(version, bytes.len() as u64).look(0, bytes)
    }

    #[test]
    fn a_frame_within_another_is_found_and_a_row_is_none() {
        let inner = frame(*b"CHAP", b"x");
        let outer = [frame(*b"TIT2", b"x"), frame(*b"CTOC", &inner)].concat();
        for version in [3, 4] {
            assert_eq!(found(version, &outer), Some(11), "{version}");
            assert_eq!(found(version, &inner.repeat(10_000)), None, "{version}");
        }
        assert_eq!(found(4, &frame(*b"CTOC", b"x").repeat(64)), None);
        assert_eq!(found(4, &frame(*b"CTOC", b"x").repeat(65)), Some(64 * 11));
        let mut tag = [&b"ID3\x04\0\0\0\0\0\0"[..], &outer].concat();
        guard_tag(&mut tag);
        assert_eq!(&tag[21..25], [0; 4]);
    }

    #[test]
    fn a_title_that_speaks_of_chapters_is_left_alone() {
        let title = frame(*b"TIT2", b"\x03CHAPTER 1, CTOC of all, CHAP");
        let titled = [frame(*b"CHAP", &title), frame(*b"CHAP", &title), vec![0; 20]].concat();
        assert_eq!(found(3, &titled), None);
        assert_eq!(found(4, &titled), None);
    }
}
