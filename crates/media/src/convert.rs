//! Carries a plan out: decode, cut, mix, resample, encode, in one pass, with one before it that measures where a loudness
//! is asked for; or copy, where the packets fit.

use crate::ahead::Ahead;
use crate::chapters;
use crate::chapters::Chapter;
use crate::control::{Control, Watch};
use crate::copy::{self, Origin, Outcome};
use crate::cores;
use crate::decode::Decoding;
use crate::encode::{self, Encoder, Heading, Output};
use crate::error::MediaError;
use crate::input::Input;
use crate::intake::{Clip, Intake};
use crate::loudness::{Leveller, Measured, Meter};
use crate::plan::{Method, Plan, plan};
use crate::probe::guarded;
use crate::resample::{Resampler, rescale};
use crate::sink::Sink;
use crate::source::{Reopenable, Source};
use crate::tags::Tags;
use crate::target::{Format, Target};

/// What a first pass that measures is of the whole: it decodes, and does not encode.
const MEASURED_SHARE: f64 = 0.3;

/// What a conversion did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Report {
    /// The plan's sentence.
    pub summary: String,
    /// Frames (samples of one channel) in the output.
    pub frames_out: u64,
    /// The output's length, rounded to the nearest millisecond.
    pub duration_ms: u64,
    /// What the user should know: what was bent, left out, or odd about the input.
    pub notes: Vec<String>,
    /// The output's frames, about, at which another encoder took over; none where one encoder made it all.
    pub seams: Vec<u64>,
    /// How often the source was asked for bytes elsewhere, or beyond what it was told to expect.
    pub requests: u64,
    /// The bytes that it gave, those that were read twice counted twice.
    pub bytes_read: u64,
}

/// Converts the audio of `source` to `target` and writes it to `sink`; `name_hint` is the input's file
/// name, if it has one.
///
/// On success the sink holds a complete file and has been flushed. On failure it holds part of one, which
/// the caller throws away. Memory stays bounded whatever the length. A panic in a decoder is caught and
/// becomes [`MediaError::Corrupt`].
pub fn convert(
    source: Box<dyn Source>,
    name_hint: Option<&str>,
    target: &Target,
    sink: &mut dyn Sink,
    control: &Control,
) -> Result<Report, MediaError> {
    guarded(|| {
        let source = Reopenable::new(source);
        let mut report = convert_from(&source, name_hint, target, sink, control)?;
        // Whoever read ahead has ended with the input that it read for.
        let reads = source.reads();
        (report.requests, report.bytes_read) = (reads.requests, reads.bytes);
        Ok(report)
    })
}

fn convert_from(
    source: &Reopenable,
    name_hint: Option<&str>,
    target: &Target,
    sink: &mut dyn Sink,
    control: &Control,
) -> Result<Report, MediaError> {
    let _core = cores::occupy();
    let mut watch = Watch::new(control);
    watch.check()?;
    let origin = Origin { source, name_hint, control };
    let input = origin.open_for(target)?;
    let chosen = plan(&input.info, target, &control.engines)?;
    let mut output = Output::new(sink);
    if chosen.method == Method::Encode {
        return encode(input, &origin, &chosen, &mut output, control, watch);
    }
    // ffmpeg describes what our demuxer finds and our decoders do not know; the packets are our demuxer's.
    let input = if input.info.audio.by_ffmpeg {
        drop(input);
        origin.open()?
    } else {
        input
    };
    match copy::copy(input, &chosen, &origin, &mut output, &mut watch)? {
        Outcome::Copied(mut report) => {
            watch.finish();
            report.notes.splice(0..0, chosen.notes);
            Ok(report)
        }
        Outcome::Unfit(why) => {
            let input = origin.open_to_decode()?;
            let target = Target { copy: false, ..target.clone() };
            let mut chosen = plan(&input.info, &target, &control.engines)?;
            chosen.notes.push(format!("not copied: {why}"));
            encode(input, &origin, &chosen, &mut output, control, watch)
        }
    }
}

