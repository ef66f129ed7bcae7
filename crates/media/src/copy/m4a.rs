//! AAC into M4A: from the tables of an MP4, without looking at a packet; from frames of ADTS, without their headers; or
//! packet by packet from any other container.
//!
//! A part is cut at packets, with one more in front of it, because a packet is only right once the one before it was
//! decoded; the edit list says the rest to the frame. HE-AAC needs more than one, so a part of it is not cut here.

use std::ops::Range;

use super::elementary::{self, Row};
use super::survey::{replay, survey};
use super::table::{self, Table};
use super::{About, Origin, Outcome, heard};
use crate::aac::{self, Core};
use crate::codec::Codec;
use crate::control::Watch;
use crate::convert::Report;
use crate::encode::Output;
use crate::error::MediaError;
use crate::input::Input;
use crate::m4a::{Heading, Heard, Packets, adts_payload, front};
use crate::plan::Plan;
use crate::resample::rescale;
use crate::sniff::Kind;
use crate::trim::Trim;

pub(super) fn copy(
    mut input: Input,
    plan: &Plan,
    origin: &Origin<'_>,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<Outcome, MediaError> {
    match input.kind {
        Kind::Adts => return copy_frames(input, plan, origin, output, watch),
        Kind::IsoMp4 => {}
        _ => return copy_packets(input, plan, origin, output, watch),
    }
    let Ok(table) = table::read(origin, input.size_bytes, input.stream.track_id)? else {
        // It is read from its fragments, or as far as the demuxer can make sense of it.
        return copy_packets(origin.open()?, plan, origin, output, watch);
    };
    let Some(config) = input.stream.params.extra_data.take() else {
        return Ok(Outcome::Unfit("it has no configuration".into()));
    };
    let timescale = table.boxes.track(input.stream.track_id).map_or(0, |track| track.timescale);
    if timescale == 0 || table.packets.sizes.is_empty() {
        return Ok(Outcome::Unfit("its tables are empty".into()));
    }
    let all = ticks_heard(&mut input, &table, timescale);
    let Some(cut) = Cut::of(plan, &table.packets, &all, timescale) else {
        return Err(MediaError::Empty("no audio lies between start and end".into()));
    };
    let file = File::new(input, plan, &config, timescale);
    output.write(&front(&file.heading(), &cut.packets, cut.heard))?;
    let report = file.report(plan, cut.heard);
    table.write(&cut.range, origin, output, watch, report.duration_ms)?;
    Ok(Outcome::Copied(report))
}

/// What is to be heard, in ticks of the media.
fn ticks_heard(input: &mut Input, table: &Table, timescale: u32) -> Range<u64> {
    let all = table.packets.ticks();
    if !input.info.audio.codec.is_read() {
        // Nothing was measured, as nothing would be decoded.
        let (trim, note) = Trim::of_mp4(&table.boxes, input.stream.track_id, Some(all), timescale, None);
        input.notes.extend(note);
        return heard(&trim, all);
    }
    let rate_hz = input.info.audio.sample_rate_hz;
    let frames = rescale(all, timescale, rate_hz);
    let part = heard(&input.trim, frames);
    let end = if part.end == frames { all } else { rescale(part.end, rate_hz, timescale) };
    rescale(part.start, rate_hz, timescale)..end
}

/// Which packets are taken, and what of them is to be heard.
struct Cut {
    range: Range<usize>,
    packets: Packets,
    heard: Heard,
}

impl Cut {
    fn of(plan: &Plan, packets: &Packets, heard: &Range<u64>, timescale: u32) -> Option<Self> {
        let at = |ms: u64| heard.start.saturating_add(rescale(ms, 1000, timescale)).min(heard.end);
        let part = at(plan.start_ms)..plan.end_ms.map_or(heard.end, at);
        if part.is_empty() {
            return None;
        }
        let count = packets.sizes.len();
        let range = if plan.start_ms == 0 && plan.end_ms.is_none() {
            0..count
        } else {
            packets.at(part.start).saturating_sub(1)..(packets.at(part.end - 1) + 1).min(count)
        };
        let (mut packets, start_ticks) = packets.part(&range);
        let heard = Heard { skip: part.start - start_ticks, ticks: part.end - part.start };
        packets.end_with(heard);
        Some(Self { range, packets, heard })
    }
}

/// What stands in the file beside the packets.
struct File<'a> {
    about: About,
    config: &'a [u8],
    channels: u8,
    sample_rate_hz: u32,
    timescale: u32,
    is_plain: bool,
    notes: Vec<String>,
}

