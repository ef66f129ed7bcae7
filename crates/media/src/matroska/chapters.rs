//! Chapters of a Matroska file (RFC 9559, section 5.1.7), read here and hidden from the demuxer: it refuses a file
//! whose editions have no number, which they need not have, and one whose chapters lie too deep within each other.
//!
//! They stand before the first cluster, or where an index in front of it says. The demuxer looks there as well, so that
//! costs no jump that is not made anyway.

use std::io;

use super::{CLUSTER, Element, MAX_ELEMENTS, number, read_head};
use crate::chapters::Marks;
use crate::tap::Tap;

const CHAPTERS: u64 = 0x1043_a770;
const SEEK_HEAD: u64 = 0x114d_9b74;
const SEEK: u64 = 0x4dbb;
const SEEK_ID: u64 = 0x53ab;
const SEEK_POSITION: u64 = 0x53ac;
const EDITION: u64 = 0x45b9;
const EDITION_HIDDEN: u64 = 0x45bd;
const EDITION_DEFAULT: u64 = 0x45db;
const ATOM: u64 = 0xb6;
const ATOM_START: u64 = 0x91;
const ATOM_END: u64 = 0x92;
const ATOM_HIDDEN: u64 = 0x98;
const DISPLAY: u64 = 0x80;
const TITLE: u64 = 0x85;
/// What stands for nothing (RFC 8794, section 11.3.2).
const VOID: u8 = 0xec;

/// What is read of all chapters, and of an index.
const MAX_BYTES: u64 = 1024 * 1024;
const MAX_INDEX_BYTES: u64 = 64 * 1024;
/// There may be one; more are hidden as well.
const MAX_FOUND: usize = 8;
/// Chapters within chapters, of those that are looked at.
const MAX_DEPTH: u32 = 32;

/// Reads the chapters of a segment whose body goes from `start` to `limit`, and hides them.
pub(super) fn read(tap: &mut Tap, start: u64, limit: u64) -> io::Result<Marks> {
    let mut marks = Marks::default();
    for element in find(tap, start, limit)? {
        let end = element.end.unwrap_or(limit).min(limit);
        if marks.is_empty() {
            let bytes = read_bytes(tap, element.body, end, MAX_BYTES)?;
            add_edition(&bytes, &mut marks);
        }
        hide(tap, &element, end);
    }
    Ok(marks)
}

fn find(tap: &mut Tap, start: u64, limit: u64) -> io::Result<Vec<Element>> {
    let (mut found, mut places): (Vec<Element>, Vec<u64>) = Default::default();
    let mut offset = start;
    for _ in 0..MAX_ELEMENTS {
        let Some(element) = read_head(tap, offset)?.filter(|_| offset < limit) else { break };
        let Some(end) = element.end.filter(|end| element.id != CLUSTER && *end > offset) else { break };
        match element.id {
            CHAPTERS => found.push(element),
            SEEK_HEAD => {
                let bytes = read_bytes(tap, element.body, end.min(limit), MAX_INDEX_BYTES)?;
                places.extend(indexed(&bytes).map(|place| start.saturating_add(place)));
            }
            _ => {}
        }
        offset = end;
    }
    // What stands before the first cluster was met on the way.
    for place in places.into_iter().filter(|place| (offset..limit).contains(place)).take(MAX_FOUND) {
        if found.iter().all(|known| known.start != place)
            && let Some(element) = read_head(tap, place)?.filter(|element| element.id == CHAPTERS)
        {
            found.push(element);
        }
    }
    found.truncate(MAX_FOUND);
    Ok(found)
}

/// Where an index says that chapters are, from the start of the segment's body.
fn indexed(bytes: &[u8]) -> impl Iterator<Item = u64> {
    children(bytes).filter(|(id, _)| *id == SEEK).filter_map(|(_, seek)| {
        let of = |wanted| children(seek).find(|(id, _)| *id == wanted).map(|(_, body)| unsigned(body));
        (of(SEEK_ID)? == CHAPTERS).then(|| of(SEEK_POSITION)).flatten()
    })
}

fn read_bytes(tap: &mut Tap, start: u64, end: u64, most: u64) -> io::Result<Vec<u8>> {
    let length = end.saturating_sub(start).min(most);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let filled = tap.read_at(start, &mut bytes)?;
    bytes.truncate(filled);
    Ok(bytes)
}

