//! What must not become a result: unread codecs, cut files, things that are no media.

use std::io::Cursor;
use std::path::Path;

use libtest_mimic::Trial;
use reelmill_media::{Codec, Control, Engines, Format, MediaError, Target, VecSink, convert, probe};

use crate::ffmpeg;
use crate::{control, ensure, trial};

/// Half a second of tones, made with fdk-aac: plain ADTS streams, and one put into an MP4 whose
/// configuration does not name the extension.
pub(crate) const HE_AAC: [(&str, &[u8]); 4] = [
    ("he-v1.aac", include_bytes!("../data/he-v1.aac")),
    ("he-v2.aac", include_bytes!("../data/he-v2.aac")),
    ("he-v1-hidden.m4a", include_bytes!("../data/he-v1-hidden.m4a")),
    ("he-v2-announced.m4a", include_bytes!("../data/he-v2-announced.m4a")),
];

/// Containers that know their own length.
const COUNTED: [(&str, &[&str]); 10] = [
    ("a.m4a", &["-c:a", "aac"]),
    ("front.m4a", &["-c:a", "aac", "-movflags", "faststart"]),
    ("a.wav", &[]),
    ("a.aiff", &[]),
    ("a.flac", &[]),
    ("a.mkv", &["-c:a", "libvorbis"]),
    ("a.ogg", &["-c:a", "libvorbis"]),
    ("a.mp3", &["-c:a", "libmp3lame"]),
    ("a.opus", &["-c:a", "libopus", "-ar", "48000"]),
    ("opus.mp4", &["-c:a", "libopus", "-ar", "48000"]),
];

pub(crate) fn without_ffmpeg() -> Vec<Trial> {
    let mut trials = vec![trial("nothing_is_empty", || refuse(Vec::new(), "a.mp3", "empty"))];
    let texts: [(&str, Vec<u8>); 4] = [
        ("text", b"Dear diary, today I did not make any media. ".repeat(100)),
        ("a_picture", [b"\x89PNG\r\n\x1a\n".to_vec(), vec![0x55; 5000]].concat()),
        ("zeros", vec![0; 100_000]),
        ("a_path", b"../../etc/passwd".to_vec()),
    ];
    for (name, bytes) in texts {
        trials.push(trial(format!("{name}_is_not_media"), move || match attempt(bytes, "a.mp3") {
            Err(MediaError::NotMedia) => Ok(()),
            other => Err(format!("{other:?}")),
        }));
    }
    for (name, rate_hz, channels, needle) in [
        ("a_rate_of_1_hz", 1_u32, 2_u16, "1 Hz"),
        ("a_rate_of_4_mhz", 4_000_000, 2, "4000000 Hz"),
        ("24_channels", 48_000, 24, "24 channels"),
    ] {
        trials.push(trial(format!("{name}_is_over_a_limit"), move || {
            refuse(wav(rate_hz, channels), "a.wav", needle)
        }));
    }
    trials.push(trial("a_rate_of_768_khz_is_kept", || {
        let result = attempt(wav(768_000, 1), "a.wav").map_err(|error| error.to_string())?;
        ensure(result[60..64] == 768_000_u32.to_le_bytes(), || format!("{:?}", &result[..64]))
    }));
    for (name, bytes) in HE_AAC {
        trials.push(trial(format!("{name}_needs_ffmpeg_by_name"), move || {
            let engines = Engines::find().with_ffmpeg(None);
            let control = Control::silent().with_engines(engines);
            let source = Box::new(Cursor::new(bytes.to_vec()));
            let target = Target::new(Format::Wav);
            let error = convert(source, Some(name), &target, &mut VecSink::new(), &control);
            let error = error.err().map(|error| error.to_string()).unwrap_or_default();
            ensure(error.starts_with("HE-AAC") && error.ends_with("install ffmpeg)"), || error)?;
            let info = probe(Box::new(Cursor::new(bytes.to_vec())), Some(name)).map_err(|e| e.to_string())?;
            ensure(matches!(info.audio.codec, Codec::HeAac | Codec::HeAacV2), || format!("{info:?}"))
        }));
    }
    trials
}

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, arguments) in COUNTED {
        for percent in [99_usize, 60, 10] {
            trials.push(trial(format!("{name}_cut_to_{percent}_percent_is_refused"), move || {
                let whole = made(name, arguments)?;
                let cut = whole[..whole.len() * percent / 100].to_vec();
                match attempt(cut, name) {
                    Err(MediaError::Truncated(_)) => Ok(()),
                    // A last frame or two of an MP3 may be missing without anyone hearing it.
                    Ok(_) if name == "a.mp3" && percent == 99 => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            }));
        }
    }
    trials.push(trial("a_film_without_sound_lists_its_tracks", || {
        let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
        let path = folder.path().join("a.mp4");
        ffmpeg::run(&["-f", "lavfi", "-i", "testsrc=d=1:s=64x64", "-c:v", "mpeg4"], &path)?;
        let bytes = std::fs::read(&path).map_err(|error| error.to_string())?;
        match attempt(bytes, "a.mp4") {
            Err(MediaError::NoAudio { tracks }) => ensure(tracks.len() == 1, || format!("{tracks:?}")),
            other => Err(format!("{other:?}")),
        }
    }));
    trials
}

/// A WAV file of a hundred silent frames.
fn wav(rate_hz: u32, channels: u16) -> Vec<u8> {
    let frame_bytes = channels * 2;
    let data = vec![0; usize::from(frame_bytes) * 100];
    let size = u32::try_from(data.len()).unwrap_or(0);
    let mut bytes = b"RIFF".to_vec();
    bytes.extend_from_slice(&(size + 36).to_le_bytes());
    bytes.extend_from_slice(b"WAVEfmt \x10\0\0\0\x01\0");
    bytes.extend_from_slice(&channels.to_le_bytes());
    bytes.extend_from_slice(&rate_hz.to_le_bytes());
    bytes.extend_from_slice(&rate_hz.wrapping_mul(u32::from(frame_bytes)).to_le_bytes());
    bytes.extend_from_slice(&frame_bytes.to_le_bytes());
    bytes.extend_from_slice(b"\x10\0data");
    bytes.extend_from_slice(&size.to_le_bytes());
    bytes.extend_from_slice(&data);
    bytes
}

/// Makes three seconds and reads them.
pub(crate) fn made(name: &str, arguments: &[&str]) -> Result<Vec<u8>, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let path: &Path = &folder.path().join(name);
    ffmpeg::make(path, 3.0, 44_100, arguments)?;
    std::fs::read(path).map_err(|error| error.to_string())
}

/// Converts to WAV in memory.
pub(crate) fn attempt(bytes: Vec<u8>, name: &str) -> Result<Vec<u8>, MediaError> {
    attempt_as(&Target::new(Format::Wav), bytes, name)
}

/// Converts in memory.
pub(crate) fn attempt_as(target: &Target, bytes: Vec<u8>, name: &str) -> Result<Vec<u8>, MediaError> {
    let mut sink = VecSink::new();
    let source = Box::new(Cursor::new(bytes));
    convert(source, Some(name), target, &mut sink, &control())?;
    Ok(sink.into_bytes())
}

fn refuse(bytes: Vec<u8>, name: &str, needle: &str) -> Result<(), String> {
    match attempt(bytes, name) {
        Ok(_) => Err("it was converted".into()),
        Err(error) => {
            let sentence = error.to_string();
            ensure(sentence.contains(needle), || format!("`{sentence}` does not name {needle}"))
        }
    }
}
