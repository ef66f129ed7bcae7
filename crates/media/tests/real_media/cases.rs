//! Every kind of source to every format: sound, exact in length, and clean.

use std::path::Path;

use libtest_mimic::Trial;
use reelmill_media::{Codec, FileSink, FileSource, Format, MediaError, Rate, Report, Target, convert, probe};

use crate::ffmpeg;
use crate::{control, ensure, trial};

const SECONDS: f64 = 3.217;

/// A source: file name, sample rate, what ffmpeg needs to make it.
type Source = (&'static str, u32, &'static [&'static str]);

const SOURCES: [Source; 38] = [
    ("aac.m4a", 44_100, &["-c:a", "aac"]),
    ("aac.mp4", 48_000, &["-c:a", "aac", "-ac", "1"]),
    ("aac.mov", 44_100, &["-c:a", "aac"]),
    ("aac.mkv", 44_100, &["-c:a", "aac"]),
    ("fragmented.mp4", 44_100, &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"]),
    ("aac.aac", 44_100, &["-c:a", "aac"]),
    ("aac-22.aac", 22_050, &["-c:a", "aac"]),
    ("cbr.mp3", 44_100, &["-c:a", "libmp3lame", "-b:a", "128k"]),
    ("vbr.mp3", 48_000, &["-c:a", "libmp3lame", "-q:a", "4"]),
    ("low.mp3", 22_050, &["-c:a", "libmp3lame", "-ac", "1"]),
    ("bare.mp3", 44_100, &["-c:a", "libmp3lame", "-q:a", "4", "-write_xing", "0", "-id3v2_version", "0"]),
    ("mp2.mp2", 44_100, &["-c:a", "mp2"]),
    ("mp3.mkv", 44_100, &["-c:a", "libmp3lame"]),
    ("vorbis.ogg", 44_100, &["-c:a", "libvorbis"]),
    ("vorbis.webm", 48_000, &["-c:a", "libvorbis"]),
    ("vorbis-5.1.ogg", 48_000, &["-c:a", "libvorbis", "-ac", "6"]),
    ("opus.opus", 48_000, &["-c:a", "libopus"]),
    ("opus-mono.opus", 48_000, &["-c:a", "libopus", "-ac", "1", "-b:a", "24k", "-application", "voip"]),
    ("opus-60.opus", 48_000, &["-c:a", "libopus", "-frame_duration", "60"]),
    ("opus-2.5.opus", 48_000, &["-c:a", "libopus", "-frame_duration", "2.5", "-application", "lowdelay"]),
    ("opus-5.1.opus", 48_000, &["-c:a", "libopus", "-ac", "6"]),
    ("opus.webm", 48_000, &["-c:a", "libopus"]),
    ("opus.mkv", 48_000, &["-c:a", "libopus"]),
    ("opus.mp4", 48_000, &["-c:a", "libopus"]),
    ("flac.flac", 44_100, &["-c:a", "flac"]),
    ("flac-24.flac", 96_000, &["-c:a", "flac", "-sample_fmt", "s32"]),
    ("flac-5.1.flac", 48_000, &["-c:a", "flac", "-ac", "6"]),
    ("flac.mkv", 44_100, &["-c:a", "flac"]),
    ("flac.ogg", 44_100, &["-c:a", "flac"]),
    ("alac.m4a", 44_100, &["-c:a", "alac"]),
    ("pcm.wav", 44_100, &["-c:a", "pcm_s16le"]),
    ("pcm-24.wav", 48_000, &["-c:a", "pcm_s24le"]),
    ("float.wav", 44_100, &["-c:a", "pcm_f32le"]),
    ("eight.wav", 8_000, &["-c:a", "pcm_u8", "-ac", "1"]),
    ("law.wav", 8_000, &["-c:a", "pcm_mulaw"]),
    ("adpcm.wav", 44_100, &["-c:a", "adpcm_ms"]),
    ("pcm.aiff", 44_100, &[]),
    ("pcm.caf", 44_100, &["-c:a", "pcm_s16le"]),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for source in SOURCES {
        trials.push(trial(format!("{}_becomes_every_format", source.0), move || whole(source)));
    }
    for (name, rate) in [
        ("cbr_320", Rate::Cbr { kbps: 320 }),
        ("abr_140", Rate::Abr { kbps: 140 }),
        ("vbr_0", Rate::Vbr { quality: 0 }),
        ("vbr_9", Rate::Vbr { quality: 9 }),
    ] {
        trials.push(trial(format!("mp3_at_{name}_is_gapless"), move || mp3_at(rate)));
    }
    trials.push(trial("lossless_to_lossless_changes_no_sample", lossless));
    trials.push(trial("a_flac_result_carries_the_right_checksum", flac_checksum));
    trials.push(trial("the_middle_of_a_file_is_cut_to_the_frame", middle));
    trials.push(trial("every_mp3_sample_rate_is_made", mp3_rates));
    trials.push(trial("flac_is_made_at_any_sample_rate", flac_rates));
    trials.push(trial("padding_at_the_end_of_a_webm_is_cut", webm_padding));
    trials.push(trial("vorbis_is_made_at_any_sample_rate_and_bit_rate", vorbis_rates));
    trials.push(trial("a_lossy_round_trip_sounds_like_its_source", sounds_alike));
    trials
}

/// Converts a file to a file.
pub(crate) fn mill(from: &Path, to: &Path, target: &Target) -> Result<Report, MediaError> {
    let source = Box::new(FileSource::open(from)?);
    let mut sink = FileSink::create(to)?;
    let report = convert(source, from.to_str(), target, &mut sink, &control())?;
    sink.into_file()?;
    Ok(report)
}

/// A source is made once, since that takes longer than to convert it.
fn whole(source: Source) -> Result<(), String> {
    let (name, rate_hz, arguments) = source;
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let from = folder.path().join(name);
    ffmpeg::make(&from, SECONDS, rate_hz, arguments)?;
    let formats = Format::all().iter().filter(|format| !format.is_dca());
    let wrong: Vec<_> = formats
        .filter_map(|format| become_one(source, &from, *format).err().map(|why| format!("{format}: {why}")))
        .collect();
    ensure(wrong.is_empty(), || wrong.join("\n"))
}

fn become_one(source: Source, from: &Path, format: Format) -> Result<(), String> {
    let (name, rate_hz, _) = source;
    let to = from.with_file_name(format!("out.{}", format.extension()));
    let report = mill(from, &to, &Target::new(format)).map_err(|error| error.to_string())?;
    let info = probe(Box::new(FileSource::open(from).map_err(|error| error.to_string())?), Some(name))
        .map_err(|error| error.to_string())?;

    let channels = u64::from(info.audio.channels.min(if format == Format::Wav || format == Format::Flac {
        8
    } else {
        2
    }));
    let samples = ffmpeg::decode(&to)?.len() as u64;
    let is_copied = report.summary.starts_with("copied");
    let channels = if is_copied { u64::from(info.audio.channels) } else { channels };
    // ADTS and ASF cannot say that their ends are padding.
    let padding = match format {
        Format::Aac if !is_copied => 3 * 1024 * channels,
        // ffmpeg 5 plays an M4A to the end of its last packet.
        Format::M4a => 1024 * channels,
        Format::Wma => 2048 * channels,
        _ => 0,
    };
    let exact = report.frames_out * channels;
    ensure((exact..=exact + padding).contains(&samples), || {
        format!("reported {} frames, ffmpeg finds {} samples", report.frames_out, samples)
    })?;
    ffmpeg::ask(&to, "format=duration")?;
    let (frames, out_hz) = expected(&source, from, &info, format)?;
    // Nor can it for what was copied.
    let tolerance = if format == Format::Aac && is_copied { 2048 } else { u64::from(out_hz != rate_hz) };
    ensure(report.frames_out.abs_diff(frames) <= tolerance, || {
        format!("{} frames instead of {frames}", report.frames_out)
    })
}

/// How many frames the result must have: as many as were encoded where the container keeps count, else as
/// many as ffmpeg decodes.
fn expected(
    (name, rate_hz, _): &Source,
    from: &Path,
    info: &reelmill_media::Info,
    format: Format,
) -> Result<(u64, u32), String> {
    let keeps_count = info.audio.codec.is_lossless()
        || info.audio.codec == Codec::Opus
        || ["aac.m4a", "aac.mp4", "aac.mov", "cbr.mp3", "vbr.mp3", "low.mp3", "vorbis.ogg", "vorbis-5.1.ogg"]
            .contains(name);
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds")]
    let frames = if keeps_count {
        (SECONDS * f64::from(*rate_hz)).round() as u64
    } else {
        ffmpeg::decode(from)?.len() as u64 / u64::from(info.audio.channels)
    };
    let out_hz = match format {
        Format::Opus => 48_000,
        Format::Mp3 | Format::Ogg | Format::Aac | Format::M4a | Format::Wma if *rate_hz > 48_000 => 48_000,
        _ => *rate_hz,
    };
    let scaled = (u128::from(frames) * u128::from(out_hz) + u128::from(*rate_hz) / 2) / u128::from(*rate_hz);
    Ok((u64::try_from(scaled).map_err(|error| error.to_string())?, out_hz))
}

fn mp3_at(rate: Rate) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (from, to) = (folder.path().join("a.wav"), folder.path().join("a.mp3"));
    ffmpeg::make(&from, SECONDS, 44_100, &[])?;
    let target = Target { rate: Some(rate), ..Target::new(Format::Mp3) };
    mill(&from, &to, &target).map_err(|error| error.to_string())?;
    let (before, after) = (ffmpeg::decode(&from)?.len(), ffmpeg::decode(&to)?.len());
    ensure(before == after, || format!("{before} samples became {after}"))
}

fn lossless() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    ffmpeg::make(&path("a.wav"), SECONDS, 44_100, &["-c:a", "pcm_s16le", "-ac", "6"])?;
    let original = ffmpeg::decode(&path("a.wav"))?;
    let mut from = path("a.wav");
    for (step, format) in [Format::Flac, Format::Wav, Format::Flac].into_iter().enumerate() {
        let to = path(&format!("{step}.{format}"));
        mill(&from, &to, &Target::new(format)).map_err(|error| error.to_string())?;
        ensure(ffmpeg::decode(&to)? == original, || format!("step {step} to {format} changed samples"))?;
        from = to;
    }
    Ok(())
}

fn flac_checksum() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    for arguments in [&["-c:a", "pcm_s16le"][..], &["-c:a", "pcm_s24le", "-ac", "1"]] {
        ffmpeg::make(&path("a.wav"), SECONDS, 48_000, arguments)?;
        mill(&path("a.wav"), &path("a.flac"), &Target::new(Format::Flac))
            .map_err(|error| error.to_string())?;
        // ffmpeg copies the checksum it is given, so it is asked for its own of the same samples.
        let head = std::fs::read(path("a.flac")).map_err(|error| error.to_string())?;
        let bits = if arguments.len() == 2 { "s16le" } else { "s24le" };
        let codec = format!("pcm_{bits}");
        ffmpeg::run(
            &["-i", path("a.wav").to_str().unwrap_or_default(), "-c:a", &codec, "-f", "md5"],
            &path("sum"),
        )?;
        let sum = std::fs::read_to_string(path("sum")).map_err(|error| error.to_string())?;
        let ours = u128::from_be_bytes(head[26..42].try_into().map_err(|_| "a short head")?);
        ensure(sum.trim() == format!("MD5={ours:032x}"), || format!("{ours:032x} is written, it is {sum}"))?;
    }
    Ok(())
}

