//! What ffmpeg reads for us: every kind comes out as ffmpeg itself hears it, and nothing else is opened.

use std::path::Path;

use libtest_mimic::Trial;
use reelmill_media::{Codec, Engines, Format, MediaError, Target, convert, probe_with};
use reelmill_media::{Control, VecSink};

use crate::cases::{mill, signal_to_noise};
use crate::ffmpeg;
use crate::refusals::HE_AAC;
use crate::{ensure, trial};

const SECONDS: f64 = 3.217;

/// File name, sample rate, how to make it, and what the probe must call it.
const MADE: [(&str, u32, &[&str], &str); 38] = [
    ("surround.m4a", 44_100, &["-c:a", "aac", "-ac", "6"], "AAC-LC"),
    ("surround.aac", 48_000, &["-c:a", "aac", "-ac", "6"], "AAC-LC"),
    ("a.ac3", 48_000, &["-c:a", "ac3"], "AC-3"),
    ("5.1.ac3", 48_000, &["-c:a", "ac3", "-ac", "6"], "AC-3"),
    ("ac3.mp4", 44_100, &["-c:a", "ac3"], "AC-3"),
    ("ac3.mkv", 44_100, &["-c:a", "ac3"], "AC-3"),
    ("ac3.avi", 44_100, &["-c:a", "ac3"], "AC-3"),
    ("a.eac3", 48_000, &["-c:a", "eac3"], "E-AC-3"),
    ("eac3.mkv", 48_000, &["-c:a", "eac3"], "E-AC-3"),
    ("eac3.mp4", 48_000, &["-c:a", "eac3"], "E-AC-3"),
    ("a.dts", 48_000, &["-c:a", "dca", "-strict", "-2"], "DTS"),
    ("dts.mkv", 48_000, &["-c:a", "dca", "-strict", "-2"], "DTS"),
    ("a.thd", 48_000, &["-c:a", "truehd", "-strict", "-2", "-f", "truehd"], "TrueHD"),
    ("1.wma", 44_100, &["-c:a", "wmav1"], "WMA 1"),
    ("2.wma", 44_100, &["-c:a", "wmav2"], "WMA 2"),
    ("mono.wma", 22_050, &["-c:a", "wmav2", "-ac", "1"], "WMA 2"),
    ("a.wv", 44_100, &["-c:a", "wavpack"], "WavPack"),
    ("surround.wv", 48_000, &["-c:a", "wavpack", "-ac", "6"], "WavPack"),
    ("a.tta", 44_100, &["-c:a", "tta"], "True Audio"),
    ("mp3.avi", 44_100, &["-c:a", "libmp3lame"], "MP3"),
    ("pcm.avi", 44_100, &["-c:a", "pcm_s16le"], "PCM"),
    ("aac.ts", 44_100, &["-c:a", "aac"], "AAC-LC"),
    ("mp2.ts", 48_000, &["-c:a", "mp2"], "MPEG audio layer 2"),
    ("blu-ray.m2ts", 48_000, &["-c:a", "ac3"], "AC-3"),
    ("mp2.mpg", 44_100, &["-c:a", "mp2"], "MPEG audio layer 2"),
    ("ac3.vob", 48_000, &["-c:a", "ac3"], "AC-3"),
    ("mp3.flv", 44_100, &["-c:a", "libmp3lame"], "MP3"),
    ("aac.flv", 44_100, &["-c:a", "aac"], "AAC-LC"),
    ("nellymoser.flv", 44_100, &["-c:a", "nellymoser", "-ac", "1"], "Nellymoser"),
    ("large.wav", 44_100, &["-rf64", "always"], "PCM"),
    ("a.w64", 44_100, &[], "PCM"),
    ("a.au", 44_100, &[], "PCM"),
    ("a.voc", 8000, &["-c:a", "pcm_u8"], "PCM"),
    // Known by nobody here but by its mark, and longer than what is shown of it first.
    ("a.sox", 44_100, &[], "PCM"),
    ("a.nut", 44_100, &["-c:a", "pcm_s16le"], "PCM"),
    ("speex.ogg", 16_000, &["-c:a", "libspeex", "-ac", "1"], "Speex"),
    ("family-255.opus", 48_000, &["-c:a", "libopus", "-mapping_family", "255"], "Opus"),
    ("family-255.webm", 48_000, &["-c:a", "libopus", "-mapping_family", "255"], "Opus"),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, rate_hz, arguments, label) in MADE {
        trials.push(trial(format!("{name}_is_read_by_ffmpeg"), move || {
            let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            let from = folder.path().join(name);
            ffmpeg::make(&from, SECONDS, rate_hz, arguments)?;
            as_ffmpeg_hears_it(&from, label)
        }));
    }
    for (name, bytes) in HE_AAC {
        trials.push(trial(format!("{name}_is_read_at_its_full_rate"), move || he_aac(name, bytes)));
    }
    for (name, mark, frame, label) in
        [("a.amr", &b"#!AMR\n"[..], (0x3c, 31), "AMR-NB"), ("wide.amr", b"#!AMR-WB\n", (0x44, 60), "AMR-WB")]
    {
        trials.push(trial(format!("{name}_is_read_by_ffmpeg"), move || {
            let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
            let from = folder.path().join(name);
            std::fs::write(&from, amr(mark, frame)).map_err(|error| error.to_string())?;
            as_ffmpeg_hears_it(&from, label)
        }));
    }
    for (name, arguments) in CUT {
        for percent in [60_usize, 10] {
            trials.push(trial(format!("{name}_cut_to_{percent}_percent_is_no_success"), move || {
                let whole = crate::refusals::made(name, arguments)?;
                no_success(whole[..whole.len() * percent / 100].to_vec(), name)
            }));
        }
    }
    trials.push(trial("a_wma_knows_its_length_and_ends_where_its_packets_end", wma_header));
    for (name, arguments) in CUT {
        trials.push(trial(format!("{name}_with_zeroed_blocks_ends_well_or_by_name"), move || {
            let whole = crate::refusals::made(name, arguments)?;
            for start in (4096..whole.len()).step_by((whole.len() / 4).max(4096)) {
                let mut bytes = whole.clone();
                let end = bytes.len().min(start + 4096);
                bytes[start..end].fill(0);
                match crate::refusals::attempt(bytes, name) {
                    Ok(_) | Err(MediaError::Truncated(_) | MediaError::Corrupt(_)) => {}
                    Err(other) => return Err(format!("zeroed from {start}: {other:?}")),
                }
            }
            Ok(())
        }));
    }
    trials.push(trial("tags_come_with_what_ffmpeg_reads", tags));
    trials.push(trial("a_large_header_of_a_small_file_is_no_success", huge_header));
    trials.push(trial("an_input_that_must_be_copied_is_limited_by_name", limited));
    trials
}

