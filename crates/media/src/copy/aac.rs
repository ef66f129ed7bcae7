//! AAC into ADTS: frames that are such already as they are, packets of other containers behind headers of their own.
//!
//! ADTS cannot say what is not to be heard, so what an encoder put in front and behind is heard, as it is of every such
//! file; nothing that an edit list leaves out beyond that.

use super::elementary;
use super::survey::{replay, survey};
use super::{Origin, Outcome, heard};
use crate::aac;
use crate::control::Watch;
use crate::convert::Report;
use crate::encode::Output;
use crate::error::MediaError;
use crate::input::Input;
use crate::m4a::adts_payload;
use crate::plan::Plan;
use crate::resample::rescale;
use crate::sniff::Kind;

/// Four packets: what encoders put in front, and the end of the last packet.
const MAX_EXTRA_FRAMES: u64 = 4096;

pub(super) fn copy(
    input: Input,
    plan: &Plan,
    origin: &Origin<'_>,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<Outcome, MediaError> {
    if input.kind != Kind::Adts {
        return copy_packets(input, plan, origin, output, watch);
    }
    let mut core = None;
    let row = elementary::survey(origin, input.size_bytes, watch, |frame| {
        let of_frame = aac::Core::of_adts(frame).ok_or("is damaged")?;
        if *core.get_or_insert(of_frame) != of_frame {
            return Err("has another configuration".into());
        }
        adts_payload(frame).map(|_| ()).ok_or_else(|| "has more than one packet".into())
    })?;
    let row = match row {
        Ok(row) => row,
        Err(why) => return Ok(Outcome::Unfit(why)),
    };
    row.write(origin, 0, output, watch)?;
    let rate_hz = core.map_or(input.info.audio.sample_rate_hz, |core| core.rate_hz);
    Ok(Outcome::Copied(report(plan, rate_hz, row.frames * 1024, input.notes)))
}

fn copy_packets(
    mut input: Input,
    plan: &Plan,
    origin: &Origin<'_>,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<Outcome, MediaError> {
    let Some(core) = input.stream.params.extra_data.as_deref().and_then(aac::core) else {
        return Ok(Outcome::Unfit("it has no configuration".into()));
    };
    let judge = |packet: &[u8]| {
        let header = core.adts(packet.len()).map(|_| core.packet_frames);
        header.ok_or_else(|| "has what adts cannot say".to_owned())
    };
    let tally = match survey(&mut input, watch, judge, |_, _| Ok(()))? {
        Ok(tally) => tally,
        Err(why) => return Ok(Outcome::Unfit(why)),
    };
    let rate_hz = input.info.audio.sample_rate_hz;
    let all = rescale(tally.frames, core.rate_hz, rate_hz);
    let heard = heard(&input.trim, all);
    let length = heard.end - heard.start;
    if let Some(missing) = input.declared_frames.and_then(|declared| declared.checked_sub(length))
        && missing > MAX_EXTRA_FRAMES
    {
        return Ok(Outcome::Unfit(format!("{missing} frames of its audio are missing")));
    }
    if all - length > MAX_EXTRA_FRAMES {
        let ms = rescale(all - length, rate_hz, 1000);
        return Ok(Outcome::Unfit(format!("{ms} ms of it are not to be heard, which aac cannot say")));
    }
    drop(input);
    let mut gathered = Vec::new();
    replay(&tally, origin, watch, judge, |packet, _| {
        gathered.extend_from_slice(&core.adts(packet.len()).unwrap_or_default());
        gathered.extend_from_slice(packet);
        if gathered.len() >= 64 * 1024 {
            output.write(&gathered)?;
            gathered.clear();
        }
        Ok(())
    })?;
    output.write(&gathered)?;
    Ok(Outcome::Copied(report(plan, core.rate_hz, tally.frames, tally.notes)))
}

fn report(plan: &Plan, rate_hz: u32, frames: u64, notes: Vec<String>) -> Report {
    Report {
        summary: plan.summary.clone(),
        frames_out: frames,
        duration_ms: rescale(frames, rate_hz, 1000),
        notes,
        seams: Vec::new(),
        requests: 0,
        bytes_read: 0,
    }
}
