//! What will be done with an input, decided before a byte is written.
//!
//! This is the one place that weighs what the source is against what the target wants. It is pure, so every
//! decision stands in a table of tests; the rest of the crate carries the plan out without asking again.

use serde::{Deserialize, Serialize};

use crate::codec::Codec;
use crate::engine::Engines;
use crate::error::MediaError;
use crate::info::{AudioTrack, Info};
use crate::loudness::Loudness;
use crate::opus;
use crate::target::{Format, Rate, Target};

mod copy;
mod rate;

pub(crate) use copy::{MAX_EXTRA_FRAMES, PACKET_FRAMES as COPIED_FRAMES};

/// The sample rates of MPEG-1, MPEG-2 and MPEG-2.5 layer 3 (ISO/IEC 11172-3 and 13818-3). AAC has some above them, which
/// few of its players play.
const MPEG_RATES_HZ: [u32; 9] = [8000, 11025, 12000, 16000, 22050, 24000, 32000, 44100, 48000];
/// What the Vorbis encoder has a tuning with bit rates for.
const VORBIS_RATES_HZ: std::ops::RangeInclusive<u32> = 8000..=48_000;
/// The largest rate that a FLAC frame header can carry (RFC 9639, section 9.1.2).
const FLAC_MAX_RATE_HZ: u32 = 655_350;

/// Sample rates that are read and written at all.
pub(crate) const RATE_RANGE_HZ: std::ops::RangeInclusive<u32> = 1_000..=768_000;
/// Channels that are read and written at most.
pub(crate) const MAX_CHANNELS: u8 = 8;

/// What is done with the packets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Method {
    /// They are decoded, and the samples encoded.
    Encode,
    /// They are kept as they are. Should one turn up on the way that the format cannot carry, they are encoded after
    /// all, and the report says so.
    Copy,
}

/// How an input becomes the output.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// One sentence for people, e.g. `encoded: aac 44.1 kHz stereo to mp3 128 kbit/s`.
    pub summary: String,
    /// What is done with the packets.
    pub method: Method,
    /// The output format.
    pub format: Format,
    /// The output's sample rate.
    pub sample_rate_hz: u32,
    /// The output's channels.
    pub channels: u8,
    /// Bits to spend, for lossy formats.
    pub rate: Option<Rate>,
    /// LAME's `-q`, for MP3.
    pub effort: Option<u8>,
    /// Bits per sample, for WAV and FLAC.
    pub bits_per_sample: Option<u8>,
    /// How loud it is made; `None` for as loud as the source.
    #[serde(default)]
    pub loudness: Option<Loudness>,
    /// Where the output starts in the source.
    pub start_ms: u64,
    /// Where it ends, unless at the source's end.
    pub end_ms: Option<u64>,
    /// Whether tags, cover art and chapters are carried over.
    pub tags: bool,
    /// What differs from what was asked for, one sentence each.
    pub notes: Vec<String>,
}

/// Decides how `info` becomes `target` on a host that has these engines.
///
/// Values that a format does not have but that are close to one it has become that one, with a note; values
/// that make no sense are refused as [`MediaError::BadTarget`]. A codec that is not read is refused as
/// [`MediaError::Unsupported`], what this host lacks as [`MediaError::Missing`].
pub fn plan(info: &Info, target: &Target, engines: &Engines) -> Result<Plan, MediaError> {
    let audio = &info.audio;
    let verdict = copy::verdict(audio, target);
    // What is kept as it is need not be understood.
    if !matches!(verdict, copy::Verdict::Fits) {
        check_reader(audio, engines)?;
    }
    check_source(audio)?;
    check_clip(info, target)?;
    target.loudness.map_or(Ok(()), |loudness| loudness.check())?;
    let mut notes = Vec::new();
    match verdict {
        copy::Verdict::Fits => {
            let notes = chapters_left_out(info, target).into_iter().collect();
            return Ok(Plan { notes, ..copied(audio, target)? });
        }
        copy::Verdict::Unfit(why) => notes.push(format!("not copied: {why}")),
        copy::Verdict::NotAsked => {}
    }
    check_engines(audio, target, engines)?;
    let sample_rate_hz = choose_sample_rate(audio, target, &mut notes)?;
    let channels = choose_channels(audio, target, &mut notes)?;
    let rate = rate::choose(target, sample_rate_hz, channels, &mut notes)?;
    notes.extend(chapters_left_out(info, target));
    let mut plan = Plan {
        summary: String::new(),
        method: Method::Encode,
        format: target.format,
        sample_rate_hz,
        channels,
        rate,
        effort: choose_effort(target)?,
        bits_per_sample: choose_bits(audio, target)?,
        loudness: target.loudness,
        start_ms: target.start_ms,
        end_ms: target.end_ms,
        tags: target.tags,
        notes,
    };
    plan.summary = summarise(audio, &plan);
    Ok(plan)
}