fn middle() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    ffmpeg::make(&path("a.wav"), SECONDS, 44_100, &[])?;
    let target = Target { start_ms: 1000, end_ms: Some(2500), ..Target::new(Format::Wav) };
    mill(&path("a.wav"), &path("b.wav"), &target).map_err(|error| error.to_string())?;
    let whole = ffmpeg::decode(&path("a.wav"))?;
    ensure(ffmpeg::decode(&path("b.wav"))? == whole[44_100 * 2..110_250 * 2], || "another part".into())
}

fn mp3_rates() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    ffmpeg::make(&path("a.wav"), 1.0, 44_100, &[])?;
    for rate_hz in [8000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] {
        let target = Target { sample_rate_hz: Some(rate_hz), ..Target::new(Format::Mp3) };
        let report = mill(&path("a.wav"), &path("a.mp3"), &target).map_err(|error| error.to_string())?;
        ensure(report.frames_out == u64::from(rate_hz), || format!("{} at {rate_hz} Hz", report.frames_out))?;
        let samples = ffmpeg::decode(&path("a.mp3"))?.len() as u64;
        ensure(samples == report.frames_out * 2, || format!("{samples} samples at {rate_hz} Hz"))?;
    }
    Ok(())
}

/// The ends of the encoder's tables, which are not written down in its interface.
fn vorbis_rates() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    ffmpeg::make(&path("a.wav"), 0.7, 48_000, &[])?;
    for rate_hz in
        [1000, 8000, 8999, 9000, 15_000, 16_000, 19_000, 22_050, 26_000, 32_000, 40_000, 44_100, 48_000]
    {
        for channels in [1, 2] {
            for rate in [
                Rate::Cbr { kbps: 8 },
                Rate::Abr { kbps: 500 },
                Rate::Vbr { quality: 0 },
                Rate::Vbr { quality: 9 },
            ] {
                let target = Target {
                    rate: Some(rate),
                    sample_rate_hz: Some(rate_hz),
                    channels: Some(channels),
                    ..Target::new(Format::Ogg)
                };
                let report = mill(&path("a.wav"), &path("a.ogg"), &target)
                    .map_err(|error| format!("{rate_hz} Hz, {channels} channels, {rate:?}: {error}"))?;
                let samples = ffmpeg::decode(&path("a.ogg"))?.len() as u64;
                ensure(samples == report.frames_out * u64::from(channels), || {
                    format!("{samples} samples of {} frames at {rate_hz} Hz", report.frames_out)
                })?;
            }
        }
    }
    Ok(())
}