/// What ffmpeg reads and knows its own length.
const CUT: [(&str, &[&str]); 6] = [
    ("2.wma", &["-c:a", "wmav2"]),
    ("a.wv", &["-c:a", "wavpack"]),
    ("a.tta", &["-c:a", "tta"]),
    ("a.au", &[]),
    ("ac3.mp4", &["-c:a", "ac3"]),
    ("mp3.flv", &["-c:a", "libmp3lame"]),
];

/// Converts to WAV and MP3, and compares with ffmpeg's own decode of the same file.
fn as_ffmpeg_hears_it(from: &Path, label: &str) -> Result<(), String> {
    let expected = ffmpeg::decode(from)?;
    let source = || reelmill_media::FileSource::open(from).map(Box::new).map_err(|error| error.to_string());
    let info = probe_with(source()?, None, &Engines::find(), &std::sync::Arc::default())
        .map_err(|error| error.to_string())?;
    ensure(info.audio.codec_label == label && info.audio.by_ffmpeg, || format!("{info:?}"))?;
    let channels = usize::from(info.audio.channels);
    for format in [Format::Wav, Format::Mp3] {
        let to = from.with_extension(format!("out.{format}"));
        let target = Target { bits_per_sample: (format == Format::Wav).then_some(16), ..Target::new(format) };
        let report = mill(from, &to, &target).map_err(|error| format!("to {format}: {error}"))?;
        let frames = expected.len() / channels;
        ensure(report.frames_out == frames as u64, || {
            format!("{} frames to {format}, ffmpeg hears {frames}", report.frames_out)
        })?;
        let found = ffmpeg::decode(&to)?;
        ensure(found.len() / channels.min(if format == Format::Mp3 { 2 } else { 8 }) == frames, || {
            format!("{} samples of {format}", found.len())
        })?;
        // An MP3 of more than two channels is another mix.
        let least = if format == Format::Wav { 55.0 } else { 8.0 };
        if found.len() == expected.len() && !(format == Format::Mp3 && label.starts_with("AMR")) {
            let ratio = signal_to_noise(&expected, &found);
            ensure(ratio > least, || format!("{format}: a signal to noise ratio of {ratio} dB"))?;
        }
    }
    Ok(())
}