/// A copy, unless what is asked for makes no sense in the format whether or not anything is encoded.
fn copied(audio: &AudioTrack, target: &Target) -> Result<Plan, MediaError> {
    let unsaid = &mut Vec::new();
    rate::choose(target, audio.sample_rate_hz, audio.channels.min(2), unsaid)?;
    choose_effort(target)?;
    choose_bits(audio, target)?;
    let priming = if target.format.is_dca() { " 20 ms" } else { "" };
    let kept = if target.format.is_dca() { "; up to 80 ms of priming is kept" } else { "" };
    let has_part = target.start_ms > 0 || target.end_ms.is_some();
    let part = if has_part { ", in part" } else { "" };
    Ok(Plan {
        summary: format!(
            "copied{part}: {} {} {}{priming} already fits {}{kept}",
            audio.codec_label,
            khz(audio.sample_rate_hz),
            channels_in_words(audio.channels),
            target.format
        ),
        method: Method::Copy,
        format: target.format,
        sample_rate_hz: audio.sample_rate_hz,
        channels: audio.channels,
        rate: None,
        effort: None,
        bits_per_sample: None,
        loudness: None,
        start_ms: target.start_ms,
        end_ms: target.end_ms,
        tags: target.tags && !target.format.is_dca() && target.format != Format::Aac,
        notes: Vec::new(),
    })
}

fn chapters_left_out(info: &Info, target: &Target) -> Option<String> {
    let count = info.chapters.len();
    (target.tags && count > 0 && !target.format.has_chapters())
        .then(|| format!("its {count} chapters are left out, {} does not carry them", target.format))
}

/// What ffmpeg has not been able to describe, it cannot decode.
fn check_reader(audio: &AudioTrack, engines: &Engines) -> Result<(), MediaError> {
    if audio.codec.is_read() && !audio.by_ffmpeg {
        return Ok(());
    }
    let label = &audio.codec_label;
    engines
        .foreign_reader()
        .map_err(|why| MediaError::Missing(format!("{label} is read by ffmpeg only: {why}")))?;
    if audio.by_ffmpeg { Ok(()) } else { Err(MediaError::Unsupported { codec: label.clone() }) }
}

/// What is not done in this process must be there.
fn check_engines(audio: &AudioTrack, target: &Target, engines: &Engines) -> Result<(), MediaError> {
    if audio.codec == Codec::Opus && !audio.by_ffmpeg {
        engines.opus_decoder().map_err(MediaError::Missing)?;
    }
    match target.format {
        Format::Aac | Format::M4a => engines.aac_encoder().map_err(MediaError::Missing),
        Format::Wma => engines.wma_encoder().map_err(MediaError::Missing),
        _ => Ok(()),
    }
}

