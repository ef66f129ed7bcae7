//! Carries out a plan that keeps the packets: Opus into DCA.
//!
//! What is written cannot be taken back, and the header names the mean bit rate of all that follows; so the packets
//! are looked at first, every one of them, before the first byte goes out. The packets of a song fit into a few
//! megabytes and are kept in memory on the way, so they are read once; of something longer only the counts are kept, and
//! it is read again.

use crate::control::Watch;
use crate::convert::Report;
use crate::dca::{Header, Writer, mean_rate_bps};
use crate::encode::Output;
use crate::error::MediaError;
use crate::input::{Input, Stream};
use crate::opus::{self, Packet};
use crate::plan::{COPIED_FRAMES, MAX_EXTRA_FRAMES, Plan};
use crate::target::Format;

/// What is kept of a source to spare reading it again: more than a song of five minutes at any usual rate.
const KEPT_BYTES: u64 = 8 * 1024 * 1024;

/// What looking at all packets found.
pub(crate) enum Survey {
    /// All can be carried.
    Fits(Tally),
    /// One of them cannot, or the lengths do not add up to what the container declares; and why.
    Unfit(String),
}

/// All packets, counted.
pub(crate) struct Tally {
    packets: u64,
    bytes: u64,
    /// The packets themselves, unless there are too many.
    kept: Option<Kept>,
    notes: Vec<String>,
}

/// Packets end to end.
#[derive(Default)]
struct Kept {
    bytes: Vec<u8>,
    ends: Vec<usize>,
}

impl Kept {
    fn push(&mut self, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        self.ends.push(self.bytes.len());
    }

    fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        starts.zip(&self.ends).map(|(start, end)| &self.bytes[start..*end])
    }
}

/// Looks at every packet.
pub(crate) fn survey(mut input: Input, watch: &mut Watch<'_>) -> Result<Survey, MediaError> {
    let mut tally = Tally { packets: 0, bytes: 0, kept: Some(Kept::default()), notes: Vec::new() };
    // Should it be read again, this was half of the work.
    let share = if input.size_bytes <= KEPT_BYTES { 1.0 } else { 0.5 };
    while let Some(packet) = next(&mut input.stream, tally.packets)? {
        watch.check()?;
        let bytes = match packet {
            Candidate::Fits(bytes) => bytes,
            Candidate::Unfit(why) => return Ok(Survey::Unfit(why)),
        };
        tally.packets += 1;
        tally.bytes += bytes.len() as u64;
        match &mut tally.kept {
            Some(kept) if tally.bytes <= KEPT_BYTES => kept.push(&bytes),
            kept => *kept = None,
        }
        let read = progress(&input) * share;
        watch.report(read, media_ms(tally.packets));
    }
    if tally.packets == 0 {
        return Err(MediaError::Empty("its audio track has no packets".into()));
    }
    Ok(judge(&mut input, tally))
}

/// Holds the count against what the container declares: all of it must be there, and hardly more.
fn judge(input: &mut Input, mut tally: Tally) -> Survey {
    let frames = tally.packets * u64::from(COPIED_FRAMES);
    let heard = match (input.declared_frames, input.opus.as_ref()) {
        (Some(declared), _) => declared,
        (None, Some(head)) => frames.saturating_sub(u64::from(head.pre_skip) + u64::from(input.trim.padding)),
        (None, None) => frames,
    };
    tally.notes.append(&mut input.notes);
    tally.notes.extend(input.stream.left_out());
    match frames.checked_sub(heard) {
        // What is missing is told with its numbers by the decoding, which counts as well.
        None => Survey::Unfit(format!("{} ms of its audio are missing", (heard - frames) / 48)),
        Some(extra) if extra > MAX_EXTRA_FRAMES => {
            Survey::Unfit(format!("{} ms of it are not to be heard, which dca cannot say", extra / 48))
        }
        Some(_) => Survey::Fits(tally),
    }
}

/// Writes the packets that the survey found; `reopen` gives the input once more where they have to be read again.
pub(crate) fn write(
    plan: &Plan,
    tally: Tally,
    reopen: impl FnOnce() -> Result<Input, MediaError>,
    output: &mut Output<'_>,
    mut watch: Watch<'_>,
) -> Result<Report, MediaError> {
    let frames = tally.packets * u64::from(COPIED_FRAMES);
    let bit_rate_bps = u32::try_from(mean_rate_bps(tally.bytes, frames)).unwrap_or(u32::MAX);
    let header = Header::new(bit_rate_bps, plan.channels, COPIED_FRAMES);
    let mut writer = Writer::new((plan.format == Format::Dca).then_some(&header))?;
    match &tally.kept {
        Some(kept) => kept.packets().try_for_each(|packet| {
            watch.check()?;
            writer.push(packet, output)
        })?,
        None => copy_again(&mut reopen()?, &tally, &mut writer, output, &mut watch)?,
    }
    writer.finish(output)?;
    output.flush()?;
    watch.finish();
    Ok(Report {
        summary: plan.summary.clone(),
        frames_out: frames,
        duration_ms: media_ms(tally.packets),
        notes: tally.notes,
        seams: Vec::new(),
    })
}

fn copy_again(
    input: &mut Input,
    tally: &Tally,
    writer: &mut Writer,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<(), MediaError> {
    let (mut packets, mut bytes) = (0, 0);
    while let Some(packet) = next(&mut input.stream, packets)? {
        watch.check()?;
        let packet = match packet {
            Candidate::Fits(bytes) => bytes,
            Candidate::Unfit(why) => return Err(changed(why)),
        };
        packets += 1;
        bytes += packet.len() as u64;
        writer.push(&packet, output)?;
        watch.report(0.5 + progress(input) / 2.0, media_ms(packets));
    }
    if (packets, bytes) == (tally.packets, tally.bytes) {
        Ok(())
    } else {
        Err(changed(format!("{packets} packets instead of {}", tally.packets)))
    }
}

fn changed(what: impl std::fmt::Display) -> MediaError {
    MediaError::Corrupt(format!("it changed while it was read: {what}"))
}

/// A packet of the source.
enum Candidate {
    /// It can be carried.
    Fits(Box<[u8]>),
    /// It cannot, and why.
    Unfit(String),
}

fn next(stream: &mut Stream, number: u64) -> Result<Option<Candidate>, MediaError> {
    let Some(packet) = stream.next_packet()? else { return Ok(None) };
    let why = match Packet::read(&packet.data) {
        Ok(Packet { frames: COPIED_FRAMES, .. }) => return Ok(Some(Candidate::Fits(packet.data))),
        Ok(Packet { frames, .. }) => format!("has {} ms, dca has 20 ms", f64::from(frames) / 48.0),
        Err(why) => format!("is damaged: {why}"),
    };
    Ok(Some(Candidate::Unfit(format!("packet {} {why}", number + 1))))
}

#[expect(clippy::cast_precision_loss, reason = "a share for display")]
fn progress(input: &Input) -> f64 {
    input.stream.gauge.position() as f64 / input.size_bytes.max(1) as f64
}

fn media_ms(packets: u64) -> u64 {
    packets * u64::from(COPIED_FRAMES) * 1000 / u64::from(opus::RATE_HZ)
}
