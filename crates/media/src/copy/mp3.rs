//! MP3 as it is, behind tags of our own: the frames stay byte for byte, and with them the header that tells their number,
//! a seek table, and what the encoder put in front and behind.
//!
//! A stream without such a header gets one, so that players know its length. Parts are not cut here: frames borrow bits
//! from those before them, and the header can hide less than four frames.

use super::elementary::{self, Row};
use super::{About, Origin, Outcome};
use crate::control::Watch;
use crate::convert::Report;
use crate::encode::Output;
use crate::error::MediaError;
use crate::frames::{Frame, has_xing};
use crate::input::Input;
use crate::plan::Plan;
use crate::resample::rescale;
use crate::sniff::Kind;
use crate::tags::id3;

/// Entries of the seek table.
const SEEK_ENTRIES: usize = 100;
/// Id, flags, frames, bytes, the table, and a quality.
const INFO_BYTES: usize = 4 + 4 + 4 + 4 + SEEK_ENTRIES + 4;
/// That frames, bytes, table and quality are all there.
const ALL_FIELDS: u32 = 15;

pub(super) fn copy(
    mut input: Input,
    plan: &Plan,
    origin: &Origin<'_>,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<Outcome, MediaError> {
    let Kind::Mpeg { has_header } = input.kind else {
        return Ok(Outcome::Unfit(format!(
            "it is in {}, from which mp3 is not copied",
            input.info.container
        )));
    };
    let mut seen = Seen::default();
    let row = match elementary::survey(origin, input.size_bytes, watch, |frame| seen.note(frame))? {
        Ok(row) => row,
        Err(why) => return Ok(Outcome::Unfit(why)),
    };
    let starts_with_header = has_xing(&row.first);
    let frames = row.frames - u64::from(starts_with_header);
    if frames == 0 {
        return Err(MediaError::Empty("its audio track has no packets".into()));
    }
    let declared = if starts_with_header { declared_frames(&row.first) } else { None };
    if declared.is_some_and(|declared| u64::from(declared) != frames) {
        let declared = declared.unwrap_or(0);
        return Ok(Outcome::Unfit(format!("its header says {declared} frames, there are {frames}")));
    }
    let about = About::take(&mut input, plan);
    output.write(&id3::write(&about.tags, about.cover.as_ref(), &about.chapters))?;
    if !starts_with_header {
        output.write(&seen.header(&row))?;
    }
    row.write(origin, 0, output, watch)?;
    let rate_hz = input.info.audio.sample_rate_hz;
    let whole = frames * u64::from(frame_frames(rate_hz));
    let frames_out = input.declared_frames.filter(|_| has_header && declared.is_some()).unwrap_or(whole);
    Ok(Outcome::Copied(Report {
        summary: plan.summary.clone(),
        frames_out,
        duration_ms: rescale(frames_out, rate_hz, 1000),
        notes: input.notes,
        seams: Vec::new(),
        requests: 0,
        bytes_read: 0,
    }))
}

/// Two granules of 576 in MPEG-1, one in the versions for lower rates.
fn frame_frames(rate_hz: u32) -> u32 {
    if rate_hz >= 32_000 { 1152 } else { 576 }
}

/// Where the header's fields begin: behind the side information (ISO/IEC 11172-3, 2.4.1.7, and 13818-3).
fn info_offset(frame: &[u8]) -> usize {
    let is_mpeg1 = frame[1] & 8 != 0;
    match (is_mpeg1, is_mono(frame)) {
        (true, false) => 4 + 32,
        (true, true) | (false, false) => 4 + 17,
        (false, true) => 4 + 9,
    }
}

fn is_mono(frame: &[u8]) -> bool {
    frame.get(3).is_some_and(|fourth| fourth >> 6 == 3)
}

/// The number of frames behind the header, where it says one.
fn declared_frames(frame: &[u8]) -> Option<u32> {
    let fields = frame.get(info_offset(frame)..)?;
    let [id, flags, frames] = *fields.as_chunks::<4>().0.first_chunk::<3>()?;
    let is_known = &id == b"Xing" || &id == b"Info";
    let has_frames = u32::from_be_bytes(flags) & 1 != 0;
    (is_known && has_frames).then(|| u32::from_be_bytes(frames))
}

