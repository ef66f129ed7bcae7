//! Opus into Ogg (RFC 7845), from any container: its header says what to skip at the start, the last page's position
//! where the end is, both to the frame.
//!
//! A part is cut at packets. What is decoded before it, 80 ms, is not heard: a decoder that starts in the middle needs
//! as long to become the one that came from the start (section 4.6). Not more, as some players count it into the length.

use super::survey::{replay, survey};
use super::{About, Origin, Outcome, heard, part_of};
use crate::chapters::clock;
use crate::control::Watch;
use crate::convert::Report;
use crate::encode::{OggPages, Output};
use crate::error::MediaError;
use crate::input::Input;
use crate::opus::{self, OpusHead, Packet, frames_of};
use crate::plan::Plan;
use crate::tags::vorbis;

/// What a decoder is given to settle, in front of a part.
const PRE_ROLL_FRAMES: u64 = 3840;
/// Any number serves, as the file holds one stream.
const SERIAL: u32 = 0x7265_656c;
/// A page is about a second, and short packets fill it no further than its segments reach.
const PACKETS_A_PAGE: usize = 50;
const SEGMENTS_A_PAGE: usize = 240;

pub(super) fn copy(
    mut input: Input,
    plan: &Plan,
    origin: &Origin<'_>,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<Outcome, MediaError> {
    let Some(head) = input.opus.clone() else { return Ok(Outcome::Unfit("it has no header".into())) };
    let is_plain = head.mapping_family == 0;
    let judge = |packet: &[u8]| if is_plain { judge_one(packet) } else { judge_several(packet) };
    let tally = match survey(&mut input, watch, judge, |_, _| Ok(()))? {
        Ok(tally) => tally,
        Err(why) => return Ok(Outcome::Unfit(why)),
    };
    let to_hear = heard(&input.trim, tally.frames);
    let missing =
        input.declared_frames.map_or(0, |declared| declared.saturating_sub(to_hear.end - to_hear.start));
    if missing > 0 {
        // What is missing is told with its numbers by the decoding, which counts as well.
        return Ok(Outcome::Unfit(format!("{} ms of its audio are missing", missing / 48)));
    }
    let part = part_of(plan, opus::RATE_HZ, &to_hear)?;
    let about = About::take(&mut input, plan);
    drop(input);
    let is_from_start = part.start <= u64::from(head.pre_skip).max(PRE_ROLL_FRAMES);
    let mut pages = Pages {
        head,
        about,
        from: if is_from_start { 0 } else { part.start - PRE_ROLL_FRAMES },
        start: part.start,
        end: part.end,
        position: 0,
        held: None,
        begun: None,
    };
    replay(&tally, origin, watch, judge, |packet, frames| pages.push(packet, frames, output))?;
    pages.finish(output)?;
    let frames_out = part.end - part.start;
    Ok(Outcome::Copied(Report {
        summary: plan.summary.clone(),
        frames_out,
        duration_ms: (frames_out * 1000 + 24_000) / u64::from(opus::RATE_HZ),
        notes: tally.notes,
        seams: Vec::new(),
        requests: 0,
        bytes_read: 0,
    }))
}

fn judge_one(packet: &[u8]) -> Result<u32, String> {
    Packet::read(packet).map(|packet| packet.frames).map_err(|why| format!("is damaged: {why}"))
}

/// Packets of several streams are looked at no further than their length.
fn judge_several(packet: &[u8]) -> Result<u32, String> {
    frames_of(packet).ok_or_else(|| "is damaged".to_owned())
}

/// Packets on their way into pages. Positions are frames of the source's packets.
struct Pages {
    head: OpusHead,
    about: About,
    /// Packets that end before it are left out.
    from: u64,
    /// Where the sound begins and ends.
    start: u64,
    end: u64,
    position: u64,
    /// A packet that waits until it is known not to be the last.
    held: Option<Vec<u8>>,
    /// The pages, the position from which they count, and the packets on the page.
    begun: Option<(OggPages, u64, usize)>,
}

impl Pages {
    fn push(&mut self, packet: &[u8], frames: u32, output: &mut Output<'_>) -> Result<(), MediaError> {
        let (start, end) = (self.position, self.position + u64::from(frames));
        self.position = end;
        if end <= self.from || start >= self.end {
            return Ok(());
        }
        let begun = match self.begun.take() {
            Some(begun) => begun,
            None => (self.begin(start, output)?, start, 0),
        };
        let (pages, base, packets) = self.begun.insert(begun);
        if let Some(held) = self.held.replace(packet.to_vec()) {
            pages.push(&held, start - *base, output)?;
            *packets += 1;
            if *packets == PACKETS_A_PAGE || pages.segments() > SEGMENTS_A_PAGE {
                pages.end_page(output)?;
                *packets = 0;
            }
        }
        Ok(())
    }

    /// Writes the headers, each on a page of its own.
    fn begin(&self, base: u64, output: &mut Output<'_>) -> Result<OggPages, MediaError> {
        let mut pages = OggPages::new(SERIAL);
        let pre_skip = u16::try_from(self.start - base)
            .map_err(|_| MediaError::Corrupt("it skips more than opus can say".into()))?;
        pages.push(&self.head.write(pre_skip), 0, output)?;
        pages.end_page(output)?;
        let mut lines = clock::comments(&self.about.chapters);
        lines.extend(self.about.cover.as_ref().map(vorbis::picture_comment));
        let mut tags = b"OpusTags".to_vec();
        tags.extend_from_slice(&vorbis::write_comments(&self.about.tags, &lines));
        pages.push(&tags, 0, output)?;
        pages.end_page(output)?;
        Ok(pages)
    }

    fn finish(self, output: &mut Output<'_>) -> Result<(), MediaError> {
        let (Some((mut pages, base, _)), Some(last)) = (self.begun, self.held) else {
            return Err(MediaError::Empty("its audio track has no packets".into()));
        };
        pages.push(&last, self.end - base, output)?;
        pages.finish(output)
    }
}
