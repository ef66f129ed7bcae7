//! What ffprobe and ffmpeg say of a result, and how like its source it sounds.
//!
//! Everything is compared at one low rate in one channel, where the test signal lies and lossy codecs are exact.
//! Most formats say where within their packets the sound begins, so they must be aligned as they are; only bare
//! AAC and DCA are searched for their delay.

#![expect(clippy::cast_precision_loss, reason = "a few seconds of samples")]

use std::path::{Path, PathBuf};
use std::process::Command;

use reelmill_media::{Format, Info, Method, Plan, Report};

use crate::ensure;
use crate::ffmpeg;

const RATE_HZ: usize = 16_000;
/// A decoder's priming and an encoder's together: 160 ms, as AAC at 8 kHz has 128.
const MAX_DELAY: usize = RATE_HZ * 4 / 25;
/// How much longer than it is ffmpeg 5 may play a source in MP4: to the end of its last packet.
const MP4_SURPLUS_FRAMES: f64 = 1024.0;
/// Frames that a last sample's rounding and the resampler may make of a length.
const SLACK: usize = 3;

/// Audio as ffmpeg plays it.
pub(super) struct Sound(Vec<f32>);

/// One conversion.
pub(super) struct Outcome {
    pub(super) format: Format,
    pub(super) file: PathBuf,
    pub(super) plan: Plan,
    pub(super) report: Report,
}

impl Sound {
    /// Plays all files in one go; any complaint is a failure.
    pub(super) fn of(files: &[&Path], folder: &Path) -> Result<Vec<Self>, String> {
        let mut command = Command::new("ffmpeg");
        command.args(["-v", "error", "-xerror", "-nostdin", "-y"]);
        for file in files {
            command.arg("-i").arg(file);
        }
        let raw = |number: usize| folder.join(format!("{number}.raw"));
        for number in 0..files.len() {
            command.args(["-map", &format!("{number}:a:0"), "-ac", "1", "-ar", &RATE_HZ.to_string()]);
            command.args(["-f", "f32le"]).arg(raw(number));
        }
        let output = command.output().map_err(|error| format!("ffmpeg does not start: {error}"))?;
        ensure(output.status.success() && output.stderr.is_empty(), || {
            format!("ffmpeg complains: {}", String::from_utf8_lossy(&output.stderr))
        })?;
        let read = |number| {
            let bytes = std::fs::read(raw(number)).map_err(|error| error.to_string())?;
            let samples =
                bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]]));
            Ok(Self(samples.collect()))
        };
        (0..files.len()).map(read).collect()
    }

    /// A source that is silent, or all but, shows nothing.
    pub(super) fn must_be_something(&self) -> Result<(), String> {
        let seconds = self.seconds();
        ensure((2.0..4.0).contains(&seconds), || format!("the source lasts {seconds} s"))?;
        let level = (energy(&self.0) / self.seconds() / RATE_HZ as f64).sqrt();
        ensure(level > 0.03, || format!("the source has a level of {level}"))
    }

    fn seconds(&self) -> f64 {
        self.0.len() as f64 / RATE_HZ as f64
    }

    /// The correlation with another sound that begins `delay` later, and how much louder that is.
    fn likeness(&self, other: &Self, delay: usize) -> (f64, f64) {
        let other = other.0.get(delay..).unwrap_or_default();
        let both = self.0.len().min(other.len());
        let (a, b) = (&self.0[..both], &other[..both]);
        let product: f64 = a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        let (of_a, of_b) = (energy(a).max(1e-9), energy(b).max(1e-9));
        (product / (of_a * of_b).sqrt(), (of_b / of_a).sqrt())
    }
}

fn energy(samples: &[f32]) -> f64 {
    samples.iter().map(|sample| f64::from(*sample).powi(2)).sum()
}