fn check_source(audio: &AudioTrack) -> Result<(), MediaError> {
    if !RATE_RANGE_HZ.contains(&audio.sample_rate_hz) {
        return Err(MediaError::Limit(format!(
            "a sample rate of {} Hz; {} to {} are read",
            audio.sample_rate_hz,
            RATE_RANGE_HZ.start(),
            RATE_RANGE_HZ.end()
        )));
    }
    if !(1..=MAX_CHANNELS).contains(&audio.channels) {
        return Err(MediaError::Limit(format!("{} channels; 1 to {MAX_CHANNELS} are read", audio.channels)));
    }
    Ok(())
}

fn check_clip(info: &Info, target: &Target) -> Result<(), MediaError> {
    if let Some(end_ms) = target.end_ms.filter(|end_ms| *end_ms <= target.start_ms) {
        return Err(MediaError::BadTarget(format!(
            "the end at {end_ms} ms is not after the start at {} ms",
            target.start_ms
        )));
    }
    match info.duration_ms {
        Some(duration_ms) if target.start_ms > 0 && target.start_ms >= duration_ms => {
            Err(MediaError::BadTarget(format!(
                "the start at {} ms is past the end at {duration_ms} ms",
                target.start_ms
            )))
        }
        _ => Ok(()),
    }
}

fn choose_sample_rate(
    audio: &AudioTrack,
    target: &Target,
    notes: &mut Vec<String>,
) -> Result<u32, MediaError> {
    let wanted_hz = target.sample_rate_hz.unwrap_or(audio.sample_rate_hz);
    if !RATE_RANGE_HZ.contains(&wanted_hz) {
        return Err(MediaError::BadTarget(format!(
            "a sample rate of {wanted_hz} Hz; {} to {} are possible",
            RATE_RANGE_HZ.start(),
            RATE_RANGE_HZ.end()
        )));
    }
    let chosen_hz = match target.format {
        Format::Wav => wanted_hz,
        Format::Flac => nearest_flac_rate(wanted_hz),
        Format::Opus | Format::Dca | Format::Dca0 => opus::RATE_HZ,
        Format::Mp3 | Format::Aac | Format::M4a => nearest_mpeg_rate(wanted_hz),
        Format::Wma => nearest_wma_rate(wanted_hz),
        Format::Ogg if wanted_hz <= *VORBIS_RATES_HZ.end() => wanted_hz.max(*VORBIS_RATES_HZ.start()),
        Format::Ogg => divisor_of(wanted_hz),
    };
    if chosen_hz != wanted_hz && target.sample_rate_hz.is_some() {
        notes.push(format!("{} has no {}, so it is {}", target.format, khz(wanted_hz), khz(chosen_hz)));
    }
    Ok(chosen_hz)
}

/// Above 16 bits a frame header counts in tens of hertz (RFC 9639, section 9.1.2).
fn nearest_flac_rate(wanted_hz: u32) -> u32 {
    if wanted_hz > u32::from(u16::MAX) {
        wanted_hz.next_multiple_of(10).min(FLAC_MAX_RATE_HZ)
    } else {
        wanted_hz
    }
}

/// Takes the next rate up, so that nothing audible is lost.
fn nearest_mpeg_rate(wanted_hz: u32) -> u32 {
    let up = MPEG_RATES_HZ.into_iter().find(|rate_hz| *rate_hz >= wanted_hz);
    up.unwrap_or_else(|| divisor_of(wanted_hz))
}

/// What players of WMA 2 know; the encoder takes others, which they do not play.
fn nearest_wma_rate(wanted_hz: u32) -> u32 {
    const WMA_RATES_HZ: [u32; 7] = [8000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000];
    let up = WMA_RATES_HZ.into_iter().find(|rate_hz| *rate_hz >= wanted_hz);
    up.unwrap_or_else(|| divisor_of(wanted_hz))
}

/// Above 48 kHz, the rate that divides evenly.
fn divisor_of(wanted_hz: u32) -> u32 {
    if wanted_hz.is_multiple_of(44_100) { 44_100 } else { 48_000 }
}

