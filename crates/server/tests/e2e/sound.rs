//! What ffmpeg and ffprobe make of a file: the judges that are not ours.

use std::io::Read as _;
use std::path::Path;
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::tools;

/// What ffprobe says of a file's first audio track.
#[derive(Debug)]
pub(crate) struct About {
    pub(crate) codec: String,
    pub(crate) rate_hz: u64,
    pub(crate) channels: u64,
    pub(crate) duration_ms: Option<f64>,
    /// The frames that the container says there are, where its clock counts frames.
    pub(crate) declared_frames: Option<u64>,
}

/// What ffmpeg hears in a file's first audio track.
#[derive(Debug)]
pub(crate) struct Heard {
    pub(crate) frames: u64,
    /// Everything that it complained of, in any track.
    pub(crate) complaints: String,
    /// The sound as 16-bit samples, of as many frames as were asked for.
    pub(crate) head: Vec<i16>,
}

pub(crate) fn probe(path: &Path) -> About {
    let run = Command::new(tools::ffprobe().unwrap())
        .args(["-v", "error", "-select_streams", "a:0", "-of", "json", "-show_entries"])
        .arg("stream=codec_name,sample_rate,channels,duration,duration_ts,time_base:format=duration")
        .arg(path)
        .output()
        .unwrap();
    let said: Value = serde_json::from_slice(&run.stdout).unwrap();
    let track = &said["streams"][0];
    let seconds = track["duration"].as_str().or(said["format"]["duration"].as_str());
    let rate = track["sample_rate"].as_str().unwrap_or_default();
    let counts_frames = track["time_base"].as_str().is_some_and(|base| base.strip_prefix("1/") == Some(rate));
    About {
        codec: track["codec_name"].as_str().unwrap_or_default().to_owned(),
        rate_hz: rate.parse().unwrap_or_default(),
        channels: track["channels"].as_u64().unwrap_or_default(),
        duration_ms: seconds.and_then(|text| text.parse::<f64>().ok()).map(|seconds| seconds * 1000.0),
        declared_frames: track["duration_ts"].as_u64().filter(|_| counts_frames),
    }
}

pub(crate) fn frames(path: &Path) -> Heard {
    hear(path, &probe(path), 0)
}

/// Decodes all of a file, which ffprobe has looked at, and keeps the first samples.
pub(crate) fn hear(path: &Path, about: &About, most_frames: usize) -> Heard {
    let channels = about.channels.max(1);
    let mut child = Command::new(tools::ffmpeg().unwrap())
        .args(["-nostdin", "-v", "error", "-threads", "1", "-i"])
        .arg(path)
        // All tracks are looked at, and the sound is counted.
        .args(["-f", "null", "-", "-map", "0:a:0", "-c:a", "pcm_s16le", "-f", "s16le", "pipe:1"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut errors = child.stderr.take().unwrap();
    let complaints = std::thread::spawn(move || {
        let mut said = Vec::new();
        errors.read_to_end(&mut said).map(|_| String::from_utf8_lossy(&said).into_owned())
    });
    let mut sound = child.stdout.take().unwrap();
    let (mut bytes, mut kept) = (0_u64, Vec::new());
    let most_bytes = most_frames * usize::try_from(channels).unwrap() * 2;
    let mut buffer = vec![0; 1 << 16];
    loop {
        let count = sound.read(&mut buffer).unwrap();
        if count == 0 {
            break;
        }
        bytes += count as u64;
        kept.extend_from_slice(&buffer[..count.min(most_bytes - kept.len())]);
    }
    let status = child.wait().unwrap();
    let mut complaints = complaints.join().unwrap().unwrap();
    if !status.success() {
        complaints.push_str("ffmpeg failed");
    }
    let head = kept.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
    Heard { frames: bytes / (channels * 2), complaints, head }
}

/// The frames that an Ogg Opus file declares: the last page's granule position without the pre-skip (RFC 7845, section 4).
pub(crate) fn opus_frames(file: &[u8]) -> Option<u64> {
    let head = file.windows(8).position(|bytes| bytes == b"OpusHead")?;
    let pre_skip = u16::from_le_bytes(file.get(head + 10..head + 12)?.try_into().ok()?);
    let last_page = file.windows(4).rposition(|bytes| bytes == b"OggS")?;
    let granule = u64::from_le_bytes(file.get(last_page + 6..last_page + 14)?.try_into().ok()?);
    granule.checked_sub(u64::from(pre_skip))
}

/// The frames that an MP3's LAME tag declares: its frames of 1152 (576 below 32 kHz) samples without the encoder's
/// delay and padding.
pub(crate) fn lame_frames(file: &[u8], rate_hz: u64) -> Option<u64> {
    let tag = file.windows(4).position(|bytes| bytes == b"Info" || bytes == b"Xing")?;
    let flags = u32::from_be_bytes(file.get(tag + 4..tag + 8)?.try_into().ok()?);
    let frames = u32::from_be_bytes(file.get(tag + 8..tag + 12)?.try_into().ok()?);
    // Frames, bytes, a table of 100 and a quality come before LAME's own part, as far as the flags say.
    let sizes = [(1, 4), (2, 4), (4, 100), (8, 4)];
    let lame = sizes.iter().filter(|(bit, _)| flags & bit != 0).fold(tag + 8, |at, (_, size)| at + size);
    // What others than these write there means something else, and a copied frame is theirs.
    let is_lame = [b"LAME", b"Lavf", b"Lavc"].iter().any(|name| file.get(lame..lame + 4) == Some(&name[..]));
    let gap = if is_lame { file.get(lame + 21..lame + 24)? } else { &[0; 3] };
    let delay = u64::from(gap[0]) << 4 | u64::from(gap[1]) >> 4;
    let padding = u64::from(gap[1] & 0x0f) << 8 | u64::from(gap[2]);
    let frame = if rate_hz >= 32_000 { 1152 } else { 576 };
    (u64::from(frames) * frame).checked_sub(delay + padding)
}