fn encode(
    mut input: Input,
    origin: &Origin<'_>,
    plan: &Plan,
    output: &mut Output<'_>,
    control: &Control,
    mut watch: Watch<'_>,
) -> Result<Report, MediaError> {
    let mut measured = None;
    if plan.loudness.is_some() {
        measured = Some(measure(input, plan, control, &mut watch)?);
        watch.go_on_from(MEASURED_SHARE);
        input = origin.open_to_decode()?;
    }
    let mut notes = plan.notes.clone();
    notes.append(&mut input.notes);
    let mut pipeline = Pipeline::new(&input, plan, measured, control, output)?;
    let progress = Progress::new(&input, &pipeline.intake.clip);
    let mut decoding = Ahead::new(Decoding::start(input, control)?, goes_ahead(plan, &pipeline, control));
    while let Some(frames) = decoding.advance()? {
        let position = decoding.kept_frames();
        let start = position - frames as u64;
        if !decoding.with_planes(|planes| pipeline.push(planes, start, &watch, output))? {
            break;
        }
        watch.report(progress.fraction(position, decoding.position_bytes()), progress.media_ms(position));
    }
    watch.check()?;
    notes.extend(decoding.into_notes()?);
    let (frames_out, seams) = pipeline.finish(output, &mut notes)?;
    output.flush()?;
    watch.finish();
    Ok(Report {
        summary: plan.summary.clone(),
        frames_out,
        duration_ms: rescale(frames_out, plan.sample_rate_hz, 1000),
        notes,
        seams,
        requests: 0,
        bytes_read: 0,
    })
}

/// Whether a decoder on another core helps: where the encoder has much to do or, as with WAV, not nothing beside a fast decoder,
/// and neither has threads of its own nor runs elsewhere.
fn goes_ahead(plan: &Plan, pipeline: &Pipeline, control: &Control) -> bool {
    let has_much_to_do =
        matches!(plan.format, Format::Opus | Format::Ogg | Format::Dca | Format::Dca0 | Format::Wav);
    has_much_to_do && !pipeline.tail.encoder.spreads() && control.threads() > 1
}

/// A first pass: how loud the wanted part is, in the channels that it will have.
fn measure(
    input: Input,
    plan: &Plan,
    control: &Control,
    watch: &mut Watch<'_>,
) -> Result<Measured, MediaError> {
    let mut intake = Intake::new(&input, plan);
    let mut meter = Meter::new(input.info.audio.sample_rate_hz, intake.layout, usize::from(plan.channels))?;
    let progress = Progress::new(&input, &intake.clip);
    let mut decoding = Decoding::start(input, control)?;
    while let Some(frames) = decoding.advance()? {
        let position = decoding.kept_frames();
        let start = position - frames as u64;
        let more =
            decoding.with_planes(|planes| intake.take(planes, start, watch, |planes| meter.add(planes)))?;
        if !more {
            break;
        }
        let fraction = progress.fraction(position, decoding.position_bytes());
        // Nothing of it is converted yet.
        watch.report(fraction * MEASURED_SHARE, 0);
    }
    Ok(meter.measured())
}

/// The chapters of the part that the plan wants, where it wants any.
pub(crate) fn wanted_chapters(chapters: &[Chapter], plan: &Plan) -> Vec<Chapter> {
    if !plan.tags {
        return Vec::new();
    }
    let to_us = plan.end_ms.map(|end_ms| end_ms.saturating_mul(1000));
    chapters::part(chapters, plan.start_ms.saturating_mul(1000), to_us)
}

/// Everything between the decoder and the sink.
struct Pipeline {
    intake: Intake,
    leveller: Option<Leveller>,
    tail: Tail,
}

/// The resampler and the encoder, which what is before them is borrowed for.
struct Tail {
    resampler: Option<Resampler>,
    encoder: Box<dyn Encoder>,
    frames_out: u64,
}

