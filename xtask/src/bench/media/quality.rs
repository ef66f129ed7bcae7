//! Whether a result is what it should be, as the newest ffmpeg hears it: Debian's plays an AAC track's padding, too.
//!
//! The same encoder at the same effort leaves the same noise: a distance to the source that differs from ffmpeg's shows
//! other work, not better or worse sound. It is taken after the delay between the two was found, since a player that
//! does not know of an encoder's priming hears everything a little later.

use std::path::Path;

use anyhow::{Context, Result, bail};

use super::work::Check;
use crate::program::Program;

/// The inputs' rate, at which their samples are counted; all is decoded to two channels of 16 bits.
const RATE_HZ: u64 = 44_100;
/// Encoders' priming is below this.
const DELAY_LIMIT: usize = 1_500;
/// What is aligned by.
const WINDOW: usize = 2_048;

/// Ours beside Debian's ffmpeg's result of one input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Quality {
    /// Our size to ffmpeg's.
    pub(crate) size: f64,
    /// Samples of a channel that are too many, or missing, at the result's own rate.
    pub(crate) samples_off: i64,
    /// Lines that a decoder of ours had to say.
    pub(crate) warnings: usize,
    /// Of ours and of ffmpeg's, in dB.
    pub(crate) snr_db: Option<(f64, f64)>,
}

/// Hears results.
pub(crate) struct Ear<'a> {
    /// An ffmpeg.
    pub(crate) ffmpeg: &'a Path,
}

impl Ear<'_> {
    /// Compares `ours` and `theirs` with `input`; `size` is that of the results, of which ours may be here in another dress.
    pub(crate) fn compare(
        &self,
        check: Check,
        input: &Path,
        size: f64,
        ours: &Path,
        theirs: &Path,
    ) -> Result<Quality> {
        let source = self.decode(input, RATE_HZ)?;
        let rate_hz = rate(ours)?;
        let own = self.decode(ours, rate_hz)?;
        let wanted = (source.frames() * rate_hz + RATE_HZ / 2) / RATE_HZ;
        let samples_off = own.frames().cast_signed() - wanted.cast_signed();
        let warnings = own.warnings;
        let snr_db = match check {
            Check::Encoded => {
                // At the result's own rate, at which every delay is of whole samples.
                let source = if rate_hz == RATE_HZ { source } else { self.decode(input, rate_hz)? };
                let theirs = self.decode(theirs, rate_hz)?;
                Some((snr_db(&source.samples, &own.samples)?, snr_db(&source.samples, &theirs.samples)?))
            }
            Check::Exact | Check::Packets => None,
        };
        Ok(Quality { size, samples_off, warnings, snr_db })
    }

    fn decode(&self, path: &Path, rate_hz: u64) -> Result<Decoded> {
        let output = Program::new(self.ffmpeg)
            .args(["-nostdin", "-v", "error", "-i"])
            .args([path])
            .args(["-vn", "-f", "s16le", "-ac", "2", "-ar", &rate_hz.to_string(), "pipe:1"])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        let warnings = said.lines().count();
        let samples =
            output.stdout.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let decoded = Decoded { samples, warnings };
        if decoded.samples.is_empty() {
            bail!("nothing of {} is decoded: {said}", path.display());
        }
        Ok(decoded)
    }
}

/// Gives results of one round their mean distance: of two seconds a single frame is a large part, and where an encoder has bits
/// left for its last one, or decoders disagree about what is the end, that alone would be told.
pub(crate) fn share_distance(results: &mut [Quality]) {
    let (mut ours, mut theirs, mut count) = (0.0, 0.0, 0.0);
    for (own, other) in results.iter().filter_map(|one| one.snr_db) {
        ours += own;
        theirs += other;
        count += 1.0;
    }
    for one in results.iter_mut().filter(|one| one.snr_db.is_some()) {
        one.snr_db = Some((ours / count, theirs / count));
    }
}

/// What `ours` is to `theirs` in bytes.
pub(crate) fn size(ours: &Path, theirs: &Path) -> Result<f64> {
    Ok(bytes(ours)? / bytes(theirs)?)
}