impl<'a> File<'a> {
    fn new(mut input: Input, plan: &Plan, config: &'a [u8], timescale: u32) -> Self {
        let about = About::take(&mut input, plan);
        let mut notes = input.notes;
        notes.extend(input.stream.left_out());
        if about.cover.as_ref().is_some_and(|cover| !crate::m4a::shows(cover)) {
            notes.push("the cover is left out, m4a has jpeg and png".into());
        }
        Self {
            about,
            config,
            channels: input.info.audio.channels,
            sample_rate_hz: input.info.audio.sample_rate_hz,
            timescale,
            is_plain: input.info.audio.codec == Codec::AacLc,
            notes,
        }
    }

    fn heading(&self) -> Heading<'_> {
        Heading {
            config: self.config,
            channels: self.channels,
            sample_rate_hz: self.sample_rate_hz,
            timescale: self.timescale,
            tags: &self.about.tags,
            cover: self.about.cover.as_ref(),
            chapters: &self.about.chapters,
            has_note: self.is_plain && self.timescale == self.sample_rate_hz,
        }
    }

    fn report(&self, plan: &Plan, heard: Heard) -> Report {
        Report {
            summary: plan.summary.clone(),
            frames_out: rescale(heard.ticks, self.timescale, self.sample_rate_hz),
            duration_ms: rescale(heard.ticks, self.timescale, 1000),
            notes: self.notes.clone(),
            seams: Vec::new(),
            requests: 0,
            bytes_read: 0,
        }
    }
}

/// From ADTS, which says neither how long it is nor what of it is not to be heard.
fn copy_frames(
    input: Input,
    plan: &Plan,
    origin: &Origin<'_>,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<Outcome, MediaError> {
    let mut packets = Packets::default();
    let mut full = Ok(());
    let mut first: Option<Core> = None;
    let row = elementary::survey(origin, input.size_bytes, watch, |frame| {
        let core = Core::of_adts(frame).ok_or("is damaged")?;
        if *first.get_or_insert(core) != core || !core.names_channels() {
            return Err("has another configuration".into());
        }
        let payload = adts_payload(frame).ok_or("has more than one packet")?;
        if full.is_ok() {
            full = packets.push(payload.len(), core.packet_frames);
        }
        Ok(())
    })?;
    full?;
    let (row, core): (Row, Core) = match (row, first) {
        (Ok(row), Some(core)) => (row, core),
        (Ok(_), None) => return Err(MediaError::Empty("its audio track has no packets".into())),
        (Err(why), _) => return Ok(Outcome::Unfit(why)),
    };
    let all = 0..packets.ticks();
    let Some(cut) = Cut::of(plan, &packets, &all, core.rate_hz) else {
        return Err(MediaError::Empty("no audio lies between start and end".into()));
    };
    drop(packets);
    let config = core.config();
    let file = File::new(input, plan, &config, core.rate_hz);
    output.write(&front(&file.heading(), &cut.packets, cut.heard))?;
    let mut number = 0;
    row.each(origin, watch, |frame| {
        let is_wanted = cut.range.contains(&number);
        number += 1;
        if is_wanted { output.write(adts_payload(frame).unwrap_or_default()) } else { Ok(()) }
    })?;
    Ok(Outcome::Copied(file.report(plan, cut.heard)))
}

fn copy_packets(
    mut input: Input,
    plan: &Plan,
    origin: &Origin<'_>,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<Outcome, MediaError> {
    let config = input.stream.params.extra_data.clone();
    let Some((core, config)) = config.and_then(|config| Some((aac::core(&config)?, config))) else {
        return Ok(Outcome::Unfit("it has no configuration".into()));
    };
    let judge = |_: &[u8]| Ok(core.packet_frames);
    let mut packets = Packets::default();
    let tally = survey(&mut input, watch, judge, |bytes, frames| packets.push(bytes, frames))?;
    let tally = match tally {
        Ok(tally) => tally,
        Err(why) => return Ok(Outcome::Unfit(why)),
    };
    let heard = heard(&input.trim, tally.frames);
    let length = heard.end - heard.start;
    let missing = input.declared_frames.map_or(0, |declared| declared.saturating_sub(length));
    if missing > u64::from(2 * core.packet_frames) {
        return Ok(Outcome::Unfit(format!("{missing} frames of its audio are missing")));
    }
    let Some(cut) = Cut::of(plan, &packets, &heard, core.rate_hz) else {
        return Err(MediaError::Empty("no audio lies between start and end".into()));
    };
    drop(packets);
    let file = File { notes: tally.notes.clone(), ..File::new(input, plan, &config, core.rate_hz) };
    output.write(&front(&file.heading(), &cut.packets, cut.heard))?;
    let mut number = 0;
    replay(&tally, origin, watch, judge, |packet, _| {
        let is_wanted = cut.range.contains(&number);
        number += 1;
        if is_wanted { output.write(packet) } else { Ok(()) }
    })?;
    Ok(Outcome::Copied(file.report(plan, cut.heard)))
}