/// What ffprobe must call a format: its container and its codecs.
fn named(format: Format) -> (&'static str, &'static [&'static str]) {
    match format {
        Format::Mp3 => ("mp3", &["mp3"]),
        Format::Wav => ("wav", &["pcm_s16le", "pcm_s24le"]),
        Format::Flac => ("flac", &["flac"]),
        Format::Ogg => ("ogg", &["vorbis"]),
        Format::Opus | Format::Dca | Format::Dca0 => ("ogg", &["opus"]),
        Format::Aac => ("aac", &["aac"]),
        Format::M4a => ("mov,mp4,m4a,3gp,3g2,mj2", &["aac"]),
        Format::Wma => ("asf", &["wmav2"]),
    }
}

impl Outcome {
    pub(super) fn judge(&self, info: &Info, source: &Sound, result: &Sound) -> Result<(), String> {
        self.is_what_it_claims(info, result)?;
        self.lasts_as_long(info, source, result)?;
        self.sounds_like(source, result)
    }

    fn is_what_it_claims(&self, info: &Info, result: &Sound) -> Result<(), String> {
        let told =
            ffmpeg::ask(&self.file, "stream=codec_name,sample_rate,channels:format=format_name,duration")?;
        let value = |name: &str| {
            told.iter().find_map(|line| line.strip_prefix(name)?.strip_prefix('=')).unwrap_or_default()
        };
        let (container, codecs) = named(self.format);
        ensure(value("format_name") == container && codecs.contains(&value("codec_name")), || {
            format!("{told:?}")
        })?;
        // What the plan promises is what ffprobe finds, and the source's own wherever the format can have it.
        ensure(value("sample_rate") == self.plan.sample_rate_hz.to_string(), || {
            format!("{told:?}, {:?}", self.plan)
        })?;
        ensure(value("channels") == self.plan.channels.to_string(), || format!("{told:?}, {:?}", self.plan))?;
        let (rate_hz, channels) = (info.audio.sample_rate_hz, info.audio.channels);
        let expected_hz = match self.format {
            Format::Opus | Format::Dca | Format::Dca0 => 48_000,
            Format::Flac | Format::Wav => rate_hz,
            // The highest that they have and that divides it.
            _ if rate_hz > 48_000 && rate_hz.is_multiple_of(44_100) => 44_100,
            _ => rate_hz.min(48_000),
        };
        ensure(self.plan.sample_rate_hz == expected_hz, || {
            format!("{} Hz of {rate_hz}", self.plan.sample_rate_hz)
        })?;
        ensure(self.plan.channels == channels, || format!("{} channels of {channels}", self.plan.channels))?;
        // Bare AAC has no length; ffprobe guesses one by the bit rate.
        if self.format != Format::Aac {
            let seconds: f64 = value("duration").parse().map_err(|_| format!("{told:?}"))?;
            let off = (seconds - result.seconds()).abs();
            // Of these it counts what the head says is not to be heard as well.
            let unheard = match self.format {
                Format::Mp3 => 3.0 * 1152.0,
                Format::Opus => 5.0 * 960.0,
                _ => 0.0,
            };
            let most = self.surplus_seconds() + unheard / f64::from(self.plan.sample_rate_hz);
            ensure(off <= 0.001 + most, || format!("{seconds} s instead of {}", result.seconds()))?;
        }
        Ok(())
    }

    /// How much longer than its source a result may play, as its container cannot say what is padding.
    fn surplus_seconds(&self) -> f64 {
        let frames: u16 = match self.format {
            Format::Mp3 | Format::Ogg | Format::Opus | Format::Flac | Format::Wav => 0,
            // ffmpeg 5 plays an M4A to the end of its last packet, which has twice the frames in HE-AAC.
            Format::M4a | Format::Wma => 2048,
            Format::Aac => 3 * 1024,
            // 80 ms of priming, and the last packet.
            Format::Dca | Format::Dca0 => 5 * 960,
        };
        f64::from(frames) / f64::from(self.plan.sample_rate_hz)
    }

    fn lasts_as_long(&self, info: &Info, source: &Sound, result: &Sound) -> Result<(), String> {
        let surplus = result.seconds() - source.seconds();
        let slack = SLACK as f64 / RATE_HZ as f64;
        let is_mp4 = ["mp4", "m4a", "mov"].contains(&info.container.as_str());
        let overplayed = if is_mp4 { MP4_SURPLUS_FRAMES / f64::from(info.audio.sample_rate_hz) } else { 0.0 };
        ensure((-overplayed - slack..=self.surplus_seconds() + slack).contains(&surplus), || {
            format!("{} s of {} s", result.seconds(), source.seconds())
        })?;
        let off = (self.report.duration_ms as f64 / 1000.0 - result.seconds()).abs();
        ensure(off <= 0.001 + self.surplus_seconds(), || {
            format!("{} ms are reported, it plays {} s", self.report.duration_ms, result.seconds())
        })
    }

    fn sounds_like(&self, source: &Sound, result: &Sound) -> Result<(), String> {
        let is_searched = matches!(self.format, Format::Aac | Format::Dca | Format::Dca0);
        let delays = if is_searched { 0..MAX_DELAY } else { 0..1 };
        let best = delays.map(|delay| source.likeness(result, delay)).max_by(|a, b| a.0.total_cmp(&b.0));
        let (correlation, gain) = best.unwrap_or_default();
        // A correlation of 0.98 is a signal to noise ratio of 14 dB.
        let least = match self.format {
            Format::Wav | Format::Flac => 0.9999,
            // A delay that is found is right to half a sample.
            _ if self.plan.method == Method::Copy && !is_searched => 0.999,
            _ => 0.98,
        };
        ensure(correlation >= least, || format!("a correlation of {correlation} with its source"))?;
        ensure((0.9..1.1).contains(&gain), || format!("its level is {gain} times that of its source"))
    }
}
