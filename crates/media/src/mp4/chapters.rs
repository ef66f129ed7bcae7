//! Chapters of an MP4: a track of texts that the sound refers to (`QuickTime` File Format, "Chapter Lists"), or Nero's
//! list beside the tags.
//!
//! The texts may lie anywhere in the media. Of a source that is far they are read only if that takes a read or two;
//! the list is always at hand. Nothing that is wrong with either keeps the sound from being read.

use std::io;
use std::ops::Range;

use super::table::{Cursor, Table};
use super::{Mp4, Mp4Track, read_u32};
use crate::chapters::{MAX_CHAPTERS, MAX_TITLE_BYTES, Marks};
use crate::error::MediaError;
use crate::tap::Tap;

/// No list of Nero's is longer.
const MAX_LIST_BYTES: u64 = 128 * 1024;
/// How much may lie between the first and the last text of a far source.
const MAX_FAR_BYTES: u64 = 128 * 1024;

/// Where a text lies, and when it is shown, in ticks.
#[derive(Clone, Copy)]
struct Text {
    offset: u64,
    bytes: u64,
    start: u64,
    end: u64,
}

/// Reads the chapters of the track `id`, or else those of any track: they are the whole file's. What was left out of
/// them is the second answer.
pub(crate) fn read(
    tap: &mut Tap,
    mp4: &Mp4,
    id: u32,
    size_bytes: u64,
) -> Result<(Marks, Option<String>), MediaError> {
    let gauge = tap.gauge();
    let own = mp4.track(id).into_iter().chain(&mp4.tracks);
    let texts = own.flat_map(|track| &track.chapters).filter_map(|id| mp4.track(*id));
    if let Some(track) = texts.into_iter().find(|track| matches!(&track.handler, b"text" | b"sbtl")) {
        match read_track(tap, mp4, track, size_bytes)? {
            Some(marks) if !marks.is_empty() => return Ok((marks, None)),
            None if mp4.chapters.is_none() => {
                let note = "its chapters are left out, their titles are spread over all of it".to_owned();
                return Ok((Marks::default(), Some(note)));
            }
            Some(_) | None => {}
        }
    }
    let Some(place) = &mp4.chapters else { return Ok((Marks::default(), None)) };
    let marks = read_list(tap, place).map_err(|error| gauge.explain_io(error))?;
    Ok((marks, None))
}

/// Reads the texts, or gives `None` where they are too far apart.
fn read_track(
    tap: &mut Tap,
    mp4: &Mp4,
    track: &Mp4Track,
    size_bytes: u64,
) -> Result<Option<Marks>, MediaError> {
    let gauge = tap.gauge();
    let mut marks = Marks::default();
    let Some(sizes) = &track.tables.sizes else { return Ok(Some(marks)) };
    let count = read_u32(tap, sizes.start + 8).map_err(|error| gauge.explain_io(error))?;
    if count == 0 || count as usize > 8 * MAX_CHAPTERS || track.timescale == 0 {
        return Ok(Some(marks));
    }
    let table = match Table::read(tap, &track.tables, None, size_bytes) {
        Ok(Some(table)) => table,
        Err(error @ (MediaError::Io(_) | MediaError::Cancelled)) => return Err(error),
        Ok(None) | Err(_) => return Ok(Some(marks)),
    };
    let mut cursor = Cursor::default();
    let texts: Vec<Text> = std::iter::from_fn(|| table.next(&mut cursor, 1))
        .take(MAX_CHAPTERS)
        .map(|place| Text {
            offset: place.offset,
            bytes: place.bytes,
            start: place.pts,
            end: place.pts.saturating_add(place.ticks),
        })
        .collect();
    if tap.is_far() && span(&texts) > MAX_FAR_BYTES {
        return Ok(None);
    }
    let skipped = track.edits.first().map_or(0, |edit| edit.media_time);
    let delay_us = to_us(track.delay, mp4.timescale);
    let shown_us = track
        .edits
        .first()
        .filter(|edit| edit.duration > 0)
        .map_or(u64::MAX, |edit| to_us(edit.duration, mp4.timescale));
    for text in texts {
        let at = |tick: u64| {
            to_us(tick.saturating_sub(skipped), track.timescale).min(shown_us).saturating_add(delay_us)
        };
        let title = read_text(tap, text, size_bytes).map_err(|error| gauge.explain_io(error))?;
        // An empty text is a pause between chapters.
        if let Some(title) = title.filter(|title| !title.is_empty()) {
            marks.add(at(text.start), Some(at(text.end)), &title);
        }
    }
    Ok(Some(marks))
}

fn span(texts: &[Text]) -> u64 {
    let start = texts.iter().map(|text| text.offset).min().unwrap_or(0);
    let end = texts.iter().map(|text| text.offset.saturating_add(text.bytes)).max().unwrap_or(0);
    end - start
}

fn to_us(ticks: u64, timescale: u32) -> u64 {
    let us = u128::from(ticks) * 1_000_000 / u128::from(timescale.max(1));
    u64::try_from(us).unwrap_or(u64::MAX)
}

/// A length in 16 bits and so much text: UTF-8, unless a byte order mark says UTF-16.
fn read_text(tap: &mut Tap, text: Text, size_bytes: u64) -> io::Result<Option<String>> {
    let there = text.bytes.min(size_bytes.saturating_sub(text.offset)).min(2 + 2 * MAX_TITLE_BYTES as u64);
    let mut bytes = vec![0; usize::try_from(there).unwrap_or(0)];
    let length = tap.read_at(text.offset, &mut bytes)?;
    let Some((length, bytes)) = bytes[..length].split_first_chunk::<2>() else { return Ok(None) };
    let bytes = &bytes[..usize::from(u16::from_be_bytes(*length)).min(bytes.len())];
    let wide = |number: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.as_chunks::<2>().0.iter().skip(1).map(|unit| number(*unit)).collect();
        String::from_utf16_lossy(&units)
    };
    Ok(Some(match bytes {
        [0xfe, 0xff, ..] => wide(u16::from_be_bytes),
        [0xff, 0xfe, ..] => wide(u16::from_le_bytes),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }))
}

/// A version, which decides whether four bytes follow, a count, and for each chapter its start in 100 ns and its title
/// behind a byte with its length.
fn read_list(tap: &mut Tap, place: &Range<u64>) -> io::Result<Marks> {
    let length = (place.end - place.start).min(MAX_LIST_BYTES);
    let mut bytes = vec![0; usize::try_from(length).unwrap_or(0)];
    let length = tap.read_at(place.start, &mut bytes)?;
    let bytes = &bytes[..length];
    let mut marks = Marks::default();
    let first = if bytes.first() == Some(&0) { 4 } else { 8 };
    let Some((count, mut rest)) = bytes.get(first..).and_then(<[u8]>::split_first) else { return Ok(marks) };
    for _ in 0..*count {
        let Some((start, behind)) = rest.split_first_chunk::<8>() else { break };
        let Some((title_bytes, behind)) = behind.split_first() else { break };
        let Some((title, behind)) = behind.split_at_checked(usize::from(*title_bytes)) else { break };
        marks.add(u64::from_be_bytes(*start) / 10, None, &String::from_utf8_lossy(title));
        rest = behind;
    }
    Ok(marks)
}

#[cfg(test)]
mod tests;