fn choose_channels(audio: &AudioTrack, target: &Target, notes: &mut Vec<String>) -> Result<u8, MediaError> {
    let max = match target.format {
        Format::Wav | Format::Flac => MAX_CHANNELS,
        Format::Mp3
        | Format::Opus
        | Format::Ogg
        | Format::Aac
        | Format::M4a
        | Format::Wma
        | Format::Dca
        | Format::Dca0 => 2,
    };
    match target.channels {
        Some(wanted) if (wanted == audio.channels && wanted <= max) || wanted == 1 || wanted == 2 => {
            Ok(wanted)
        }
        Some(wanted) => Err(MediaError::BadTarget(format!(
            "{wanted} channels in {} from a source with {}; 1, 2{} are possible",
            target.format,
            audio.channels,
            if max > 2 { " or as many as the source has" } else { "" }
        ))),
        None if audio.channels > max => {
            notes.push(format!(
                "{} is made with {max} of {} channels, mixed down",
                target.format, audio.channels
            ));
            Ok(max)
        }
        None => Ok(audio.channels),
    }
}

fn choose_effort(target: &Target) -> Result<Option<u8>, MediaError> {
    match (target.format, target.effort) {
        (Format::Mp3, None) => Ok(Some(3)),
        (Format::Mp3, Some(effort)) if effort <= 9 => Ok(Some(effort)),
        (Format::Mp3, Some(effort)) => {
            Err(MediaError::BadTarget(format!("effort {effort}; 0 to 9 are possible")))
        }
        (_, None) => Ok(None),
        (format, Some(_)) => Err(MediaError::BadTarget(format!("effort is for mp3, not for {format}"))),
    }
}

fn choose_bits(audio: &AudioTrack, target: &Target) -> Result<Option<u8>, MediaError> {
    let is_lossless = matches!(target.format, Format::Wav | Format::Flac);
    match target.bits_per_sample {
        None if !is_lossless => Ok(None),
        Some(_) if !is_lossless => Err(MediaError::BadTarget(format!(
            "bits per sample are for wav and flac, not for {}",
            target.format
        ))),
        Some(bits @ (16 | 24)) => Ok(Some(bits)),
        Some(bits) => Err(MediaError::BadTarget(format!("{bits} bits per sample; 16 and 24 are possible"))),
        None => {
            let has_more = audio.codec.is_lossless() && audio.bits_per_sample.is_some_and(|bits| bits > 16);
            Ok(Some(if has_more { 24 } else { 16 }))
        }
    }
}

fn summarise(audio: &AudioTrack, plan: &Plan) -> String {
    let rate = plan.rate.map(|rate| match rate {
        Rate::Cbr { kbps } => format!("{kbps} kbit/s"),
        Rate::Abr { kbps } => format!("about {kbps} kbit/s"),
        Rate::Vbr { quality } => format!("quality {quality}"),
    });
    let depth = plan.bits_per_sample.map(|bits| format!("{bits} bit"));
    let frequency = (plan.sample_rate_hz != audio.sample_rate_hz).then(|| khz(plan.sample_rate_hz));
    let channels = (plan.channels != audio.channels).then(|| channels_in_words(plan.channels));
    let loudness = plan.loudness.map(|loudness| format!("at {} LUFS", loudness.integrated_lufs));
    let details: Vec<String> = [rate, depth, frequency, channels, loudness].into_iter().flatten().collect();
    format!(
        "encoded: {} {} {} to {} {}",
        audio.codec.name(),
        khz(audio.sample_rate_hz),
        channels_in_words(audio.channels),
        plan.format,
        details.join(" ")
    )
}

fn khz(rate_hz: u32) -> String {
    format!("{} kHz", f64::from(rate_hz) / 1000.0)
}

fn channels_in_words(channels: u8) -> String {
    match channels {
        1 => "mono".into(),
        2 => "stereo".into(),
        more => format!("{more} channels"),
    }
}

#[cfg(test)]
mod tests;
