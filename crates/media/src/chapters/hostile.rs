//! Whole files whose chapters are meant to hurt: each is probed as any other, and the sound is found.

use std::io::Cursor;

use super::MAX_CHAPTERS;
use crate::frames::silent_mp3;
use crate::info::Info;

fn frame(id: [u8; 4], body: &[u8]) -> Vec<u8> {
    [&id[..], &synchsafe(body.len()), &[0, 0], body].concat()
}

fn synchsafe(size: usize) -> [u8; 4] {
    [21, 14, 7, 0].map(|shift| u8::try_from((size >> shift) & 0x7f).unwrap())
}

fn chapter(id: &str, within: &[u8]) -> Vec<u8> {
    let times = [0_u32, 5, u32::MAX, u32::MAX].map(u32::to_be_bytes).concat();
    frame(*b"CHAP", &[id.as_bytes(), &[0], &times, within].concat())
}

fn contents(id: &str, flags: u8, entry: &str) -> Vec<u8> {
    frame(*b"CTOC", &[id.as_bytes(), &[0, flags, 1], entry.as_bytes(), &[0]].concat())
}

fn probed(frames: &[u8]) -> Info {
    let mut bytes = [&b"ID3\x04\0\0"[..], &synchsafe(frames.len()), frames].concat();
    for _ in 0..50 {
        bytes.extend_from_slice(&silent_mp3(1));
    }
    crate::probe(Box::new(Cursor::new(bytes)), None).unwrap()
}

#[test]
fn as_many_chapters_as_a_tag_holds_are_some() {
    let frames: Vec<u8> = (0..20_000_u32).flat_map(|number| chapter(&number.to_string(), &[])).collect();
    assert!(probed(&frames).chapters.len() <= MAX_CHAPTERS);
}

#[test]
fn chapters_within_chapters_of_a_tag_end_somewhere() {
    let mut deep = Vec::new();
    for _ in 0..2000 {
        deep = chapter("x", &deep);
    }
    assert!(probed(&deep).chapters.len() <= MAX_CHAPTERS);
}

#[test]
fn contents_within_contents_end_somewhere() {
    let mut frames = contents("0", 3, "1");
    for number in 1..100_000_u32 {
        frames.extend(contents(&number.to_string(), 1, &(number + 1).to_string()));
    }
    frames.extend(chapter("100000", &[]));
    assert!(probed(&frames).chapters.len() <= MAX_CHAPTERS);
}
