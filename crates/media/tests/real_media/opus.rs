//! Opus as a source: copied into DCA packet by packet, and decoded like any other; ffmpeg is the second opinion.

use std::path::Path;

use libtest_mimic::Trial;
use md5::{Digest, Md5};
use reelmill_media::{FileSource, Format, MediaError, Rate, Target, dca, probe};

use crate::cases::{mill, signal_to_noise};
use crate::ffmpeg;
use crate::{ensure, trial};

const SECONDS: f64 = 3.217;
/// Of both channels together.
const EXACT_SAMPLES: usize = 2 * 154_416;

/// Name, and how to make it; all with packets of 20 ms.
const FITTING: [(&str, &[&str]); 7] = [
    ("a.opus", &[]),
    ("a.webm", &[]),
    ("a.mkv", &[]),
    ("a.mp4", &[]),
    ("mono.webm", &["-ac", "1", "-b:a", "24k", "-application", "voip"]),
    ("cbr.opus", &["-vbr", "off", "-b:a", "256k"]),
    ("small-pages.ogg", &["-page_duration", "20000"]),
];

/// Name, how to make it, and what the note must name.
const UNFIT: [(&str, &[&str], &str); 5] = [
    ("10.opus", &["-frame_duration", "10"], "10 ms"),
    ("2.5.webm", &["-frame_duration", "2.5", "-application", "lowdelay"], "2.5 ms"),
    ("60.mp4", &["-frame_duration", "60"], "60 ms"),
    ("40.mkv", &["-frame_duration", "40"], "40 ms"),
    ("5.1.opus", &["-ac", "6"], "family 1"),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, arguments) in FITTING {
        for format in [Format::Dca, Format::Dca0] {
            trials.push(trial(format!("{name}_is_copied_into_{format}_bit_for_bit"), move || {
                copied(name, arguments, format)
            }));
        }
    }
    for (name, arguments, why) in UNFIT {
        trials.push(trial(format!("{name}_is_encoded_because_of_{}", why.replace(' ', "_")), move || {
            encoded(name, arguments, &Target::new(Format::Dca), why)
        }));
    }
    trials.push(trial("a_part_of_opus_is_encoded", || {
        let target = Target { start_ms: 500, end_ms: Some(2500), ..Target::new(Format::Dca) };
        encoded("a.webm", &[], &target, "a part")
    }));
    trials.push(trial("a_misfit_in_the_middle_makes_the_copy_an_encoding", misfit));
    trials.push(trial("a_second_recording_in_the_file_is_left_out_and_told", chained));
    trials.push(trial("a_page_that_is_gone_or_damaged_is_missed", holes));
    trials.push(trial("opus_beyond_what_is_kept_is_read_again_and_copied", long));
    trials.push(trial("dca_from_samples_has_the_rate_and_length_that_it_says", made));
    for (name, arguments) in
        [("a.opus", &[][..]), ("a.webm", &[]), ("a.mp4", &[]), ("5.1.mkv", &["-ac", "6"])]
    {
        trials.push(trial(format!("{name}_sounds_as_ffmpeg_says"), move || heard(name, arguments, None)));
    }
    trials.push(trial("the_output_gain_is_applied", || heard("a.webm", &[], Some(-1541))));
    trials
}

fn source(folder: &Path, name: &str, arguments: &[&str]) -> Result<std::path::PathBuf, String> {
    let path = folder.join(name);
    let all = [&["-c:a", "libopus"], arguments].concat();
    ffmpeg::make(&path, SECONDS, 48_000, &all)?;
    Ok(path)
}

fn folder() -> Result<tempfile::TempDir, String> {
    tempfile::tempdir().map_err(|error| error.to_string())
}

/// The packets of the sound as ffmpeg finds them, each by its MD5.
fn sums_of_source(path: &Path) -> Result<Vec<String>, String> {
    let output = std::process::Command::new("ffprobe")
        .args(["-v", "error", "-select_streams", "a:0", "-show_packets", "-show_data_hash", "MD5"])
        .args(["-show_entries", "packet=data_hash", "-of", "default=noprint_wrappers=1:nokey=1"])
        .arg(path)
        .output()
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    Ok(text.lines().filter_map(|line| line.strip_prefix("MD5:")).map(str::to_owned).collect())
}

/// The packets of a DCA file, each by its MD5.
fn sums_of_dca(path: &Path) -> Result<Vec<String>, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let mut packets = dca::Packets::open(file).map_err(|error| error.to_string())?;
    let mut sums = Vec::new();
    while let Some(packet) = packets.next_packet().map_err(|error| error.to_string())? {
        let digest: [u8; 16] = Md5::digest(packet).into();
        sums.push(format!("{:032x}", u128::from_be_bytes(digest)));
    }
    Ok(sums)
}