impl Pipeline {
    fn new(
        input: &Input,
        plan: &Plan,
        measured: Option<Measured>,
        control: &Control,
        output: &mut Output<'_>,
    ) -> Result<Self, MediaError> {
        let audio = &input.info.audio;
        let intake = Intake::new(input, plan);
        let no_tags = Tags::default();
        let chapters = wanted_chapters(&input.info.chapters, plan);
        let heading = Heading {
            plan,
            layout: intake.layout,
            tags: if plan.tags { &input.info.tags } else { &no_tags },
            cover: input.cover.as_ref().filter(|_| plan.tags),
            chapters: &chapters,
            frames: input.expected_frames.map(|frames| {
                rescale(intake.clip.length_of(frames), audio.sample_rate_hz, plan.sample_rate_hz)
            }),
        };
        let resampler = if plan.sample_rate_hz == audio.sample_rate_hz {
            None
        } else {
            Some(Resampler::new(audio.sample_rate_hz, plan.sample_rate_hz, plan.channels)?)
        };
        let channels = usize::from(plan.channels);
        let leveller = plan.loudness.zip(measured).map(|(wanted, measured)| {
            Leveller::new(wanted, measured, audio.sample_rate_hz, intake.layout, channels)
        });
        let leveller = leveller.transpose()?;
        let encoder = encode::start(&heading, control, output)?;
        Ok(Self { intake, leveller, tail: Tail { resampler, encoder, frames_out: 0 } })
    }

    /// Takes a block that starts at frame `start`; answers false when nothing after it is wanted.
    fn push(
        &mut self,
        planes: &[&[f32]],
        start: u64,
        watch: &Watch<'_>,
        output: &mut Output<'_>,
    ) -> Result<bool, MediaError> {
        let Self { intake, leveller, tail } = self;
        intake.take(planes, start, watch, |planes| match leveller {
            None => tail.push(planes, output),
            Some(leveller) => leveller.push(planes, |planes| tail.push(planes, output)),
        })
    }

    fn finish(
        mut self,
        output: &mut Output<'_>,
        notes: &mut Vec<String>,
    ) -> Result<(u64, Vec<u64>), MediaError> {
        if let Some(leveller) = self.leveller {
            notes.push(leveller.finish(|planes| self.tail.push(planes, output))?);
        }
        let Tail { resampler, encoder, frames_out } = &mut self.tail;
        if let Some(resampler) = resampler {
            resampler.finish(|planes| {
                *frames_out += planes.first().map_or(0, |plane| plane.len()) as u64;
                encoder.write(planes, output)
            })?;
        }
        if *frames_out == 0 {
            return Err(MediaError::Empty("no audio lies between start and end".into()));
        }
        encoder.finish(output)?;
        Ok((*frames_out, encoder.seams()))
    }
}

impl Tail {
    fn push(&mut self, planes: &[&[f32]], output: &mut Output<'_>) -> Result<(), MediaError> {
        let Self { resampler, encoder, frames_out } = self;
        let mut write = |planes: &[&[f32]]| {
            *frames_out += planes.first().map_or(0, |plane| plane.len()) as u64;
            encoder.write(planes, output)
        };
        match resampler {
            Some(resampler) => resampler.push(planes, write),
            None => write(planes),
        }
    }
}

/// How far the reading is: by frames where their number is known, else by bytes.
struct Progress {
    last_frame: Option<u64>,
    size_bytes: u64,
    rate_hz: u32,
}

impl Progress {
    fn new(input: &Input, clip: &Clip) -> Self {
        let last_frame = match (input.expected_frames, clip.end) {
            (Some(frames), Some(end)) => Some(frames.min(end)),
            (frames, end) => frames.or(end),
        };
        Self { last_frame, size_bytes: input.size_bytes, rate_hz: input.info.audio.sample_rate_hz }
    }

    #[expect(clippy::cast_precision_loss, reason = "a share for display")]
    fn fraction(&self, position: u64, position_bytes: u64) -> f64 {
        match self.last_frame {
            Some(frames @ 1..) => position as f64 / frames as f64,
            _ => position_bytes as f64 / self.size_bytes.max(1) as f64,
        }
    }

    fn media_ms(&self, position: u64) -> u64 {
        rescale(position, self.rate_hz, 1000)
    }
}
