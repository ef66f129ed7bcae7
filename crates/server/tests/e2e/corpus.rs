//! Real files through `reelmill convert`, each result judged by ffmpeg and ffprobe.
//!
//! How long a sound is has one answer, but ffmpeg does not always give it, so where it is known to differ the file's
//! own word counts; the tables say where, and why.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use serde_json::Value;

use crate::report;
use crate::sound::{self, About, Heard};
use crate::tools;

/// The daily run leaves longer files to `cargo xtask soak`, and of the formats besides WAV it has one of each file.
const DAILY_MS: u64 = 20_000;

/// So much of each sound is compared sample by sample.
const COMPARED_FRAMES: usize = 100_000;

/// At least so many files make the point.
const LEAST_FILES: usize = 40;

const FORMATS: [Format; 4] = [
    Format { name: "wav", codecs: &["pcm_s16le", "pcm_s24le", "pcm_s32le", "pcm_f32le"], late_ms: 1.0 },
    Format { name: "flac", codecs: &["flac"], late_ms: 1.0 },
    // ffprobe adds the pre-skip of up to 80 ms, which decoding takes off again.
    Format { name: "opus", codecs: &["opus"], late_ms: 80.0 },
    // ffprobe counts whole frames with delay and padding, which decoding takes off again: at 8 kHz a frame is 72 ms.
    Format { name: "mp3", codecs: &["mp3"], late_ms: 3.0 * 72.0 },
];

/// A format that is written, and what ffprobe may call it.
struct Format {
    name: &'static str,
    codecs: &'static [&'static str],
    /// How much longer than it is ffprobe may take it for, before it is decoded.
    late_ms: f64,
}

/// Good files whose length ffmpeg does not know, by the frames that it hears more or fewer, and why.
const MISHEARD: &[(&str, i64, &str)] = &[
    ("hachoir/sheep_on_drugs.mp3", -1152, CUT_FRAME),
    ("mutagen/id3v1v2-combined.mp3", -1152, CUT_FRAME),
    ("mutagen/id3v22-test.mp3", -1152, CUT_FRAME),
    ("mutagen/xing.mp3", -1152, CUT_FRAME),
    ("mutagen/empty.aac", 1024, "ffmpeg gives no sound for a first packet without a channel element"),
];

const CUT_FRAME: &str = "the file ends within a frame, which ffmpeg decodes as far as it goes";

/// Good files that are refused all the same, by a word of the reason.
const REFUSED: &[(&str, &str)] = &[
    // Its Xing header says four minutes, of which 78 ms are there: cut off, whatever ffmpeg makes of it.
    ("hachoir/steganography.mp3", "cut off"),
];

/// A file of the corpus.
struct Original {
    name: String,
    path: PathBuf,
    container: String,
    codec: String,
    decoded_ms: u64,
}

pub(crate) fn real_files_of_every_kind_convert_to_every_format() {
    let longest_ms = if tools::is_soak() { u64::MAX } else { DAILY_MS };
    let originals: Vec<_> =
        originals("good").into_iter().filter(|original| original.decoded_ms <= longest_ms).collect();
    let tally = Mutex::new(Tally::default());
    each_of_two(&originals, |original| {
        let folder = tools::scratch();
        let findings = examine(original, folder.path(), &tally);
        tally.lock().unwrap().findings.extend(findings);
    });
    let tally = tally.into_inner().unwrap();
    for (kind, count) in &tally.kinds {
        println!("{count:4} {kind}");
    }
    println!("{} files, {} refused with the reason", tally.converted, tally.refused);
    #[expect(clippy::cast_precision_loss, reason = "a figure for people")]
    report::figure("corpus", "real files converted to WAV and others", tally.converted as f64, "files", None);
    assert!(tally.findings.is_empty(), "{} findings:\n{}", tally.findings.len(), tally.findings.join("\n"));
    assert!(tally.converted >= LEAST_FILES);
}

/// What was seen.
#[derive(Default)]
struct Tally {
    converted: usize,
    refused: usize,
    kinds: BTreeMap<String, usize>,
    findings: Vec<String>,
}

/// The formats to convert it to, WAV first.
fn formats(original: &Original) -> impl Iterator<Item = &'static Format> {
    let [wav, others @ ..] = &FORMATS;
    let own = original.name.len() % others.len();
    let is_own = move |number: usize| tools::is_soak() || number == own;
    let others = others.iter().enumerate().filter(move |(number, _)| is_own(*number));
    std::iter::once(wav).chain(others.map(|(_, format)| format))
}

