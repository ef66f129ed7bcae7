//! What is copied: the same packets, the same samples to hear, as ffmpeg finds them in the source and in the result.

use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use reelmill_media::{Format, MediaError, Target};

use crate::cases::{mill, signal_to_noise};
use crate::{ensure, ffmpeg, trial};

const SECONDS: f64 = 3.217;

/// Name, the encoder's arguments, and what it is copied to.
const COPIES: [(&str, u32, &[&str], Format); 28] = [
    ("a.m4a", 44_100, &["-c:a", "aac"], Format::M4a),
    ("a.mp4", 48_000, &["-c:a", "aac", "-ac", "1"], Format::M4a),
    ("low.m4a", 22_050, &["-c:a", "aac"], Format::M4a),
    ("high.m4a", 96_000, &["-c:a", "aac", "-b:a", "256k"], Format::M4a),
    ("a.mov", 44_100, &["-c:a", "aac"], Format::M4a),
    ("front.mp4", 44_100, &["-c:a", "aac", "-movflags", "+faststart"], Format::M4a),
    ("fragments.mp4", 44_100, &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov"], Format::M4a),
    ("a.mkv", 44_100, &["-c:a", "aac"], Format::M4a),
    ("a.aac", 44_100, &["-c:a", "aac"], Format::M4a),
    ("mono.aac", 16_000, &["-c:a", "aac", "-ac", "1"], Format::M4a),
    ("a.m4a", 44_100, &["-c:a", "aac"], Format::Aac),
    ("a.mkv", 48_000, &["-c:a", "aac"], Format::Aac),
    ("a.aac", 44_100, &["-c:a", "aac"], Format::Aac),
    ("cbr.mp3", 44_100, &["-c:a", "libmp3lame", "-b:a", "128k"], Format::Mp3),
    ("vbr.mp3", 48_000, &["-c:a", "libmp3lame", "-q:a", "4"], Format::Mp3),
    ("mono.mp3", 22_050, &["-c:a", "libmp3lame", "-ac", "1"], Format::Mp3),
    ("bare.mp3", 44_100, &["-c:a", "libmp3lame", "-q:a", "4", "-write_xing", "0"], Format::Mp3),
    ("tail.mp3", 44_100, &["-c:a", "libmp3lame", "-write_id3v1", "1"], Format::Mp3),
    ("a.opus", 48_000, &["-c:a", "libopus"], Format::Opus),
    ("mono.opus", 48_000, &["-c:a", "libopus", "-ac", "1", "-b:a", "24k"], Format::Opus),
    ("5.1.opus", 48_000, &["-c:a", "libopus", "-ac", "6"], Format::Opus),
    ("60.opus", 48_000, &["-c:a", "libopus", "-frame_duration", "60"], Format::Opus),
    (
        "2.5.opus",
        48_000,
        &["-c:a", "libopus", "-frame_duration", "2.5", "-application", "lowdelay"],
        Format::Opus,
    ),
    ("large.opus", 48_000, &["-c:a", "libopus", "-b:a", "510k", "-vbr", "off"], Format::Opus),
    ("a.webm", 48_000, &["-c:a", "libopus"], Format::Opus),
    ("a.mkv", 48_000, &["-c:a", "libopus"], Format::Opus),
    ("a.mp4", 48_000, &["-c:a", "libopus"], Format::Opus),
    ("5.1.mkv", 48_000, &["-c:a", "libopus", "-ac", "6"], Format::Opus),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, rate_hz, arguments, format) in COPIES {
        trials.push(trial(format!("{rate_hz}_{name}_is_copied_to_{format}"), move || {
            copied(name, rate_hz, arguments, format)
        }));
    }
    for name in ["he-v1-hidden.m4a", "he-v1.aac", "he-v2-announced.m4a", "he-v2.aac"] {
        trials
            .push(trial(format!("{name}_is_copied_though_it_is_not_decoded"), move || high_efficiency(name)));
    }
    trials.push(trial("a_film_gives_its_sound_as_it_is", film));
    trials.push(trial("a_part_of_aac_is_cut_to_the_frame", || part("a.m4a", "aac", Format::M4a, 44_100)));
    trials.push(trial("a_part_of_adts_is_cut_to_the_frame", || part("a.aac", "aac", Format::M4a, 44_100)));
    trials.push(trial("a_part_of_opus_is_cut_to_the_frame", || {
        part("a.webm", "libopus", Format::Opus, 48_000)
    }));
    trials.push(trial("a_part_of_a_part_is_cut_to_the_frame", part_of_part));
    trials.push(trial("an_mp3_that_is_not_one_row_of_frames_is_encoded", broken_mp3));
    trials.push(trial("a_long_source_is_read_again", long));
    trials.push(trial("m4a_from_samples_is_exact_and_begins_with_its_index", made));
    trials
}

