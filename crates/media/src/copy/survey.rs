//! Looks at all packets that a demuxer gives, and gives them once more.
//!
//! The packets of a song fit into a few megabytes and are kept in memory on the way, so they are read once; of
//! something longer only the counts are kept, and it is read again.

use super::{Origin, changed};
use crate::control::Watch;
use crate::error::MediaError;
use crate::input::Input;

/// What is kept of a source to spare reading it again: more than a song of five minutes at any usual rate.
pub(super) const KEPT_BYTES: u64 = 16 * 1024 * 1024;

/// Says how many frames a packet has, or why it cannot be carried, as what follows `packet 7 …`.
pub(super) trait Judge: Fn(&[u8]) -> Result<u32, String> {}
impl<F: Fn(&[u8]) -> Result<u32, String>> Judge for F {}

/// All packets, counted.
pub(super) struct Tally {
    pub(super) packets: u64,
    pub(super) bytes: u64,
    pub(super) frames: u64,
    /// The packets themselves, unless there are too many.
    kept: Option<Kept>,
    pub(super) notes: Vec<String>,
}

/// Packets end to end.
#[derive(Default)]
pub(super) struct Kept {
    bytes: Vec<u8>,
    ends: Vec<u32>,
}

impl Kept {
    pub(super) fn push(&mut self, packet: &[u8]) {
        self.bytes.extend_from_slice(packet);
        // Far below what the number holds, by `KEPT_BYTES`.
        self.ends.push(u32::try_from(self.bytes.len()).unwrap_or(u32::MAX));
    }

    fn packets(&self) -> impl Iterator<Item = &[u8]> {
        let ends = self.ends.iter().map(|end| *end as usize);
        let starts = std::iter::once(0).chain(ends.clone());
        starts.zip(ends).map(|(start, end)| &self.bytes[start..end])
    }
}

/// What looking at all packets found: a count, or the first packet that cannot be carried.
pub(super) type Survey = Result<Tally, String>;

/// Looks at every packet of `input`; `note` hears the size and the frames of each.
pub(super) fn survey(
    input: &mut Input,
    watch: &mut Watch<'_>,
    judge: impl Judge,
    mut note: impl FnMut(usize, u32) -> Result<(), MediaError>,
) -> Result<Survey, MediaError> {
    let mut tally = Tally { packets: 0, bytes: 0, frames: 0, kept: Some(Kept::default()), notes: Vec::new() };
    // Should it be read again, this was half of the work.
    let share = if input.size_bytes <= KEPT_BYTES { 1.0 } else { 0.5 };
    while let Some(packet) = input.stream.next_packet()? {
        watch.check()?;
        let frames = match judge(&packet.data) {
            Ok(frames) => frames,
            Err(why) => return Ok(Err(format!("packet {} {why}", tally.packets + 1))),
        };
        note(packet.data.len(), frames)?;
        tally.packets += 1;
        tally.frames += u64::from(frames);
        tally.bytes += packet.data.len() as u64;
        match &mut tally.kept {
            // Empty packets take no bytes but a place.
            Some(kept) if tally.bytes + 4 * tally.packets <= KEPT_BYTES => kept.push(&packet.data),
            kept => *kept = None,
        }
        watch.report(progress(input) * share, media_ms(input, tally.frames));
    }
    if tally.packets == 0 {
        return Err(MediaError::Empty("its audio track has no packets".into()));
    }
    tally.notes.append(&mut input.notes);
    tally.notes.extend(input.stream.left_out());
    Ok(Ok(tally))
}

/// Gives all packets that were counted to `take`, with the frames of each, reading them again where they were not kept.
pub(super) fn replay(
    tally: &Tally,
    origin: &Origin<'_>,
    watch: &mut Watch<'_>,
    judge: impl Judge,
    mut take: impl FnMut(&[u8], u32) -> Result<(), MediaError>,
) -> Result<(), MediaError> {
    if let Some(kept) = &tally.kept {
        return kept.packets().try_for_each(|packet| {
            watch.check()?;
            take(packet, judge(packet).map_err(changed)?)
        });
    }
    let mut input = origin.open()?;
    let (mut packets, mut bytes, mut position) = (0, 0, 0);
    while let Some(packet) = input.stream.next_packet()? {
        watch.check()?;
        let frames = judge(&packet.data).map_err(changed)?;
        packets += 1;
        bytes += packet.data.len() as u64;
        position += u64::from(frames);
        take(&packet.data, frames)?;
        watch.report(0.5 + progress(&input) / 2.0, media_ms(&input, position));
    }
    if (packets, bytes, position) == (tally.packets, tally.bytes, tally.frames) {
        Ok(())
    } else {
        Err(changed(format!("{packets} packets instead of {}", tally.packets)))
    }
}

#[expect(clippy::cast_precision_loss, reason = "a share for display")]
fn progress(input: &Input) -> f64 {
    input.stream.gauge.position() as f64 / input.size_bytes.max(1) as f64
}

fn media_ms(input: &Input, frames: u64) -> u64 {
    frames.saturating_mul(1000) / u64::from(input.info.audio.sample_rate_hz.max(1))
}
