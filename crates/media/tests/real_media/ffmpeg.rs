//! ffmpeg as the maker of sources and the judge of results.

use std::path::Path;
use std::process::Command;

/// Whether both tools are there. They are not asked, since hundreds of processes would ask them.
pub(crate) fn is_installed() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    is_there("ffmpeg") && is_there("ffprobe")
}

/// The signal that every source is made of: two tones and noise, quiet enough not to clip.
pub(crate) const SIGNAL: &str =
    "aevalsrc=0.3*sin(440*2*PI*t)+0.05*random(0)|0.3*sin(523*2*PI*t)+0.05*random(1)";

/// Makes a file of `seconds` of the signal at `rate_hz`, with further arguments for the encoder.
pub(crate) fn make(path: &Path, seconds: f64, rate_hz: u32, arguments: &[&str]) -> Result<(), String> {
    let source = format!("{SIGNAL}:s={rate_hz}:d={seconds}");
    let mut all = vec!["-f", "lavfi", "-i", &source];
    all.extend_from_slice(arguments);
    run(&all, path)
}

/// Runs ffmpeg with some inputs and arguments and writes to `path`.
pub(crate) fn run(arguments: &[&str], path: &Path) -> Result<(), String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-y", "-nostdin"])
        .args(arguments)
        .arg(path)
        .output()
        .map_err(|error| format!("ffmpeg does not start: {error}"))?;
    if output.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&output.stderr).into_owned()) }
}

/// Decodes the audio to interleaved 16-bit samples; any complaint is a failure.
pub(crate) fn decode(path: &Path) -> Result<Vec<i16>, String> {
    let output = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-map", "0:a:0", "-c:a", "pcm_s16le", "-f", "s16le", "-"])
        .output()
        .map_err(|error| format!("ffmpeg does not start: {error}"))?;
    if !output.stderr.is_empty() || !output.status.success() {
        return Err(format!("ffmpeg complains: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect())
}

/// Asks ffprobe for values, one a line.
pub(crate) fn ask(path: &Path, entries: &str) -> Result<Vec<String>, String> {
    let output = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", entries, "-of", "default=noprint_wrappers=1"])
        .arg(path)
        .output()
        .map_err(|error| format!("ffprobe does not start: {error}"))?;
    if !output.stderr.is_empty() || !output.status.success() {
        return Err(format!("ffprobe complains: {}", String::from_utf8_lossy(&output.stderr)));
    }
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}
