//! Chapters on their way from every kind of file that has them to every other, copied and encoded, whole and in part.
//!
//! ffprobe is the judge, but for Vorbis in Ogg, whose chapters it does not list; there it is our own probe, which
//! reads them with a parser that is not ours.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use libtest_mimic::Trial;
use reelmill_media::{Engines, FileSource, Format, Target, probe_with};

use crate::cases::mill;
use crate::ffmpeg;
use crate::{ensure, trial};

/// Start and end in milliseconds, and the title. The first one starts late. None starts in the second half of a second,
/// which ffmpeg's writer of Vorbis comments would make the one after.
const CHAPTERS: [(u64, u64, &str); 4] =
    [(250, 1000, "Eins: 歌 = a; b"), (1000, 1401, "Zwei"), (1401, 2300, "Drei"), (2300, 4000, "Vier")];
const SECONDS: f64 = 4.0;

/// Files that ffmpeg writes chapters into, and their arguments.
const SOURCES: [(&str, &[&str]); 9] = [
    ("a.m4a", &["-c:a", "aac"]),
    ("a.mp4", &["-c:a", "aac", "-movflags", "+faststart"]),
    ("a.mkv", &["-c:a", "aac"]),
    ("opus.mkv", &["-c:a", "libopus"]),
    ("a.webm", &["-c:a", "libopus"]),
    ("a.mp3", &["-c:a", "libmp3lame"]),
    ("old.mp3", &["-c:a", "libmp3lame", "-id3v2_version", "3"]),
    ("a.ogg", &["-c:a", "libvorbis"]),
    ("a.opus", &["-c:a", "libopus"]),
];

const CARRIERS: [Format; 5] = [Format::M4a, Format::Mp3, Format::Opus, Format::Ogg, Format::Flac];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, arguments) in SOURCES {
        for format in CARRIERS {
            trials.push(trial(format!("chapters_of_{name}_reach_{format}"), move || {
                carried(name, arguments, format)
            }));
        }
        trials.push(trial(format!("a_part_of_{name}_has_its_own_chapters"), move || part(name, arguments)));
    }
    for format in CARRIERS {
        trials.push(trial(format!("chapters_of_flac_reach_{format}"), move || from_flac(format)));
    }
    trials.push(trial("chapters_that_only_ffmpeg_reads_are_carried", foreign));
    trials.push(trial("a_format_without_chapters_says_that_they_are_left_out", left_out));
    trials.push(trial("without_tags_no_chapters_are_carried", without));
    trials.push(trial("three_hundred_chapters_are_carried", many));
    trials.push(trial("a_track_of_chapters_is_no_other_track", no_track));
    trials
}

type Told = (u64, Option<u64>, String);

fn folder() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|error| error.to_string())
}

fn make(folder: &Path, name: &str, arguments: &[&str], chapters: &[Told]) -> Result<PathBuf, String> {
    if ["a.ogg", "a.flac"].contains(&name) {
        return make_with_comments(folder, name, arguments);
    }
    let mut list = ";FFMETADATA1\ntitle=Buch\n".to_owned();
    for (start, end, title) in chapters {
        let end = end.unwrap_or(start + 1);
        let title = title.replace('=', "\\=").replace(';', "\\;");
        let _ = write!(list, "[CHAPTER]\nTIMEBASE=1/1000\nSTART={start}\nEND={end}\ntitle={title}\n");
    }
    let described = folder.join("list.txt");
    std::fs::write(&described, list).map_err(|error| error.to_string())?;
    let described = described.to_string_lossy().into_owned();
    let path = folder.join(name);
    let mut all = vec!["-f", "ffmetadata", "-i", &described, "-map", "0:a", "-map_metadata", "1"];
    all.extend(["-map_chapters", "1"]);
    all.extend_from_slice(arguments);
    ffmpeg::make(&path, SECONDS, 48_000, &all)?;
    Ok(path)
}

/// ffmpeg reads chapters in FLAC and does not write them, so they are written as the comments that they are.
fn make_with_comments(folder: &Path, name: &str, arguments: &[&str]) -> Result<PathBuf, String> {
    let mut lines = Vec::new();
    for (number, (start, _, title)) in CHAPTERS.iter().enumerate() {
        lines.push(format!("CHAPTER{number:03}=00:00:{:02}.{:03}", start / 1000, start % 1000));
        lines.push(format!("CHAPTER{number:03}NAME={title}"));
    }
    let mut all: Vec<&str> = lines.iter().flat_map(|line| ["-metadata", line]).collect();
    all.extend_from_slice(arguments);
    let path = folder.join(name);
    ffmpeg::make(&path, SECONDS, 48_000, &all)?;
    Ok(path)
}