fn webm_padding() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    ffmpeg::make(&path("a.ogg"), SECONDS, 44_100, &["-c:a", "libvorbis"])?;
    let ogg = path("a.ogg");
    // The trim of Ogg's last page becomes the padding of the last block.
    ffmpeg::run(&["-i", &ogg.to_string_lossy(), "-c", "copy"], &path("a.webm"))?;
    let report = mill(&path("a.webm"), &path("a.wav"), &Target::new(Format::Wav))
        .map_err(|error| error.to_string())?;
    let frames = ffmpeg::decode(&path("a.webm"))?.len() as u64 / 2;
    ensure(report.frames_out == frames && frames == 141_870, || {
        format!("{} frames, and ffmpeg hears {frames}", report.frames_out)
    })
}

fn flac_rates() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    for rate_hz in [8000, 44_099, 96_000, 176_400, 192_000, 384_000] {
        ffmpeg::make(&path("a.wav"), 0.5, rate_hz, &["-c:a", "pcm_s16le"])?;
        mill(&path("a.wav"), &path("a.flac"), &Target::new(Format::Flac))
            .map_err(|error| error.to_string())?;
        ensure(ffmpeg::decode(&path("a.wav"))? == ffmpeg::decode(&path("a.flac"))?, || {
            format!("samples changed at {rate_hz} Hz")
        })?;
        let found =
            probe(Box::new(FileSource::open(path("a.flac")).map_err(|error| error.to_string())?), None);
        let found_hz = found.map_err(|error| error.to_string())?.audio.sample_rate_hz;
        ensure(found_hz == rate_hz, || format!("{found_hz} Hz instead of {rate_hz}"))?;
    }
    Ok(())
}