fn folder() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|error| error.to_string())
}

fn text(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// The packets of the sound as ffmpeg finds them, each by its MD5; those of ADTS without their headers.
fn packets(path: &Path) -> Result<Vec<String>, String> {
    let filter =
        if path.extension().is_some_and(|extension| extension == "aac") { "aac_adtstoasc" } else { "null" };
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", "0:a:0", "-c", "copy", "-bsf:a", filter, "-f", "framemd5", "-"])
        .output()
        .map_err(|error| error.to_string())?;
    ensure(output.stderr.is_empty(), || String::from_utf8_lossy(&output.stderr).into_owned())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    Ok(lines.filter_map(|line| line.split(',').nth(5)).map(|sum| sum.trim().to_owned()).collect())
}

fn make(name: &str, rate_hz: u32, arguments: &[&str], folder: &Path) -> Result<PathBuf, String> {
    let path = folder.join(name);
    ffmpeg::make(&path, SECONDS, rate_hz, arguments)?;
    Ok(path)
}

fn mill_copied(from: &Path, to: &Path, target: &Target) -> Result<reelmill_media::Report, String> {
    let report = mill(from, to, target).map_err(|error| error.to_string())?;
    ensure(report.summary.starts_with("copied"), || format!("{report:?}"))?;
    Ok(report)
}

fn copied(name: &str, rate_hz: u32, arguments: &[&str], format: Format) -> Result<(), String> {
    let folder = folder()?;
    let from = make(name, rate_hz, arguments, folder.path())?;
    let to = folder.path().join(format!("out.{format}"));
    let report = mill_copied(&from, &to, &Target::new(format))?;
    let (theirs, ours) = (packets(&from)?, packets(&to)?);
    ensure(theirs.len() > 50 && theirs == ours, || {
        format!("{} packets became {}", theirs.len(), ours.len())
    })?;
    let (theirs, ours) = (ffmpeg::decode(&from)?, ffmpeg::decode(&to)?);
    // ffmpeg plays the padding at the end of Opus in MP4, and what an edit list hides once it is ADTS.
    let is_longer = format == Format::Aac || (name == "a.mp4" && format == Format::Opus);
    let start = if format == Format::Aac { ours.len().saturating_sub(theirs.len()) } else { 0 };
    let is_same = if is_longer && format == Format::Opus {
        theirs.starts_with(&ours)
    } else if start > 0 {
        ours.len() - theirs.len() <= 3 * 1024 * 6
    } else {
        theirs == ours
    };
    ensure(is_same, || format!("{} samples became {}", theirs.len(), ours.len()))?;
    let channels = ffmpeg::ask(&to, "stream=channels")?.concat().replace("channels=", "");
    let channels: u64 = channels.parse().map_err(|error| format!("{channels}: {error}"))?;
    let exact = report.frames_out * channels;
    ensure((exact..=exact + padding(format) * channels).contains(&(ours.len() as u64)), || {
        format!("{report:?} of {} samples in {channels} channels", ours.len())
    })?;
    lasts(&to, &report, format)
}

/// Frames behind the end that ffmpeg 5 plays: to the end of the last packet of an M4A.
fn padding(format: Format) -> u64 {
    if format == Format::M4a { 1023 } else { 0 }
}

/// What the container says of its length is what is heard.
fn lasts(path: &Path, report: &reelmill_media::Report, format: Format) -> Result<(), String> {
    if format == Format::Aac {
        return Ok(());
    }
    let said = ffmpeg::ask(path, "format=duration")?.concat().replace("duration=", "");
    let seconds: f64 = said.parse().map_err(|error| format!("{said}: {error}"))?;
    #[expect(clippy::cast_precision_loss, reason = "a few seconds")]
    let ms = report.duration_ms as f64;
    // ffmpeg counts the pre-skip of Opus, and the padding of MP3.
    let tolerance = if format == Format::M4a { 1.0 } else { 120.0 };
    ensure((seconds * 1000.0 - ms).abs() <= tolerance, || format!("{seconds} s, and {report:?}"))
}

fn high_efficiency(name: &str) -> Result<(), String> {
    let folder = folder()?;
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name);
    for format in [Format::M4a, Format::Aac] {
        let to = folder.path().join(format!("out.{format}"));
        mill_copied(&from, &to, &Target::new(format))?;
        ensure(packets(&from)? == packets(&to)?, || format!("other packets in {format}"))?;
        let (theirs, ours) = (ffmpeg::decode(&from)?, ffmpeg::decode(&to)?);
        let is_same = theirs == ours || (format == Format::Aac && theirs.len() <= ours.len());
        ensure(is_same, || format!("{} samples became {} in {format}", theirs.len(), ours.len()))?;
        let shape = |path: &Path| ffmpeg::ask(path, "stream=profile,sample_rate,channels");
        ensure(shape(&from)? == shape(&to)?, || format!("{:?} became {:?}", shape(&from), shape(&to)))?;
    }
    Ok(())
}