#[expect(clippy::cast_precision_loss, reason = "a ratio of sizes")]
fn bytes(path: &Path) -> Result<f64> {
    Ok(path.metadata().with_context(|| format!("cannot see {}", path.display()))?.len() as f64)
}

/// What a decoder made of a file.
struct Decoded {
    /// Both channels in turn.
    samples: Vec<i16>,
    warnings: usize,
}

impl Decoded {
    fn frames(&self) -> u64 {
        self.samples.len() as u64 / 2
    }
}

fn rate(path: &Path) -> Result<u64> {
    let said = Program::new("ffprobe")
        .args([
            "-v",
            "error",
            "-select_streams",
            "a:0",
            "-show_entries",
            "stream=sample_rate",
            "-of",
            "csv=p=0",
        ])
        .args([path])
        .text()?;
    said.trim().trim_end_matches(',').parse().with_context(|| format!("{} has no rate", path.display()))
}

/// How far the source lies above what `heard` adds to it or leaves out.
fn snr_db(source: &[i16], heard: &[i16]) -> Result<f64> {
    let (source, heard) = aligned(source, heard);
    let (mut signal, mut noise) = (0.0_f64, 0.0_f64);
    for (one, other) in source.iter().zip(heard) {
        let (one, other) = (f64::from(*one), f64::from(*other));
        signal += one * one;
        noise += (one - other) * (one - other);
    }
    if signal == 0.0 {
        bail!("the source is silent");
    }
    Ok(10.0 * (signal / noise.max(1.0)).log10())
}

/// Both from where they are the same sound.
fn aligned<'a>(source: &'a [i16], heard: &'a [i16]) -> (&'a [i16], &'a [i16]) {
    let delay = delay(source, heard);
    if delay >= 0 {
        (source, heard.get(2 * delay.unsigned_abs()..).unwrap_or_default())
    } else {
        (source.get(2 * delay.unsigned_abs()..).unwrap_or_default(), heard)
    }
}

/// By how many samples `heard` comes later, by where its first channel is most alike in the loudest of a few windows.
fn delay(source: &[i16], heard: &[i16]) -> isize {
    let frames = source.len().min(heard.len()) / 2;
    let Some(room) = frames.checked_sub(WINDOW + 2 * DELAY_LIMIT) else { return 0 };
    let energy = |start: usize| -> i64 {
        (start..start + WINDOW).map(|frame| i64::from(source[2 * frame]).pow(2)).sum()
    };
    let windows = (0..16).map(|part| DELAY_LIMIT + room * part / 16);
    let Some(start) = windows.max_by_key(|start| energy(*start)) else { return 0 };
    let likeness = |delay: isize| -> i64 {
        let pair = |frame: usize| {
            i64::from(source[2 * frame]) * i64::from(heard[2 * frame.saturating_add_signed(delay)])
        };
        (start..start + WINDOW).map(pair).sum()
    };
    let limit = DELAY_LIMIT.cast_signed();
    // Of those that are as alike, the shortest.
    (-limit..=limit).max_by_key(|delay| (likeness(*delay), -delay.abs())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{delay, snr_db};

    /// Noise that is the same every time.
    fn noise(frames: usize) -> Vec<i16> {
        let mut state = 1_u32;
        let mut next = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            i16::try_from(state >> 18).unwrap() - 8192
        };
        (0..2 * frames).map(|_| next()).collect()
    }

    #[test]
    fn a_delay_is_found_either_way() {
        let source = noise(8_000);
        let late: Vec<i16> = noise(1_105).into_iter().chain(source.clone()).collect();
        assert_eq!(delay(&source, &late), 1_105);
        assert_eq!(delay(&late, &source), -1_105);
    }

    #[test]
    fn noise_of_a_tenth_lies_twenty_decibels_below() {
        let source = noise(8_000);
        let louder: Vec<i16> = source.iter().map(|sample| sample + sample / 10).collect();
        assert!((snr_db(&source, &louder).unwrap() - 20.0).abs() < 0.1);
    }
}
