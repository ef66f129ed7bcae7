//! Opus into DCA, whose header names the mean bit rate of all that follows.

use super::survey::{Tally, replay, survey};
use super::{Origin, Outcome};
use crate::control::Watch;
use crate::convert::Report;
use crate::dca::{Header, Writer, mean_rate_bps};
use crate::encode::Output;
use crate::error::MediaError;
use crate::input::Input;
use crate::opus::{self, Packet};
use crate::plan::{COPIED_FRAMES, MAX_EXTRA_FRAMES, Plan};
use crate::target::Format;

pub(super) fn copy(
    mut input: Input,
    plan: &Plan,
    origin: &Origin<'_>,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<Outcome, MediaError> {
    let tally = match survey(&mut input, watch, judge, |_, _| Ok(()))? {
        Ok(tally) => tally,
        Err(why) => return Ok(Outcome::Unfit(why)),
    };
    if let Some(why) = obstacle(&input, &tally) {
        return Ok(Outcome::Unfit(why));
    }
    drop(input);
    let bit_rate_bps = u32::try_from(mean_rate_bps(tally.bytes, tally.frames)).unwrap_or(u32::MAX);
    let header = Header::new(bit_rate_bps, plan.channels, COPIED_FRAMES);
    let mut writer = Writer::new((plan.format == Format::Dca).then_some(&header))?;
    replay(&tally, origin, watch, judge, |packet, _| writer.push(packet, output))?;
    writer.finish(output)?;
    Ok(Outcome::Copied(Report {
        summary: plan.summary.clone(),
        frames_out: tally.frames,
        duration_ms: tally.frames * 1000 / u64::from(opus::RATE_HZ),
        notes: tally.notes,
        seams: Vec::new(),
        requests: 0,
        bytes_read: 0,
    }))
}

fn judge(packet: &[u8]) -> Result<u32, String> {
    match Packet::read(packet) {
        Ok(Packet { frames: COPIED_FRAMES, .. }) => Ok(COPIED_FRAMES),
        Ok(Packet { frames, .. }) => Err(format!("has {} ms, dca has 20 ms", f64::from(frames) / 48.0)),
        Err(why) => Err(format!("is damaged: {why}")),
    }
}

/// Holds the count against what the container declares: all of it must be there, and hardly more.
fn obstacle(input: &Input, tally: &Tally) -> Option<String> {
    let heard = match (input.declared_frames, input.opus.as_ref()) {
        (Some(declared), _) => declared,
        (None, Some(head)) => {
            tally.frames.saturating_sub(u64::from(head.pre_skip) + u64::from(input.trim.padding))
        }
        (None, None) => tally.frames,
    };
    match tally.frames.checked_sub(heard) {
        // What is missing is told with its numbers by the decoding, which counts as well.
        None => Some(format!("{} ms of its audio are missing", (heard - tally.frames) / 48)),
        Some(extra) if extra > MAX_EXTRA_FRAMES => {
            Some(format!("{} ms of it are not to be heard, which dca cannot say", extra / 48))
        }
        Some(_) => None,
    }
}