fn film() -> Result<(), String> {
    let folder = folder()?;
    let (from, to) = (folder.path().join("film.mp4"), folder.path().join("out.m4a"));
    let sound = format!("{}:s=44100:d=8", ffmpeg::SIGNAL);
    ffmpeg::run(
        &[
            "-f",
            "lavfi",
            "-i",
            "testsrc=d=8:s=320x240",
            "-f",
            "lavfi",
            "-i",
            &sound,
            "-c:a",
            "aac",
            "-c:v",
            "mpeg4",
        ],
        &from,
    )?;
    let report = mill_copied(&from, &to, &Target::new(Format::M4a))?;
    ensure(packets(&from)? == packets(&to)? && ffmpeg::decode(&from)? == ffmpeg::decode(&to)?, || {
        "another sound".into()
    })?;
    ensure(report.frames_out == 8 * 44_100, || format!("{report:?}"))?;
    let streams = ffmpeg::ask(&to, "stream=codec_name")?;
    ensure(streams == ["codec_name=aac"], || format!("{streams:?}"))
}

/// A part sounds like that part of the whole, and is as long as was asked for.
fn part(name: &str, codec: &str, format: Format, rate_hz: u32) -> Result<(), String> {
    let folder = folder()?;
    let from = make(name, rate_hz, &["-c:a", codec], folder.path())?;
    let whole = ffmpeg::decode(&from)?;
    let to = folder.path().join(format!("out.{format}"));
    for (start_ms, end_ms) in [(0, Some(1003)), (1, None), (777, Some(2500)), (1500, None), (3200, None)] {
        let target = Target { start_ms, end_ms, ..Target::new(format) };
        let report = mill_copied(&from, &to, &target)?;
        let at = |ms: u64| {
            usize::try_from((ms * u64::from(rate_hz) + 500) / 1000 * 2).unwrap_or(0).min(whole.len())
        };
        let wanted = &whole[at(start_ms)..end_ms.map_or(whole.len(), at)];
        let mut ours = ffmpeg::decode(&to)?;
        let exact = usize::try_from(report.frames_out * 2).unwrap_or(0);
        if ours.len() <= exact + usize::try_from(padding(format) * 2).unwrap_or(0) {
            ours.truncate(exact);
        }
        ensure(
            ours.len().abs_diff(wanted.len()) <= usize::from(end_ms.is_none()) * 2048 && ours.len() == exact,
            || {
                format!(
                    "{start_ms} to {end_ms:?}: {} samples instead of {}, {report:?}",
                    ours.len(),
                    wanted.len()
                )
            },
        )?;
        // Decoders put noise where an encoder saved it, and settle a little differently; most so right behind a cut.
        let ratio = signal_to_noise(wanted, &ours);
        ensure(ratio > if wanted.len() > 10_000 { 26.0 } else { 18.0 }, || {
            format!("{start_ms} to {end_ms:?}: {ratio} dB")
        })?;
        lasts(&to, &report, format)?;
    }
    Ok(())
}