/// Converts one file to its formats; what is wrong.
fn examine(original: &Original, folder: &Path, tally: &Mutex<Tally>) -> Vec<String> {
    let named = |finding: String| format!("{}: {finding}", original.name);
    if let Some((_, word)) = REFUSED.iter().find(|(name, _)| *name == original.name) {
        tally.lock().unwrap().refused += 1;
        return expect_refusal(original, word, folder).into_iter().map(named).collect();
    }
    let about = sound::probe(&original.path);
    let heard = sound::hear(&original.path, &about, COMPARED_FRAMES);
    let mut findings = Vec::new();
    // The WAV is the measure of the others: it has every frame at the original's rate.
    let mut frames = None;
    for format in formats(original) {
        let result = folder.join(format!("result.{}", format.name));
        let run = convert(&original.path, &result);
        if run.code != Some(0) || !run.said.is_empty() {
            findings.push(format!("to {}: exit {:?}, {}", format.name, run.code, run.said.trim_end()));
            break;
        }
        let there = sound::probe(&result);
        let sounds = sound::hear(&result, &there, COMPARED_FRAMES);
        if format.name == "wav" {
            findings.extend(length_finding(original, &about, &heard, sounds.frames));
            findings.extend(difference(&about, &heard, &there, &sounds));
            frames = Some((sounds.frames, there.rate_hz));
        }
        let Some(source) = frames else { continue };
        findings.extend(result_findings(format, &result, &there, &sounds, source));
    }
    let mut tally = tally.lock().unwrap();
    if findings.is_empty() {
        tally.converted += 1;
        *tally.kinds.entry(format!("{} in {}", original.codec, original.container)).or_default() += 1;
    }
    findings.into_iter().map(named).collect()
}

/// Whether the result as WAV is as long as the original, to the frame.
fn length_finding(original: &Original, about: &About, heard: &Heard, frames: u64) -> Option<String> {
    let misheard = MISHEARD.iter().find(|(name, ..)| *name == original.name);
    let decoded = heard.frames.saturating_add_signed(misheard.map_or(0, |(_, by, _)| *by));
    let declared = about.declared_frames.unwrap_or(decoded);
    let (right, tolerance) = match (original.container.as_str(), original.codec.as_str()) {
        // What the last page declares counts the pre-skip (RFC 7845, section 4.3), which nobody hears.
        ("ogg", "opus") => (decoded, 0),
        // The last page's granule position (Vorbis I, A.2): ffmpeg 5 drops the last short block, and does not cut at it
        // where the file has but one page of sound.
        ("ogg", _) => (declared, 0),
        // An edit list: ffmpeg skips its start, and ends with the packet that its end lies in. It may be in ticks of
        // milliseconds, and the packets' own durations may know better, so an AAC frame is left in doubt.
        ("mp4", "aac") => (declared, 1023),
        _ => (decoded, 0),
    };
    let is_right = frames.abs_diff(right) <= tolerance;
    (!is_right).then(|| format!("{frames} frames, not {right}±{tolerance} ({} heard)", heard.frames))
}

/// Whether the WAV holds the samples that ffmpeg decodes: two decoders round differently, by a step or two of 16 bits.
fn difference(about: &About, heard: &Heard, there: &About, sounds: &Heard) -> Option<String> {
    if about.channels != there.channels || about.rate_hz != there.rate_hz {
        return Some(format!("a WAV of another shape: {there:?} from {about:?}"));
    }
    let pairs = heard.head.iter().zip(&sounds.head);
    let worst = pairs.map(|(a, b)| (i32::from(*a) - i32::from(*b)).abs()).max().unwrap_or_default();
    (worst > 2).then(|| format!("samples differ from ffmpeg's by up to {worst}"))
}

