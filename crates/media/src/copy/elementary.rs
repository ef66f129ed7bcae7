//! Streams that have no container, MPEG audio and ADTS: a row of frames of which each leads to the next, from the end
//! of the tags in front to the tags behind.
//!
//! Only such a row is copied. Where it is broken, by junk, a cut, or a stream of another kind, the decoders know how to
//! go on, or say what is wrong.

use std::io::Cursor;
use std::ops::Range;
use std::sync::Arc;

use super::Origin;
use super::survey::KEPT_BYTES;
use crate::control::Watch;
use crate::encode::Output;
use crate::error::MediaError;
use crate::frames::{Family, Frame};
use crate::reading::straight;
use crate::sniff::id3_bytes;
use crate::tap::Tap;

/// How far behind the tags the first frame may stand.
const SEARCH_BYTES: usize = 128 * 1024;
const WINDOW_BYTES: usize = 256 * 1024;
/// What a frame has at most, which is ADTS' 13 bits.
const MAX_FRAME_BYTES: usize = 8192;
const MAX_ID3_TAGS: usize = 8;
const ID3V1_BYTES: usize = 128;
/// What may be behind the last frame, tags and zeros.
const MAX_TAIL_BYTES: usize = 1024 * 1024;

/// A row of frames.
pub(super) struct Row {
    /// Where it stands in the source.
    pub(super) range: Range<u64>,
    pub(super) frames: u64,
    /// The first frame.
    pub(super) first: Vec<u8>,
    /// The whole of it, unless it is too long.
    kept: Option<Vec<u8>>,
}