/// What a header tells of all frames.
#[derive(Default)]
struct Seen {
    first: Option<[u8; 4]>,
    has_one_rate: bool,
    frames: u64,
    bytes: u64,
    /// Where every so many frames begin.
    places: Vec<u64>,
    stride_log2: u32,
}

impl Seen {
    fn note(&mut self, frame: &[u8]) -> Result<(), String> {
        let [a, b, c, d, ..] = *frame else { return Err("is damaged".into()) };
        let first = *self.first.get_or_insert_with(|| {
            self.has_one_rate = true;
            [a, b, c, d]
        });
        if is_mono(&first) != is_mono(frame) {
            return Err("has another number of channels".into());
        }
        self.has_one_rate &= first[2] >> 4 == c >> 4;
        if self.frames.trailing_zeros() >= self.stride_log2 {
            self.places.push(self.bytes);
        }
        if self.places.len() >= 16 * SEEK_ENTRIES {
            let mut number = 0;
            self.places.retain(|_| {
                number += 1;
                number % 2 == 1
            });
            self.stride_log2 += 1;
        }
        self.frames += 1;
        self.bytes += frame.len() as u64;
        Ok(())
    }

    /// A silent frame with the header, large enough for it.
    fn header(&self, row: &Row) -> Vec<u8> {
        let [a, b, c, d] = self.first.unwrap_or_default();
        let offset = info_offset(&row.first);
        let silent = (1..15).find_map(|index| {
            // No checksum, no padding.
            let head = [a, b | 1, index << 4 | (c & 0x0c), d];
            let frame = Frame::parse(&[&head[..], &[0; 4]].concat())?;
            (frame.bytes >= offset + INFO_BYTES).then_some((head, frame.bytes))
        });
        let Some((head, bytes)) = silent else { return Vec::new() };
        let mut frame = head.to_vec();
        frame.resize(offset, 0);
        frame.extend_from_slice(if self.has_one_rate { b"Info" } else { b"Xing" });
        frame.extend_from_slice(&ALL_FIELDS.to_be_bytes());
        frame.extend_from_slice(&u32::try_from(self.frames).unwrap_or(u32::MAX).to_be_bytes());
        let all = self.bytes + bytes as u64;
        frame.extend_from_slice(&u32::try_from(all).unwrap_or(u32::MAX).to_be_bytes());
        frame.extend((0..SEEK_ENTRIES).map(|entry| self.place(entry, bytes as u64, all)));
        frame.resize(bytes, 0);
        frame
    }

    /// Where so many hundredths of the time are, in 256ths of the bytes.
    fn place(&self, entry: usize, before: u64, all: u64) -> u8 {
        let frame = self.frames * entry as u64 / SEEK_ENTRIES as u64;
        let place = usize::try_from(frame >> self.stride_log2).ok().and_then(|index| self.places.get(index));
        let place = before + place.copied().unwrap_or(self.bytes);
        u8::try_from(place * 256 / all.max(1)).unwrap_or(u8::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frames::silent_mp3;

    #[test]
    fn a_stream_without_a_header_gets_one_that_counts_and_seeks() {
        let frame = silent_mp3(1);
        let mut seen = Seen::default();
        for _ in 0..100_000 {
            seen.note(&frame).unwrap();
        }
        let row = Row::of(&frame);
        let header = seen.header(&row);
        assert_eq!(Frame::parse(&header).unwrap().bytes, header.len());
        assert!(has_xing(&header) && header[36..40] == *b"Info");
        assert_eq!(declared_frames(&header), Some(100_000));
        let table = &header[52..152];
        for (entry, place) in table.iter().enumerate() {
            assert!(
                (i32::from(*place) - i32::try_from(entry * 256 / 100).unwrap()).abs() <= 1,
                "{entry}: {place}"
            );
        }
        assert!(seen.places.len() < 16 * SEEK_ENTRIES);
        let mut mono = frame;
        mono[3] |= 0xc0;
        assert!(seen.note(&mono).is_err());
    }
}