fn part_of_part() -> Result<(), String> {
    let folder = folder()?;
    let from = make("a.m4a", 44_100, &["-c:a", "aac"], folder.path())?;
    let (once, twice) = (folder.path().join("1.m4a"), folder.path().join("2.m4a"));
    mill_copied(&from, &once, &Target { start_ms: 500, ..Target::new(Format::M4a) })?;
    mill_copied(&once, &twice, &Target { start_ms: 1000, end_ms: Some(2000), ..Target::new(Format::M4a) })?;
    let (whole, ours) = (ffmpeg::decode(&from)?, ffmpeg::decode(&twice)?);
    let wanted = &whole[66_150 * 2..110_250 * 2];
    let ratio = signal_to_noise(wanted, &ours);
    ensure(ours.len().abs_diff(wanted.len()) <= 2046 && ratio > 26.0, || {
        format!("{} samples, {ratio} dB", ours.len())
    })
}

fn broken_mp3() -> Result<(), String> {
    let folder = folder()?;
    let from = make("a.mp3", 44_100, &["-c:a", "libmp3lame", "-b:a", "128k"], folder.path())?;
    let to = folder.path().join("out.mp3");
    let whole = std::fs::read(&from).map_err(|error| error.to_string())?;
    let middle = whole.len() / 2;
    let mut junk = whole.clone();
    junk.splice(middle..middle, b"some junk in the middle of it".repeat(3));
    let more = [&whole[..], b"TAG", &[7; 300]].concat();
    for (what, bytes) in [("junk", junk), ("more", more)] {
        std::fs::write(&from, bytes).map_err(|error| error.to_string())?;
        let report = mill(&from, &to, &Target::new(Format::Mp3)).map_err(|error| error.to_string())?;
        let is_told = report.notes.iter().any(|note| note.starts_with("not copied: after frame"));
        ensure(report.summary.starts_with("encoded: mp3") && is_told, || format!("{what}: {report:?}"))?;
    }
    let gone = [&whole[..middle], &whole[middle + 20_000..]].concat();
    std::fs::write(&from, gone).map_err(|error| error.to_string())?;
    match mill(&from, &to, &Target::new(Format::Mp3)) {
        Err(MediaError::Truncated(_)) => Ok(()),
        other => Err(format!("{other:?}")),
    }
}

/// More than is kept in memory, by every way that packets come.
fn long() -> Result<(), String> {
    let folder = folder()?;
    for (name, arguments, format) in [
        ("1.webm", &["-c:a", "libopus", "-b:a", "510k", "-vbr", "off"][..], Format::Opus),
        ("1.mkv", &["-c:a", "aac", "-b:a", "500k"], Format::M4a),
        ("1.aac", &["-c:a", "aac", "-b:a", "500k"], Format::M4a),
        ("1.mp3", &["-c:a", "libmp3lame", "-b:a", "320k"], Format::Mp3),
    ] {
        let one = make(name, 48_000, arguments, folder.path())?;
        let (from, to) =
            (folder.path().join(format!("long-{name}")), folder.path().join(format!("out.{format}")));
        ffmpeg::run(&["-stream_loop", "200", "-i", &text(&one), "-c", "copy", "-write_xing", "0"], &from)
            .or_else(|_| ffmpeg::run(&["-stream_loop", "200", "-i", &text(&one), "-c", "copy"], &from))?;
        let size_bytes = std::fs::metadata(&from).map_err(|error| error.to_string())?.len();
        ensure(size_bytes > 17 << 20, || format!("{name}: {size_bytes} bytes would be kept"))?;
        mill_copied(&from, &to, &Target::new(format))?;
        ensure(packets(&from)? == packets(&to)?, || format!("{name}: other packets"))?;
    }
    Ok(())
}

fn made() -> Result<(), String> {
    let folder = folder()?;
    let (from, to) = (folder.path().join("a.wav"), folder.path().join("a.m4a"));
    ffmpeg::make(&from, SECONDS, 44_100, &[])?;
    let report = mill(&from, &to, &Target::new(Format::M4a)).map_err(|error| error.to_string())?;
    let (before, after) = (ffmpeg::decode(&from)?, ffmpeg::decode(&to)?);
    let ratio = signal_to_noise(&before, &after);
    ensure((before.len()..=before.len() + 2046).contains(&after.len()) && ratio > 10.0, || {
        format!("{} samples became {}, {ratio} dB", before.len(), after.len())
    })?;
    let bytes = std::fs::read(&to).map_err(|error| error.to_string())?;
    let place = |name: &[u8]| bytes.windows(4).position(|window| window == name);
    ensure(place(b"moov") < place(b"mdat"), || "the index follows".into())?;
    lasts(&to, &report, Format::M4a)
}