fn chapters() -> Vec<Told> {
    CHAPTERS.map(|(start, end, title)| (start, Some(end), title.to_owned())).into()
}

/// What our own probe says.
fn seen(path: &Path) -> Result<Vec<Told>, String> {
    let source = Box::new(FileSource::open(path).map_err(|error| error.to_string())?);
    let info = probe_with(source, path.to_str(), &Engines::find(), &std::sync::Arc::default())
        .map_err(|error| error.to_string())?;
    let ms = |us: u64| (us + 500) / 1000;
    let told = info.chapters.into_iter().map(|one| (ms(one.start_us), one.end_us.map(ms), one.title));
    Ok(told.collect())
}

/// What ffprobe says.
fn judged(path: &Path) -> Result<Vec<Told>, String> {
    #[derive(serde::Deserialize)]
    struct Answer {
        chapters: Vec<Chapter>,
    }
    #[derive(serde::Deserialize)]
    struct Chapter {
        start_time: String,
        end_time: String,
        #[serde(default)]
        tags: std::collections::BTreeMap<String, String>,
    }
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_chapters", "-of", "json"])
        .arg(path)
        .output()
        .map_err(|error| format!("ffprobe does not start: {error}"))?;
    ensure(output.stderr.is_empty(), || String::from_utf8_lossy(&output.stderr).into_owned())?;
    let answer: Answer = serde_json::from_slice(&output.stdout).map_err(|error| error.to_string())?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a few seconds")]
    let ms =
        |seconds: &str| seconds.parse::<f64>().map_or(u64::MAX, |seconds| (seconds * 1e3).round() as u64);
    Ok(answer
        .chapters
        .into_iter()
        .map(|mut one| {
            let title = one.tags.remove("title").unwrap_or_default();
            (ms(&one.start_time), Some(ms(&one.end_time)), title)
        })
        .collect())
}

/// To the millisecond, but for the end of the last one, which many files have not: there it is that of the sound,
/// with or without what an encoder puts behind it.
fn compare(path: &Path, expected: &[Told], what: &str) -> Result<(), String> {
    const PADDING_MS: u64 = 60;
    let is_vorbis = path.extension().is_some_and(|extension| extension == "ogg");
    let by_judge = if is_vorbis { None } else { Some(judged(path)?) };
    for found in by_judge.into_iter().chain([seen(path)?]) {
        let is_same = found.iter().zip(expected).enumerate().all(|(number, (found, expected))| {
            let tolerance = if number + 1 == CHAPTERS.len() { PADDING_MS } else { 0 };
            let ends = found.1.zip(expected.1);
            let ends_same = ends.is_some_and(|(found, expected)| found.abs_diff(expected) <= tolerance);
            (found.0, &found.2) == (expected.0, &expected.2) && ends_same
        });
        ensure(is_same && found.len() == expected.len(), || format!("{what}: {found:?}, not {expected:?}"))?;
    }
    Ok(())
}

/// ffmpeg's writers of MP4 start the first chapter with the sound.
fn of_source(name: &str) -> Vec<Told> {
    let mut expected = chapters();
    if ["a.m4a", "a.mp4"].contains(&name) {
        expected[0].0 = 0;
    }
    expected
}

fn converted(from: &Path, target: &Target) -> Result<(PathBuf, Vec<String>), String> {
    let to = from.with_file_name(format!("out.{}", target.format.extension()));
    let report = mill(from, &to, target).map_err(|error| error.to_string())?;
    Ok((to, report.notes))
}

fn carried(name: &str, arguments: &[&str], format: Format) -> Result<(), String> {
    let folder = folder()?;
    let from = make(folder.path(), name, arguments, &chapters())?;
    let expected = of_source(name);
    let own = seen(&from)?;
    ensure(own.len() == expected.len(), || format!("in {name}: {own:?}"))?;
    for copy in [true, false] {
        let (to, _) = converted(&from, &Target { copy, ..Target::new(format) })?;
        ffmpeg::decode(&to)?;
        compare(&to, &expected, if copy { "copied if possible" } else { "encoded" })?;
    }
    Ok(())
}

fn part(name: &str, arguments: &[&str]) -> Result<(), String> {
    let folder = folder()?;
    let from = make(folder.path(), name, arguments, &chapters())?;
    let expected: Vec<Told> =
        [(0, 201, "Zwei"), (201, 1100, "Drei"), (1100, 2000, "Vier")].map(told).into_iter().collect();
    for format in CARRIERS {
        let target = Target { start_ms: 1200, end_ms: Some(3200), ..Target::new(format) };
        let (to, _) = converted(&from, &target)?;
        let found = seen(&to)?;
        let is_same = found.iter().zip(&expected).all(|(found, expected)| {
            let ends = found.1.zip(expected.1);
            let ends_same = ends.is_some_and(|(found, expected)| found.abs_diff(expected) <= 1);
            (found.0, &found.2) == (expected.0, &expected.2) && ends_same
        });
        ensure(is_same && found.len() == expected.len(), || format!("{format}: {found:?}"))?;
    }
    Ok(())
}