fn check(path: &Path) -> Result<dca::Check, String> {
    let file = std::fs::File::open(path).map_err(|error| error.to_string())?;
    let found = dca::check(file).map_err(|error| error.to_string())?;
    ensure(found.notes.is_empty(), || format!("{:?}", found.notes))?;
    Ok(found)
}

fn copied(name: &str, arguments: &[&str], format: Format) -> Result<(), String> {
    let folder = folder()?;
    let (from, to) = (source(folder.path(), name, arguments)?, folder.path().join("a.dca"));
    let report = mill(&from, &to, &Target::new(format)).map_err(|error| error.to_string())?;
    ensure(report.summary.starts_with("copied: Opus 48 kHz"), || report.summary.clone())?;
    let sums = sums_of_source(&from)?;
    ensure(sums.len() > 150 && sums_of_dca(&to)? == sums, || {
        format!("{} packets came from {}", sums_of_dca(&to).unwrap_or_default().len(), sums.len())
    })?;
    let found = check(&to)?;
    ensure(report.duration_ms == found.duration_ms && found.packets == sums.len() as u64, || {
        format!("{report:?} of {found:?}")
    })?;
    let bytes = std::fs::read(&to).map_err(|error| error.to_string())?;
    match found.header {
        None => ensure(format == Format::Dca0, || "no header".into()),
        Some(header) => {
            let measured = found.packet_bytes.total * 8 * 50 / found.packets;
            ensure(bytes.starts_with(b"DCA1") && u64::from(header.opus.abr).abs_diff(measured) <= 1, || {
                format!("{} is said and {measured} measured", header.opus.abr)
            })
        }
    }
}

fn encoded(name: &str, arguments: &[&str], target: &Target, why: &str) -> Result<(), String> {
    let folder = folder()?;
    let (from, to) = (source(folder.path(), name, arguments)?, folder.path().join("a.dca"));
    let report = mill(&from, &to, target).map_err(|error| error.to_string())?;
    ensure(report.summary.starts_with("encoded: opus"), || report.summary.clone())?;
    ensure(report.notes.iter().any(|note| note.starts_with("not copied: ") && note.contains(why)), || {
        format!("{:?}", report.notes)
    })?;
    let found = check(&to)?;
    ensure(found.duration_ms.abs_diff(report.duration_ms) <= 40, || format!("{report:?} of {found:?}"))
}

/// Two recordings in one file, of which only the first has packets of 20 ms.
fn misfit() -> Result<(), String> {
    let folder = folder()?;
    source(folder.path(), "1.webm", &[])?;
    source(folder.path(), "2.webm", &["-frame_duration", "10"])?;
    let list = folder.path().join("list");
    std::fs::write(&list, "file 1.webm\nfile 2.webm\n").map_err(|error| error.to_string())?;
    let (from, to) = (folder.path().join("both.webm"), folder.path().join("a.dca"));
    ffmpeg::run(&["-f", "concat", "-i", &list.to_string_lossy(), "-c", "copy"], &from)?;
    let report = mill(&from, &to, &Target::new(Format::Dca)).map_err(|error| error.to_string())?;
    ensure(report.summary.starts_with("encoded: opus"), || report.summary.clone())?;
    ensure(
        report.notes.iter().any(|note| note == "not copied: packet 163 has 10 ms, dca has 20 ms"),
        || format!("{:?}", report.notes),
    )?;
    ensure(check(&to)?.duration_ms > 6400, || format!("{report:?}"))
}

fn bytes_of(path: &Path) -> Result<Vec<u8>, String> {
    std::fs::read(path).map_err(|error| error.to_string())
}

fn chained() -> Result<(), String> {
    let folder = folder()?;
    for (name, codec) in [("a.opus", "libopus"), ("a.ogg", "libvorbis")] {
        let from = source(folder.path(), name, &["-c:a", codec])?;
        let bytes = bytes_of(&from)?;
        std::fs::write(&from, bytes.repeat(2)).map_err(|error| error.to_string())?;
        for format in [Format::Wav, Format::Dca] {
            let to = folder.path().join("out");
            let report = mill(&from, &to, &Target::new(format)).map_err(|error| error.to_string())?;
            ensure(report.notes.iter().any(|note| note.contains("another recording")), || {
                format!("{name} to {format}: {:?}", report.notes)
            })?;
        }
    }
    Ok(())
}

