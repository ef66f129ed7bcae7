//! Carries out a plan that keeps the packets.
//!
//! What is written cannot be taken back, so everything is looked at before the first byte goes out: where the
//! container has a table of its packets, the table; else every packet. Only then it is certain that all of them can
//! be carried, and how long they are, which the heads of most formats say. What turns out not to fit is not an error:
//! it is encoded after all.

mod aac;
mod dca;
mod elementary;
mod m4a;
mod mp3;
mod opus;
mod survey;
mod table;

use std::ops::Range;
use std::sync::Arc;

use crate::chapters::Chapter;
use crate::control::{Control, Watch};
use crate::convert::{Report, wanted_chapters};
use crate::encode::Output;
use crate::error::MediaError;
use crate::input::{self, Input};
use crate::plan::{Method, Plan, plan};
use crate::resample::rescale;
use crate::source::Reopenable;
use crate::tags::{Cover, Tags};
use crate::tap::Tap;
use crate::target::{Format, Target};
use crate::trim::{Last, Trim};

/// No packet of any codec that is copied plays longer.
const LONGEST_PACKET_FRAMES: u64 = 8192;

/// How a copy ended.
pub(crate) enum Outcome {
    /// All is written.
    Copied(Report),
    /// Nothing is; and why.
    Unfit(String),
}

/// Where the packets come from, as often as they are looked at.
pub(crate) struct Origin<'a> {
    pub(crate) source: &'a Reopenable,
    pub(crate) name_hint: Option<&'a str>,
    pub(crate) control: &'a Control,
}

impl Origin<'_> {
    /// Opens it anew, for its packets. Who had it before must be done with it.
    pub(crate) fn open(&self) -> Result<Input, MediaError> {
        input::open(Box::new(self.source.clone()), self.name_hint, Arc::clone(&self.control.cancel))
    }

    /// Opens it anew, for its samples, whoever decodes them.
    pub(crate) fn open_to_decode(&self) -> Result<Input, MediaError> {
        let Control { engines, cancel, .. } = self.control;
        input::open_any(self.source, self.name_hint, engines, cancel)
    }

    /// Opens it first. What is only to be copied needs nobody who decodes it.
    pub(crate) fn open_for(&self, target: &Target) -> Result<Input, MediaError> {
        let own = self.open();
        if let Ok(own) = own
            && (own.info.audio.codec.is_read()
                || plan(&own.info, target, &self.control.engines)
                    .is_ok_and(|plan| plan.method == Method::Copy))
        {
            return Ok(own);
        }
        self.open_to_decode()
    }

    /// Its bytes as they are.
    fn tap(&self) -> Tap {
        Tap::new(Box::new(self.source.clone()), Arc::clone(&self.control.cancel))
    }
}

/// Copies the packets of `input`, which `origin` gives once more where they are read twice.
pub(crate) fn copy(
    input: Input,
    plan: &Plan,
    origin: &Origin<'_>,
    output: &mut Output<'_>,
    watch: &mut Watch<'_>,
) -> Result<Outcome, MediaError> {
    let outcome = match plan.format {
        Format::Dca | Format::Dca0 => dca::copy(input, plan, origin, output, watch),
        Format::Opus => opus::copy(input, plan, origin, output, watch),
        Format::M4a => m4a::copy(input, plan, origin, output, watch),
        Format::Aac => aac::copy(input, plan, origin, output, watch),
        Format::Mp3 => mp3::copy(input, plan, origin, output, watch),
        format @ (Format::Wav | Format::Flac | Format::Ogg | Format::Wma) => {
            return Ok(Outcome::Unfit(format!("packets are not copied to {format}")));
        }
    }?;
    if let Outcome::Copied(report) = &outcome {
        watch.report(1.0, report.duration_ms);
        output.flush()?;
    }
    Ok(outcome)
}

/// What the plan wants carried over beside the packets.
#[derive(Default)]
struct About {
    tags: Tags,
    cover: Option<Cover>,
    chapters: Vec<Chapter>,
}

impl About {
    /// Takes it out of an input.
    fn take(input: &mut Input, plan: &Plan) -> Self {
        if !plan.tags {
            return Self::default();
        }
        Self {
            tags: std::mem::take(&mut input.info.tags),
            cover: input.cover.take(),
            chapters: wanted_chapters(&input.info.chapters, plan),
        }
    }
}

/// A source that is not twice the same.
fn changed(what: impl std::fmt::Display) -> MediaError {
    MediaError::Corrupt(format!("it changed while it was read: {what}"))
}

/// What of `total` frames is to be heard.
fn heard(trim: &Trim, total: u64) -> Range<u64> {
    let end = trim.drop_from.unwrap_or(total).min(total);
    let end = match trim.last {
        Last::Padded(padding) => end.min(total.saturating_sub(padding)),
        // A length that is further off than a packet is wrong.
        Last::EndsAt(at) if at <= total && total - at < LONGEST_PACKET_FRAMES => end.min(at),
        Last::EndsAt(_) | Last::Whole => end,
    };
    trim.skip.min(end)..end
}

/// Where the part that the plan wants lies among frames of which `heard` are to be heard.
fn part_of(plan: &Plan, rate_hz: u32, heard: &Range<u64>) -> Result<Range<u64>, MediaError> {
    let at = |ms: u64| heard.start.saturating_add(rescale(ms, 1000, rate_hz)).min(heard.end);
    let part = at(plan.start_ms)..plan.end_ms.map_or(heard.end, at);
    if part.is_empty() {
        return Err(MediaError::Empty("no audio lies between start and end".into()));
    }
    Ok(part)
}