/// What ffprobe and ffmpeg find wrong with a result made of `source`, so many frames at such a rate.
fn result_findings(
    format: &Format,
    result: &Path,
    there: &About,
    sounds: &Heard,
    source: (u64, u64),
) -> Vec<String> {
    let mut findings = Vec::new();
    let mut find = |what: String| findings.push(format!("as {}: {what}", format.name));
    if !sounds.complaints.is_empty() {
        find(format!("ffmpeg says {}", sounds.complaints));
    }
    if !format.codecs.contains(&there.codec.as_str()) {
        find(format!("ffprobe says {}", there.codec));
    }
    // Nearest, a half upwards.
    let (frames, rate_hz) = source;
    let right = (frames * there.rate_hz + rate_hz / 2) / rate_hz;
    let bytes = fs::read(result).unwrap();
    let declared = match format.name {
        "opus" => sound::opus_frames(&bytes),
        "mp3" => sound::lame_frames(&bytes, there.rate_hz),
        _ => Some(sounds.frames),
    };
    if sounds.frames != right || declared != Some(right) {
        find(format!("{} frames heard and {declared:?} declared, not {right}", sounds.frames));
    }
    #[expect(clippy::cast_precision_loss, reason = "milliseconds of short files")]
    let right_ms = right as f64 * 1000.0 / there.rate_hz as f64;
    let late_ms = there.duration_ms.unwrap_or(f64::NAN) - right_ms;
    if !(-1.0..=format.late_ms).contains(&late_ms) {
        find(format!("ffprobe takes it for {late_ms:+.1} ms longer"));
    }
    findings
}

fn expect_refusal(original: &Original, word: &str, folder: &Path) -> Option<String> {
    let run = convert(&original.path, &folder.join("result.mp3"));
    if run.code == Some(0) {
        return Some("it is read now: take it out of the list of those that are refused".to_owned());
    }
    let left = fs::read_dir(folder).unwrap().count();
    let is_plain =
        run.code == Some(3) && run.said.lines().count() == 1 && run.said.contains(word) && left == 0;
    (!is_plain).then(|| format!("exit {:?}, {left} files left, without `{word}`: {}", run.code, run.said))
}

pub(crate) fn damaged_files_end_in_a_sound_result_or_in_a_reason() {
    let originals: Vec<_> = originals("damaged").into_iter().chain(originals("no_audio")).collect();
    let findings = Mutex::new(Vec::new());
    each_of_two(&originals, |original| {
        let folder = tools::scratch();
        let result = folder.path().join("result.mp3");
        let run = convert(&original.path, &result);
        let left = fs::read_dir(folder.path()).unwrap().count();
        let finding = match run.code {
            Some(0) => Some(sound::frames(&result).complaints).filter(|complaints| !complaints.is_empty()),
            Some(3) if left == 0 && run.said.lines().count() == 1 => None,
            code => Some(format!("exit {code:?}, {left} files left: {}", run.said)),
        };
        findings.lock().unwrap().extend(finding.map(|finding| format!("{}: {finding}", original.name)));
    });
    let findings = findings.into_inner().unwrap();
    assert!(findings.is_empty(), "{}", findings.join("\n"));
    println!("{} damaged files, each with a sound result or a reason", originals.len());
    assert!(originals.len() >= 20);
}

/// What a conversion ended as.
struct Run {
    code: Option<i32>,
    said: String,
}

fn convert(original: &Path, result: &Path) -> Run {
    let run = Command::new(tools::reelmill()).arg("convert").args([original, result]).output().unwrap();
    Run { code: run.status.code(), said: String::from_utf8_lossy(&run.stderr).into_owned() }
}

/// Works through the list on two threads.
fn each_of_two(originals: &[Original], work: impl Fn(&Original) + Sync) {
    let waiting = Mutex::new(originals.iter());
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                loop {
                    let next = waiting.lock().unwrap().next();
                    let Some(original) = next else { return };
                    work(original);
                }
            });
        }
    });
}

/// The corpus's files in that condition.
fn originals(condition: &str) -> Vec<Original> {
    let folder = tools::corpus().unwrap();
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let files = manifest["files"].as_array().unwrap().iter().filter(|file| file["condition"] == condition);
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let original = |file: &Value| Original {
        path: folder.join(file["file"].as_str().unwrap()),
        name: text(&file["file"]),
        // ffprobe names a family, such as `mov,mp4,m4a,3gp,3g2,mj2`.
        container: text(&file["container"])
            .split(',')
            .find(|name| *name != "mov")
            .unwrap_or_default()
            .to_owned(),
        codec: text(&file["audio"]["codec"]),
        decoded_ms: file["decoded_ms"].as_u64().unwrap_or_default(),
    };
    files.map(original).collect()
}
