//! Tracks of texts and lists that are right, and such as lie.

use std::io::Cursor;
use std::sync::Arc;

use super::*;
use crate::chapters::Chapter;
use crate::control::Control;

fn boxed(kind: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len() + 8).unwrap().to_be_bytes()[..], &kind, body].concat()
}

fn numbers(numbers: &[u32]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_be_bytes()).collect()
}

fn text(title: &[u8]) -> Vec<u8> {
    [&u16::try_from(title.len()).unwrap().to_be_bytes()[..], title].concat()
}

const FIRST: &[u8] = b"One";
const WIDE: &[u8] = b"\xfe\xff\0\xd6";

/// Where the texts of [`file`] are.
const PLACE: u32 = 8 + 4 + 8;

/// Sound that refers to a track of three texts, of which the second is empty; they start half a second late.
fn file(list: &[u8], times: &[u32], place: u32) -> Vec<u8> {
    let texts = [text(FIRST), text(b""), text(WIDE)];
    let sizes: Vec<u32> = texts.iter().map(|text| u32::try_from(text.len()).unwrap()).collect();
    let header = |id: u32| boxed(*b"tkhd", &numbers(&[0, 0, 0, id, 0, 0]));
    let media = |handler: &[u8; 4], table: &[u8]| {
        let parts = [
            boxed(*b"mdhd", &numbers(&[0, 0, 0, 1000, 0, 0])),
            boxed(*b"hdlr", &[&[0; 8], &handler[..]].concat()),
            boxed(*b"minf", &boxed(*b"stbl", table)),
        ];
        boxed(*b"mdia", &parts.concat())
    };
    let table = [
        boxed(*b"stts", &numbers(times)),
        boxed(*b"stsc", &numbers(&[0, 1, 1, 3, 1])),
        boxed(*b"stsz", &[numbers(&[0, 0, 3]), numbers(&sizes)].concat()),
        boxed(*b"stco", &numbers(&[0, 1, place])),
    ];
    let reference = boxed(*b"tref", &boxed(*b"chap", &numbers(&[9])));
    let edits =
        boxed(*b"edts", &boxed(*b"elst", &numbers(&[0, 2, 300, u32::MAX, 1 << 16, 3600, 0, 1 << 16])));
    let movie = [
        boxed(*b"mvhd", &numbers(&[0, 0, 0, 600, 0])),
        boxed(*b"trak", &[header(7), reference, media(b"soun", b"")].concat()),
        boxed(*b"trak", &[header(9), edits, media(b"text", &table.concat())].concat()),
        boxed(*b"udta", list),
    ];
    let whole =
        [boxed(*b"ftyp", b"M4A "), boxed(*b"mdat", &texts.concat()), boxed(*b"moov", &movie.concat())];
    whole.concat()
}

fn times() -> Vec<u32> {
    numbers_of([0, 2, 2, 1000, 1, 4000])
}

fn numbers_of<const N: usize>(numbers: [u32; N]) -> Vec<u32> {
    numbers.to_vec()
}

fn read_of(bytes: &[u8]) -> Vec<Chapter> {
    let size_bytes = bytes.len() as u64;
    let mut tap = Tap::new(Box::new(Cursor::new(bytes.to_vec())), Arc::clone(&Control::silent().cancel));
    let Ok(mp4) = crate::mp4::read(&mut tap, size_bytes) else { return Vec::new() };
    read(&mut tap, &mp4, 7, size_bytes).unwrap().0.settle(None)
}

fn told(chapters: &[Chapter]) -> Vec<(u64, Option<u64>, &str)> {
    chapters.iter().map(|one| (one.start_ms(), one.end_ms(), one.title.as_str())).collect()
}

fn list(version: u8, count: u8, entries: &[(u64, &[u8])]) -> Vec<u8> {
    let mut body = vec![version, 0, 0, 0];
    body.resize(if version == 0 { 4 } else { 8 }, 0);
    body.push(count);
    for (start, title) in entries {
        body.extend_from_slice(&start.to_be_bytes());
        body.push(u8::try_from(title.len()).unwrap());
        body.extend_from_slice(title);
    }
    boxed(*b"chpl", &body)
}

#[test]
fn texts_that_the_sound_refers_to_are_chapters_and_an_empty_one_is_a_pause() {
    let listed = list(1, 1, &[(70_000_000, b"listed")]);
    let chapters = read_of(&file(&listed, &times(), PLACE));
    assert_eq!(told(&chapters), [(500, Some(1500), "One"), (2500, Some(6500), "Ö")]);
}

#[test]
fn the_list_counts_where_no_text_can_be_read() {
    for version in [0, 1] {
        let listed = list(version, 2, &[(0, b"a"), (70_000_000, "ö".as_bytes())]);
        for (times, place) in [(times(), u32::MAX), (numbers_of([0, 1, 9, 1, 0, 0]), PLACE)] {
            let chapters = read_of(&file(&listed, &times, place));
            assert_eq!(told(&chapters), [(0, Some(7000), "a"), (7000, None, "ö")], "{version} {place}");
        }
    }
}

#[test]
fn a_count_that_lies_gives_what_is_there() {
    let listed = list(1, 255, &[(0, b"a"), (70_000_000, b"b")]);
    assert_eq!(read_of(&file(&listed, &times(), u32::MAX)).len(), 2);
    assert_eq!(read_of(&file(&list(1, 0, &[(0, b"a")]), &times(), u32::MAX)).len(), 0);
    assert_eq!(read_of(&file(&boxed(*b"chpl", b""), &times(), u32::MAX)).len(), 0);
}

#[test]
fn no_change_of_a_byte_makes_it_stumble() {
    let whole = file(&list(1, 1, &[(0, b"listed")]), &times(), PLACE);
    for place in 0..whole.len() {
        for value in [0, 1, 0x7f, 0xff] {
            let mut bytes = whole.clone();
            bytes[place] = value;
            assert!(read_of(&bytes).len() <= 3, "{place}");
        }
        read_of(&whole[..place]);
    }
}