/// Shows an element that stands for nothing, as long as the one that is there.
fn hide(tap: &mut Tap, element: &Element, end: u64) {
    let length = end.saturating_sub(element.start);
    let size_bytes = (element.body - element.start).saturating_sub(1).clamp(1, 8);
    let size = length.saturating_sub(1 + size_bytes) | 1 << (7 * size_bytes);
    let size = size.to_be_bytes();
    let first = size.len() - usize::try_from(size_bytes).unwrap_or(8);
    tap.replace(element.start, &[&[VOID], &size[first..]].concat());
}

/// The elements within a body, the last as far as it goes.
fn children(mut bytes: &[u8]) -> impl Iterator<Item = (u64, &[u8])> {
    std::iter::from_fn(move || {
        let (id, id_bytes) = number(bytes, true)?;
        let (size, size_bytes) = number(bytes.get(id_bytes..)?, false)?;
        let behind = bytes.get(id_bytes + size_bytes..)?;
        let size = usize::try_from(size).unwrap_or(usize::MAX).min(behind.len());
        let (body, rest) = behind.split_at(size);
        bytes = rest;
        Some((id, body))
    })
}

fn unsigned(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).fold(0, |value, byte| value << 8 | u64::from(*byte))
}

fn has(body: &[u8], flag: u64) -> bool {
    children(body).any(|(id, value)| id == flag && unsigned(value) != 0)
}

/// Adds the chapters of the first edition that is to be seen, or rather of the one that is named the default.
fn add_edition(bytes: &[u8], marks: &mut Marks) {
    let editions = || children(bytes).filter(|(id, body)| *id == EDITION && !has(body, EDITION_HIDDEN));
    let chosen = editions().find(|(_, body)| has(body, EDITION_DEFAULT)).or_else(|| editions().next());
    if let Some((_, edition)) = chosen {
        add_atoms(edition, MAX_DEPTH, marks);
    }
}