fn sounds_alike() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path = |name: &str| folder.path().join(name);
    let tone = "aevalsrc=0.4*sin(440*2*PI*t)|0.4*sin(880*2*PI*t):s=48000:d=2";
    ffmpeg::run(&["-f", "lavfi", "-i", tone], &path("a.wav"))?;
    let original = ffmpeg::decode(&path("a.wav"))?;
    for format in [Format::Mp3, Format::Opus, Format::Ogg, Format::Wma] {
        let to = path(&format!("a.{format}"));
        mill(&path("a.wav"), &to, &Target::new(format)).map_err(|error| error.to_string())?;
        let ratio = signal_to_noise(&original, &ffmpeg::decode(&to)?);
        // WMA is the weakest of them; still, a shift by three frames would leave less.
        let least = if format == Format::Wma { 17.0 } else { 20.0 };
        ensure(ratio > least, || format!("{format}: a signal to noise ratio of {ratio} dB"))?;
    }
    Ok(())
}

/// In decibels, and so also a proof that the two are aligned.
pub(crate) fn signal_to_noise(original: &[i16], other: &[i16]) -> f64 {
    let signal: f64 = original.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    let noise: f64 = original.iter().zip(other).map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2)).sum();
    10.0 * (signal / noise.max(1.0)).log10()
}