fn holes() -> Result<(), String> {
    let folder = folder()?;
    let from = source(folder.path(), "a.opus", &[])?;
    let whole = bytes_of(&from)?;
    let starts: Vec<usize> = (0..whole.len()).filter(|at| whole[*at..].starts_with(b"OggS")).collect();
    let (page, next) = (starts[starts.len() / 2], starts[starts.len() / 2 + 1]);
    let gone = [&whole[..page], &whole[next..]].concat();
    let mut damaged = whole;
    damaged[page + 200] ^= 0x55;
    for bytes in [gone, damaged] {
        std::fs::write(&from, bytes).map_err(|error| error.to_string())?;
        for format in [Format::Wav, Format::Dca] {
            match mill(&from, &folder.path().join("out"), &Target::new(format)) {
                Err(MediaError::Truncated(_)) => {}
                other => return Err(format!("to {format}: {other:?}")),
            }
        }
    }
    Ok(())
}

fn long() -> Result<(), String> {
    let folder = folder()?;
    let from = source(folder.path(), "1.webm", &["-b:a", "510k", "-vbr", "off"])?;
    let (whole, to) = (folder.path().join("long.webm"), folder.path().join("a.dca"));
    ffmpeg::run(&["-stream_loop", "47", "-i", &from.to_string_lossy(), "-c", "copy"], &whole)?;
    let size_bytes = std::fs::metadata(&whole).map_err(|error| error.to_string())?.len();
    ensure(size_bytes > 9 << 20, || format!("{size_bytes} bytes would be kept"))?;
    let report = mill(&whole, &to, &Target::new(Format::Dca)).map_err(|error| error.to_string())?;
    ensure(report.summary.starts_with("copied"), || report.summary.clone())?;
    ensure(sums_of_dca(&to)? == sums_of_source(&whole)?, || "other packets".into())?;
    check(&to).map(|_| ())
}

fn made() -> Result<(), String> {
    let folder = folder()?;
    let (from, to) = (folder.path().join("a.wav"), folder.path().join("a.dca"));
    ffmpeg::make(&from, 20.0, 44_100, &[])?;
    for (rate, bps) in [(None, 64_000), (Some(Rate::Cbr { kbps: 128 }), 128_000)] {
        let target = Target { rate, ..Target::new(Format::Dca) };
        let report = mill(&from, &to, &target).map_err(|error| error.to_string())?;
        let found = check(&to)?;
        let said = found.header.map(|header| header.opus.abr);
        let is_near = found.bit_rate_bps.abs_diff(bps) < bps / 4;
        ensure(said.map(u64::from) == Some(bps) && is_near && report.frames_out == 960_000, || {
            format!("{said:?} is said, {} measured, {} frames", found.bit_rate_bps, report.frames_out)
        })?;
        // 6.5 ms of lookahead round up to one packet more.
        ensure(found.packets == 1001 && found.stereo == 1001, || format!("{} packets", found.packets))?;
    }
    Ok(())
}

/// Decodes to WAV and compares with what ffmpeg decodes, sample by sample.
fn heard(name: &str, arguments: &[&str], gain: Option<i16>) -> Result<(), String> {
    let folder = folder()?;
    let (from, to) = (source(folder.path(), name, arguments)?, folder.path().join("a.wav"));
    if let Some(gain) = gain {
        let mut bytes = std::fs::read(&from).map_err(|error| error.to_string())?;
        let head = bytes.windows(8).position(|window| window == b"OpusHead").ok_or("no header")?;
        bytes[head + 16..head + 18].copy_from_slice(&gain.to_le_bytes());
        std::fs::write(&from, bytes).map_err(|error| error.to_string())?;
    }
    mill(&from, &to, &Target::new(Format::Wav)).map_err(|error| error.to_string())?;
    let (theirs, ours) = (ffmpeg::decode(&from)?, ffmpeg::decode(&to)?);
    let ratio = signal_to_noise(&theirs[..ours.len().min(theirs.len())], &ours);
    // ffmpeg plays the padding at the end of an MP4.
    let is_as_long = theirs.len() == ours.len() || (name == "a.mp4" && ours.len() == EXACT_SAMPLES);
    ensure(is_as_long && ratio > 40.0, || {
        format!("{} and {} samples, {ratio} dB", theirs.len(), ours.len())
    })?;
    let info = probe(Box::new(FileSource::open(&from).map_err(|error| error.to_string())?), Some(name));
    let info = info.map_err(|error| error.to_string())?;
    let frames = (ours.len() / usize::from(info.audio.channels)) as u64;
    ensure(info.duration_ms.is_some_and(|ms| ms.abs_diff(frames / 48) <= 20), || format!("{info:?}"))
}