fn add_atoms(parent: &[u8], depth: u32, marks: &mut Marks) {
    for (_, atom) in children(parent).filter(|(id, _)| *id == ATOM) {
        if marks.is_full() {
            return;
        }
        let (mut start_ns, mut end_ns, mut is_hidden, mut title) = (None, None, false, None);
        for (id, body) in children(atom) {
            match id {
                ATOM_START => start_ns = Some(unsigned(body)),
                ATOM_END => end_ns = Some(unsigned(body)),
                ATOM_HIDDEN => is_hidden = unsigned(body) != 0,
                // Others are the same in other languages.
                DISPLAY if title.is_none() => title = children(body).find(|(id, _)| *id == TITLE),
                _ => {}
            }
        }
        if is_hidden {
            continue;
        }
        if let Some(start_ns) = start_ns {
            let title = title.map(|(_, title)| String::from_utf8_lossy(title)).unwrap_or_default();
            marks.add(start_ns / 1000, end_ns.map(|end_ns| end_ns / 1000), &title);
        }
        if depth > 0 {
            add_atoms(atom, depth - 1, marks);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Cursor;
    use std::sync::Arc;

    use super::*;
    use crate::chapters::Chapter;

    fn element(id: &[u8], body: &[u8]) -> Vec<u8> {
        let size = (body.len() as u64 | 1 << 56).to_be_bytes();
        [id, &size, body].concat()
    }

    fn atom(start_ms: u64, end_ms: u64, title: &[u8], within: &[u8]) -> Vec<u8> {
        let time = |id: u8, ms: u64| element(&[id], &(ms * 1_000_000).to_be_bytes());
        let shown = element(&[0x80], &element(&[0x85], title));
        element(&[0xb6], &[&time(0x91, start_ms)[..], &time(0x92, end_ms), &shown, within].concat())
    }

    fn edition(flags: &[u8], atoms: &[u8]) -> Vec<u8> {
        element(b"\x45\xb9", &[flags, atoms].concat())
    }

    fn found(segment: &[u8]) -> (Vec<Chapter>, Vec<u8>) {
        let mut tap = Tap::new(Box::new(Cursor::new(segment.to_vec())), Arc::default());
        let chapters = read(&mut tap, 0, segment.len() as u64).unwrap().settle(None);
        let mut shown = vec![0; segment.len()];
        tap.read_at(0, &mut shown).unwrap();
        (chapters, shown)
    }

    fn told(chapters: &[Chapter]) -> Vec<(u64, Option<u64>, &str)> {
        chapters.iter().map(|one| (one.start_ms(), one.end_ms(), one.title.as_str())).collect()
    }

    const ID: &[u8] = b"\x10\x43\xa7\x70";

    #[test]
    fn the_default_edition_is_read_without_what_is_hidden() {
        let atoms = [
            atom(0, 900, b"a", &[]),
            element(&[0xb6], &[element(&[0x91], &[1]), element(&[0x98], &[1])].concat()),
            atom(1000, 2000, b"b", &atom(1500, 2000, b"b.2", &[])),
        ];
        let editions = [
            edition(&element(b"\x45\xbd", &[1]), &atom(0, 1, b"hidden", &[])),
            edition(&[], &atom(0, 1, b"first", &[])),
            edition(&element(b"\x45\xdb", &[1]), &atoms.concat()),
        ];
        let (chapters, _) = found(&element(ID, &editions.concat()));
        let expected = [(0, Some(900), "a"), (1000, Some(1500), "b"), (1500, Some(2000), "b.2")];
        assert_eq!(told(&chapters), expected);
        let (chapters, _) = found(&element(ID, &editions[..2].concat()));
        assert_eq!(told(&chapters), [(0, Some(1), "first")]);
    }

    #[test]
    fn the_demuxer_sees_nothing_in_their_place_which_is_as_long() {
        let chapters = edition(&[], &atom(0, 1, b"x", &[]));
        let behind = element(&[0xec], b"behind");
        for head in [
            element(ID, &chapters),
            [ID, &[0x40, u8::try_from(chapters.len()).unwrap()], &chapters].concat(),
            [ID, &[0x80 | u8::try_from(chapters.len()).unwrap()], &chapters].concat(),
        ] {
            let segment = [&head[..], &behind].concat();
            let (chapters, shown) = found(&segment);
            assert_eq!(chapters.len(), 1);
            let elements: Vec<(u64, usize)> = children(&shown).map(|(id, body)| (id, body.len())).collect();
            assert_eq!(elements.len(), 2);
            assert_eq!((elements[0].0, elements[1]), (0xec, (0xec, 6)));
        }
    }

    #[test]
    fn an_index_leads_to_chapters_behind_the_media() {
        let position = |place: u64| {
            let seek = [element(b"\x53\xab", ID), element(b"\x53\xac", &place.to_be_bytes())].concat();
            element(b"\x11\x4d\x9b\x74", &element(b"\x4d\xbb", &seek))
        };
        let cluster = element(b"\x1f\x43\xb6\x75", &[0; 100]);
        let place = (position(0).len() + cluster.len()) as u64;
        let chapters = element(ID, &edition(&[], &atom(5, 9, b"x", &[])));
        let segment = [position(place), cluster.clone(), chapters.clone()].concat();
        let (chapters, shown) = found(&segment);
        assert_eq!(told(&chapters), [(5, Some(9), "x")]);
        assert_eq!(shown[usize::try_from(place).unwrap()], VOID);
        let (chapters, _) = found(&[position(place + 1), cluster.clone(), segment.clone()].concat());
        assert!(chapters.is_empty());
        let (chapters, _) = found(&[position(u64::MAX), cluster].concat());
        assert!(chapters.is_empty());
    }

    #[test]
    fn chapters_within_chapters_without_end_are_not_followed() {
        let deep = (0..100).fold(Vec::new(), |within, level| atom(1000 - level, 2000, b"x", &within));
        let (chapters, _) = found(&element(ID, &edition(&[], &deep)));
        assert_eq!(chapters.len(), MAX_DEPTH as usize + 1);
    }

    #[test]
    fn no_change_of_a_byte_and_no_cut_makes_it_stumble() {
        let whole = element(ID, &edition(&[], &[atom(0, 5, b"x", &[]), atom(5, 9, b"y", &[])].concat()));
        for place in 0..whole.len() {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = whole.clone();
                bytes[place] = value;
                found(&bytes);
            }
            found(&whole[..place]);
        }
    }
}