fn told((start, end, title): (u64, u64, &str)) -> Told {
    (start, Some(end), title.to_owned())
}

fn from_flac(format: Format) -> Result<(), String> {
    let folder = folder()?;
    let from = make(folder.path(), "a.flac", &["-c:a", "flac"], &chapters())?;
    compare(&from, &chapters(), "the source")?;
    let (to, _) = converted(&from, &Target::new(format))?;
    compare(&to, &chapters(), "encoded")
}

fn foreign() -> Result<(), String> {
    let folder = folder()?;
    let from = make(folder.path(), "a.mkv", &["-c:a", "ac3"], &chapters())?;
    let asf = make(folder.path(), "a.wma", &["-c:a", "wmav2"], &chapters())?;
    for from in [from, asf] {
        ensure(!judged(&from)?.is_empty(), || format!("ffprobe sees no chapters in {}", from.display()))?;
        let expected = judged(&from)?;
        let (to, _) = converted(&from, &Target::new(Format::Mp3))?;
        compare(&to, &expected, "encoded")?;
    }
    Ok(())
}

fn left_out() -> Result<(), String> {
    let folder = folder()?;
    let from = make(folder.path(), "a.mkv", &["-c:a", "aac"], &chapters())?;
    let of_opus = make(folder.path(), "opus.mkv", &["-c:a", "libopus"], &chapters())?;
    let cases = [Format::Wav, Format::Wma, Format::Dca].map(|format| (&from, format));
    // The last two are copied.
    for (from, format) in cases.into_iter().chain([(&from, Format::Aac), (&of_opus, Format::Dca0)]) {
        let (_, notes) = converted(from, &Target::new(format))?;
        let expected = format!("its 4 chapters are left out, {format} does not carry them");
        ensure(notes.iter().filter(|note| **note == expected).count() == 1, || {
            format!("{format}: {notes:?}")
        })?;
    }
    Ok(())
}

fn without() -> Result<(), String> {
    let folder = folder()?;
    let from = make(folder.path(), "a.m4a", &["-c:a", "aac"], &chapters())?;
    for format in CARRIERS.into_iter().chain([Format::Wav]) {
        let (to, notes) = converted(&from, &Target { tags: false, ..Target::new(format) })?;
        let found = (seen(&to)?, judged(&to)?);
        ensure(found.0.is_empty() && found.1.is_empty(), || format!("{format}: {found:?}"))?;
        ensure(!notes.iter().any(|note| note.contains("chapters")), || format!("{format}: {notes:?}"))?;
    }
    Ok(())
}

/// More than the one byte counts that ID3's tables and Nero's list have.
fn many() -> Result<(), String> {
    let folder = folder()?;
    let all: Vec<Told> =
        (0..300).map(|number| (number * 10, Some(number * 10 + 10), format!("Teil {number}"))).collect();
    let from = make(folder.path(), "a.mkv", &["-c:a", "aac"], &all)?;
    for format in CARRIERS {
        let (to, _) = converted(&from, &Target::new(format))?;
        let found = if format == Format::Ogg { seen(&to)? } else { judged(&to)? };
        let starts = |list: &[Told]| -> Vec<_> {
            list.iter().map(|(start, _, title)| (*start, title.clone())).collect()
        };
        ensure(starts(&found) == starts(&all), || format!("{format}: {} chapters", found.len()))?;
        let own = seen(&to)?;
        ensure(starts(&own) == starts(&all), || format!("{format}: {} by our own probe", own.len()))?;
    }
    Ok(())
}

fn no_track() -> Result<(), String> {
    let folder = folder()?;
    let from = make(folder.path(), "a.m4a", &["-c:a", "aac"], &chapters())?;
    let (to, _) = converted(&from, &Target::new(Format::M4a))?;
    for path in [&from, &to] {
        let source = Box::new(FileSource::open(path).map_err(|error| error.to_string())?);
        let info = reelmill_media::probe(source, None).map_err(|error| error.to_string())?;
        let is_right = info.other_tracks.is_empty() && info.audio.bit_rate_bps.is_some();
        ensure(is_right, || format!("{:?}", info.other_tracks))?;
    }
    Ok(())
}