fn he_aac(name: &str, bytes: &[u8]) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let from = folder.path().join(name);
    std::fs::write(&from, bytes).map_err(|error| error.to_string())?;
    let label = if name.contains("v2") { "HE-AAC v2" } else { "HE-AAC" };
    as_ffmpeg_hears_it(&from, label)?;
    let source = reelmill_media::FileSource::open(&from).map_err(|error| error.to_string())?;
    let own = reelmill_media::probe(Box::new(source), None).map_err(|error| error.to_string())?;
    ensure(matches!(own.audio.codec, Codec::HeAac | Codec::HeAacV2), || format!("{own:?}"))
}

/// A second of speech frames with bits by chance, every one of which is valid.
fn amr(mark: &[u8], (head, payload): (u8, usize)) -> Vec<u8> {
    let mut noise = 7_u32;
    let mut bytes = mark.to_vec();
    for _ in 0..50 {
        bytes.push(head);
        bytes.extend((0..payload).map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        }));
    }
    bytes
}

fn no_success(bytes: Vec<u8>, name: &str) -> Result<(), String> {
    match crate::refusals::attempt(bytes, name) {
        Err(
            MediaError::Truncated(_)
            | MediaError::Corrupt(_)
            | MediaError::Empty(_)
            | MediaError::NoAudio { .. },
        ) => Ok(()),
        other => Err(format!("{:?}", other.map(|bytes| bytes.len()))),
    }
}

fn tags() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (from, to) = (folder.path().join("a.wma"), folder.path().join("a.flac"));
    let texts =
        ["-c:a", "wmav2", "-metadata", "title=Grün", "-metadata", "artist=Ada", "-metadata", "track=3"];
    ffmpeg::make(&from, 1.0, 44_100, &texts)?;
    mill(&from, &to, &Target::new(Format::Flac)).map_err(|error| error.to_string())?;
    let told = ffmpeg::ask(&to, "format_tags=title,artist,track")?;
    ensure(told == ["TAG:TITLE=Grün", "TAG:ARTIST=Ada", "TAG:track=3"], || format!("{told:?}"))
}

/// What is patched into the head is what a file's own walk finds.
fn wma_header() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (from, to) = (folder.path().join("a.wav"), folder.path().join("a.wma"));
    ffmpeg::make(&from, 10.0, 44_100, &[])?;
    mill(&from, &to, &Target::new(Format::Wma)).map_err(|error| error.to_string())?;
    let bytes = std::fs::read(&to).map_err(|error| error.to_string())?;
    let word =
        |at: usize| bytes.get(at..at + 8).and_then(|word| word.try_into().ok()).map(u64::from_le_bytes);
    let data = word(16).and_then(|size| usize::try_from(size).ok()).ok_or("no header")?;
    // The file's size and packets stand in the properties, the first object, and again in the data object.
    ensure(word(30 + 40) == Some(bytes.len() as u64), || format!("{:?} bytes", word(70)))?;
    ensure(word(data + 16) == Some((bytes.len() - data) as u64), || "another data object".into())?;
    let packets = (bytes.len() - data - 50) / 3200;
    ensure(data + 50 + packets * 3200 == bytes.len(), || "it ends within a packet".into())?;
    ensure(word(30 + 56) == Some(packets as u64) && word(data + 40) == Some(packets as u64), || {
        format!("{packets} packets")
    })?;
    let told = ffmpeg::ask(&to, "format=duration")?;
    ensure(told == ["duration=10.000000"], || format!("{told:?}"))
}

/// An AU file that claims three gigabytes.
fn huge_header() -> Result<(), String> {
    let mut bytes = b".snd".to_vec();
    for word in [24_u32, 3_000_000_000, 3, 44_100, 2] {
        bytes.extend(word.to_be_bytes());
    }
    bytes.resize(100_000, 1);
    no_success(bytes, "a.au")
}

fn limited() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let engines = Engines::find().with_scratch(folder.path().into(), 10_000);
    let bytes = crate::refusals::made("a.avi", &["-c:a", "ac3"])?;
    let source = Box::new(std::io::Cursor::new(bytes));
    let control = Control::silent().with_engines(engines);
    let error = convert(source, None, &Target::new(Format::Wav), &mut VecSink::new(), &control);
    let error = error.err().map(|error| error.to_string()).unwrap_or_default();
    ensure(error.ends_with("10000 are allowed"), || error)?;
    let left = std::fs::read_dir(folder.path()).map_err(|error| error.to_string())?.count();
    ensure(left == 0, || format!("{left} files are left"))?;
    drop(control);
    Ok(())
}