/// Looks at all frames, shows each to `show`, which may say what is wrong with it.
pub(super) fn survey(
    origin: &Origin<'_>,
    size_bytes: u64,
    watch: &mut Watch<'_>,
    mut show: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<Result<Row, String>, MediaError> {
    let mut walk = Walk::new(origin.tap(), size_bytes);
    let Some(first) = walk.find_first()? else {
        return Ok(Err("its first frame is not where it should be".into()));
    };
    let start = walk.position();
    let mut row =
        Row { range: start..start, frames: 0, first, kept: (size_bytes <= KEPT_BYTES).then(Vec::new) };
    loop {
        watch.check()?;
        let family = walk.family;
        match walk.next()? {
            Step::Frame(frame) => {
                if Frame::parse(frame).map(|frame| frame.family) != family {
                    return Ok(Err(format!("frame {} is of another kind", row.frames + 1)));
                }
                if let Err(why) = show(frame) {
                    return Ok(Err(format!("frame {} {why}", row.frames + 1)));
                }
                row.frames += 1;
                if let Some(kept) = &mut row.kept {
                    kept.extend_from_slice(frame);
                }
            }
            Step::End => break,
            Step::Lost => return Ok(Err(format!("after frame {} something else follows", row.frames))),
        }
        #[expect(clippy::cast_precision_loss, reason = "a share for display")]
        watch.report(walk.position() as f64 / size_bytes.max(1) as f64 / 2.0, 0);
    }
    row.range.end = walk.position();
    Ok(Ok(row))
}

impl Row {
    /// Copies all frames as they are.
    pub(super) fn write(
        &self,
        origin: &Origin<'_>,
        skipped_bytes: u64,
        output: &mut Output<'_>,
        watch: &mut Watch<'_>,
    ) -> Result<(), MediaError> {
        if let Some(kept) = &self.kept {
            let start = usize::try_from(skipped_bytes).unwrap_or(usize::MAX);
            return output.write(kept.get(start..).unwrap_or_default());
        }
        let mut tap = origin.tap();
        let gauge = tap.gauge();
        let mut window = vec![0; WINDOW_BYTES];
        let mut offset = self.range.start + skipped_bytes;
        if tap.is_far() {
            tap.follow(straight(offset..self.range.end));
        }
        while offset < self.range.end {
            watch.check()?;
            let wanted = usize::try_from(self.range.end - offset).unwrap_or(WINDOW_BYTES).min(WINDOW_BYTES);
            let filled =
                tap.read_at(offset, &mut window[..wanted]).map_err(|error| gauge.explain_io(error))?;
            if filled < wanted {
                return Err(super::changed("it has become shorter"));
            }
            output.write(&window[..wanted])?;
            offset += wanted as u64;
        }
        Ok(())
    }

    /// Shows all frames once more.
    pub(super) fn each(
        &self,
        origin: &Origin<'_>,
        watch: &mut Watch<'_>,
        mut show: impl FnMut(&[u8]) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        let bytes = self.range.end - self.range.start;
        let mut walk = match &self.kept {
            Some(kept) => Walk::new(
                Tap::new(Box::new(Cursor::new(kept.clone())), Arc::clone(&origin.control.cancel)),
                bytes,
            ),
            None => Walk { next_read: self.range.start, ..Walk::new(origin.tap(), self.range.end) },
        };
        for _ in 0..self.frames {
            watch.check()?;
            match walk.next()? {
                Step::Frame(frame) => show(frame)?,
                Step::End | Step::Lost => return Err(super::changed("a frame is gone")),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
impl Row {
    pub(super) fn of(frame: &[u8]) -> Self {
        Self { range: 0..frame.len() as u64, frames: 1, first: frame.to_vec(), kept: None }
    }
}

enum Step<'a> {
    Frame(&'a [u8]),
    End,
    Lost,
}

/// Goes from frame to frame.
struct Walk {
    tap: Tap,
    size_bytes: u64,
    /// What is read, and how much of it is done with.
    window: Vec<u8>,
    used: usize,
    next_read: u64,
    family: Option<Family>,
}

impl Walk {
    fn new(mut tap: Tap, size_bytes: u64) -> Self {
        tap.read_straight();
        Self { tap, size_bytes, window: Vec::new(), used: 0, next_read: 0, family: None }
    }

    /// Where the next frame stands.
    fn position(&self) -> u64 {
        self.next_read - (self.window.len() - self.used) as u64
    }

    /// Reads on until there is as much as that, or all.
    fn fill(&mut self, wanted: usize) -> Result<(), MediaError> {
        if self.window.len() - self.used >= wanted || self.next_read >= self.size_bytes {
            return Ok(());
        }
        self.window.drain(..self.used);
        self.used = 0;
        let had = self.window.len();
        self.window.resize(had.max(wanted) + WINDOW_BYTES, 0);
        let gauge = self.tap.gauge();
        let filled = self
            .tap
            .read_at(self.next_read, &mut self.window[had..])
            .map_err(|error| gauge.explain_io(error))?;
        self.window.truncate(had + filled);
        self.next_read += filled as u64;
        if filled == 0 {
            self.size_bytes = self.next_read;
        }
        Ok(())
    }

    fn skip_tags(&mut self) -> Result<(), MediaError> {
        for _ in 0..MAX_ID3_TAGS {
            self.fill(SEARCH_BYTES)?;
            let Some(bytes) = id3_bytes(&self.window[self.used..]) else { break };
            let next = self.position().saturating_add(bytes);
            self.window.clear();
            (self.used, self.next_read) = (0, next);
        }
        Ok(())
    }

    /// Goes to the first frame that another of its kind follows, or the end.
    fn find_first(&mut self) -> Result<Option<Vec<u8>>, MediaError> {
        self.skip_tags()?;
        self.fill(SEARCH_BYTES + 2 * MAX_FRAME_BYTES)?;
        let rest = &self.window[self.used..];
        let leads = |start: usize| {
            let first = Frame::parse(&rest[start..])?;
            let next = &rest.get(start + first.bytes..)?;
            let is_row = next.is_empty() || is_tail(next) || Frame::parse(next)?.family == first.family;
            is_row.then_some((start, first))
        };
        let Some((start, first)) = (0..rest.len().min(SEARCH_BYTES)).find_map(leads) else { return Ok(None) };
        let frame = rest[start..start + first.bytes].to_vec();
        self.used += start;
        self.family = Some(first.family);
        Ok(Some(frame))
    }

    fn next(&mut self) -> Result<Step<'_>, MediaError> {
        self.fill(MAX_FRAME_BYTES)?;
        let rest = &self.window[self.used..];
        let bytes = Frame::parse(rest).map(|frame| frame.bytes).filter(|bytes| *bytes <= rest.len());
        if let Some(bytes) = bytes {
            let start = self.used;
            self.used += bytes;
            return Ok(Step::Frame(&self.window[start..start + bytes]));
        }
        self.fill(MAX_TAIL_BYTES)?;
        let rest = &self.window[self.used..];
        Ok(if is_tail(rest) && self.next_read >= self.size_bytes { Step::End } else { Step::Lost })
    }
}

/// Whether nothing is left but tags, to the last byte: `ID3v2`, APE, `ID3v1`; or zeros.
fn is_tail(mut rest: &[u8]) -> bool {
    loop {
        let length = match rest {
            [] => return true,
            [b'T', b'A', b'G', ..] => ID3V1_BYTES,
            // APEv2: the size stands behind the version and leaves out the header.
            [b'A', b'P', b'E', b'T', b'A', b'G', b'E', b'X', _, _, _, _, a, b, c, d, ..] => {
                (u32::from_le_bytes([*a, *b, *c, *d]) as usize).saturating_add(32)
            }
            [b'I', b'D', b'3', ..] => {
                id3_bytes(rest).and_then(|bytes| usize::try_from(bytes).ok()).unwrap_or(usize::MAX)
            }
            _ => return rest.iter().all(|byte| *byte == 0),
        };
        let Some(behind) = rest.get(length..) else { return false };
        rest = behind;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::control::Control;
    use crate::frames::silent_mp3;
    use crate::source::Reopenable;

    fn surveyed(bytes: &[u8]) -> Result<(u64, Range<u64>), String> {
        let control = Control::silent();
        let source = Reopenable::new(Box::new(Cursor::new(bytes.to_vec())));
        let origin = Origin { source: &source, name_hint: None, control: &control };
        let row = survey(&origin, bytes.len() as u64, &mut Watch::new(&control), |_| Ok(())).unwrap();
        row.map(|row| {
            assert_eq!(row.kept.unwrap().len() as u64, row.range.end - row.range.start);
            (row.frames, row.range)
        })
    }

    #[test]
    fn a_row_ends_where_tags_begin_and_nowhere_else() {
        let row = silent_mp3(1000);
        let end = row.len() as u64;
        let id3v1 = [&b"TAG"[..], &[b'x'; 125]].concat();
        let ape = [&b"APETAGEX"[..], &[0; 4], &4_u32.to_le_bytes(), &[0; 16], b"body"].concat();
        for tail in
            [&[][..], &id3v1, &ape, &[&ape[..], &id3v1].concat(), b"ID3\x04\0\0\0\0\0\x03abc", &[0; 999]]
        {
            assert_eq!(surveyed(&[&row[..], tail].concat()), Ok((1000, 0..end)));
        }
        let front = [&b"ID3\x04\0\0\0\0\x08\0"[..], &[0; 1024], &row].concat();
        assert_eq!(surveyed(&front), Ok((1000, 1034..1034 + end)));
        let after = "after frame 1000 something else follows";
        for tail in [&b"junk"[..], &id3v1[..100], &[&id3v1[..], &row].concat(), &row[..200]] {
            assert_eq!(surveyed(&[&row[..], tail].concat()).unwrap_err(), after);
        }
        let mut other = silent_mp3(1);
        other[2] |= 4;
        assert!(surveyed(&[&row[..], &other.repeat(3)].concat()).is_err());
        assert!(surveyed(b"nothing of the kind").is_err());
    }
}
