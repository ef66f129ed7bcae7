//! AAC through ffmpeg: the sound survives, and whatever happens to ffmpeg ends in a clear error at once.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use reelmill_media::{
    Control, Engines, FileSource, Format, MediaError, Rate, Report, Sink, Source, Target, VecSink, convert,
};
use rustix::process::{Pid, Signal, kill_process};

use crate::lives::children_of;
use crate::{ensure, trial};

const RATE_HZ: u32 = 44_100;
const TONE_HZ: f64 = 1000.0;

pub(crate) fn trials(is_ready: bool) -> Vec<Trial> {
    let mut trials = vec![
        trial("a_host_without_ffmpeg_says_how_to_get_it", missing),
        trial("an_ffmpeg_that_does_not_start_is_told_from_a_missing_one", broken),
        trial("an_ffmpeg_that_stops_in_the_middle_is_a_clear_error", stops),
        trial("an_ffmpeg_that_reads_nothing_is_cancelled_within_100_ms", || {
            cancel("while :; do :; done", 129)
        }),
    ];
    let needing = vec![
        trial("a_tone_survives_aac_with_its_length_and_pitch", tone),
        trial("mono_at_a_low_rate_is_what_was_asked_for", mono),
        trial("a_cancelled_ffmpeg_is_gone_within_100_ms", || cancel("", 130)),
        trial("a_killed_ffmpeg_is_a_clear_error", killed),
    ];
    trials.extend(needing.into_iter().map(|trial| {
        trial
            .with_kind(if is_ready { "ffmpeg" } else { "ffmpeg is not installed" })
            .with_ignored_flag(!is_ready)
    }));
    trials
}

/// A wave of a tone, as stereo of 16 bits.
fn wave(path: &Path, seconds: u32) -> io::Result<()> {
    let frames = seconds * RATE_HZ;
    let size = frames * 4;
    let mut bytes = Vec::new();
    bytes.extend(b"RIFF");
    bytes.extend((36 + size).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    bytes.extend(RATE_HZ.to_le_bytes());
    bytes.extend((RATE_HZ * 4).to_le_bytes());
    bytes.extend(b"\x04\0\x10\0data");
    bytes.extend(size.to_le_bytes());
    for frame in 0..frames {
        let seconds = f64::from(frame) / f64::from(RATE_HZ);
        #[expect(clippy::cast_possible_truncation, reason = "half of full scale fits")]
        let sample = (16_000.0 * (seconds * TONE_HZ * std::f64::consts::TAU).sin()) as i16;
        bytes.extend(sample.to_le_bytes());
        bytes.extend(sample.to_le_bytes());
    }
    std::fs::write(path, bytes)
}

struct Job {
    folder: tempfile::TempDir,
    source: PathBuf,
}

impl Job {
    fn new(seconds: u32) -> Result<Self, String> {
        let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
        let source = folder.path().join("tone.wav");
        wave(&source, seconds).map_err(|why| why.to_string())?;
        Ok(Self { folder, source })
    }

    fn run(&self, target: &Target, sink: &mut dyn Sink, control: &Control) -> Result<Report, MediaError> {
        let source: Box<dyn Source> = Box::new(FileSource::open(&self.source)?);
        convert(source, Some("tone.wav"), target, sink, control)
    }

    /// An ffmpeg that passes for one when it is asked, and then does as the script says.
    fn with_script(&self, script: &str) -> Result<Engines, String> {
        // Confined, it can start no other program: the shell must do by itself.
        let program = self.folder.path().join("ffmpeg");
        let text =
            format!("#!/bin/sh\ncase \"$*\" in *encoder=aac*) echo Encoder aac; exit 0;; esac\n{script}\n");
        std::fs::write(&program, text).map_err(|why| why.to_string())?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).map_err(|why| why.to_string())?;
        Ok(Engines::find().with_ffmpeg(Some(program)))
    }
}

fn aac(kbps: u16) -> Target {
    Target { rate: Some(Rate::Cbr { kbps }), ..Target::new(Format::Aac) }
}

fn missing() -> Result<(), String> {
    let engines = Engines::find().with_ffmpeg(None);
    let outcome = Job::new(1)?.run(&aac(128), &mut VecSink::new(), &Control::silent().with_engines(engines));
    let error = outcome.err().map(|why| why.to_string()).unwrap_or_default();
    ensure(error.contains("not installed here; install it (on Debian: apt install ffmpeg)"), || error)
}

fn broken() -> Result<(), String> {
    let absent = Engines::find().with_ffmpeg(Some("/usr/bin/no-such-ffmpeg".into()));
    let error = absent.aac_encoder().err().unwrap_or_default();
    ensure(error.contains("does not start here: it ended with code 125"), || error)?;
    let other = Engines::find().with_ffmpeg(Some("/bin/true".into()));
    let error = other.aac_encoder().err().unwrap_or_default();
    ensure(error.contains("has no aac encoder"), || error)
}

fn stops() -> Result<(), String> {
    let job = Job::new(30)?;
    let engines = job.with_script("read -r some; echo some bytes; echo out of luck >&2; exit 7")?;
    let control = Control::silent().with_engines(engines);
    let error = job.run(&aac(128), &mut VecSink::new(), &control).err().map(|why| why.to_string());
    let expected = "ffmpeg, which writes aac, gave up: it ended with code 7: out of luck";
    ensure(error.as_deref() == Some(expected), || format!("{error:?}"))
}

fn tone() -> Result<(), String> {
    let job = Job::new(10)?;
    let control = Control::silent().with_engines(Engines::find());
    let mut sink = VecSink::new();
    job.run(&aac(128), &mut sink, &control).map_err(|why| why.to_string())?;
    let path = job.folder.path().join("tone.aac");
    std::fs::write(&path, sink.into_bytes()).map_err(|why| why.to_string())?;
    let about = ffprobe(&path, "stream=codec_name,profile,sample_rate,channels:format=format_name")?;
    ensure(about == "aac,LC,44100,2\naac\n", || about)?;
    let samples = decode(&path)?;
    let frames = samples.len() / 2;
    // ADTS cannot say so, but one block of priming comes first, and the last block is filled up.
    let extra = frames.wrapping_sub(10 * 44_100);
    ensure((1024..=2 * 1024).contains(&extra), || format!("{extra} frames too many"))?;
    let left: Vec<f64> = samples.iter().step_by(2).skip(44_100).take(44_100).map(|s| f64::from(*s)).collect();
    let at_tone = strength(&left, TONE_HZ);
    for other in [500.0, 950.0, 1050.0, 2000.0, 3000.0] {
        let beside = strength(&left, other);
        ensure(at_tone > 100.0 * beside, || format!("{at_tone} at the tone, {beside} at {other} Hz"))?;
    }
    ensure((14_000.0..18_000.0).contains(&at_tone), || format!("the tone is {at_tone} strong"))
}

fn mono() -> Result<(), String> {
    let job = Job::new(5)?;
    let control = Control::silent().with_engines(Engines::find());
    let target = Target { sample_rate_hz: Some(16_000), channels: Some(1), ..aac(32) };
    let mut sink = VecSink::new();
    job.run(&target, &mut sink, &control).map_err(|why| why.to_string())?;
    let bytes = sink.into_bytes();
    let kbps = bytes.len() * 8 / 5000;
    ensure((16..=40).contains(&kbps), || format!("{kbps} kbit/s"))?;
    let path = job.folder.path().join("tone.aac");
    std::fs::write(&path, bytes).map_err(|why| why.to_string())?;
    let about = ffprobe(&path, "stream=codec_name,sample_rate,channels")?;
    ensure(about == "aac,16000,1\n", || about)
}

/// Tells when the first bytes come, and takes no more than one piece until it may go on.
struct Gate {
    first: Option<Sender<()>>,
    go_on: Receiver<()>,
}

impl io::Write for Gate {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if let Some(first) = self.first.take() {
            let _ = first.send(());
            let _ = self.go_on.recv();
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Gate {
    fn patch(&mut self, _offset: u64, _bytes: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

fn cancel(script: &str, kbps: u16) -> Result<(), String> {
    let job = Job::new(60)?;
    let engines = if script.is_empty() { Engines::find() } else { job.with_script(script)? };
    engines.aac_encoder()?;
    let control = Control::silent().with_engines(engines);
    let flag: Arc<AtomicBool> = Arc::clone(&control.cancel);
    let media_ms = Arc::clone(&control.media_ms);
    let at_work = std::thread::spawn(move || {
        let outcome = job.run(&aac(kbps), &mut VecSink::new(), &control);
        (Instant::now(), outcome)
    });
    while media_ms.load(Ordering::Relaxed) == 0 && !at_work.is_finished() {
        std::thread::yield_now();
    }
    flag.store(true, Ordering::Relaxed);
    let wanted_at = Instant::now();
    let (ended_at, outcome) = at_work.join().map_err(|_| "the conversion panicked")?;
    ensure(matches!(outcome, Err(MediaError::Cancelled)), || format!("{outcome:?}"))?;
    let took = ended_at.saturating_duration_since(wanted_at);
    ensure(took < Duration::from_millis(100), || format!("it took {took:?}"))?;
    ensure(at_bit_rate(&format!("{kbps}k")).is_empty(), || "ffmpeg is still there".into())
}

/// The children that encode at a bit rate, of which each case has its own.
fn at_bit_rate(wanted: &str) -> Vec<Pid> {
    let mut found = children_of(std::process::id());
    found.retain(|child| {
        let line = std::fs::read(format!("/proc/{}/cmdline", child.as_raw_nonzero())).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|argument| argument == wanted.as_bytes())
    });
    found
}

fn killed() -> Result<(), String> {
    let job = Job::new(60)?;
    let engines = Engines::find();
    engines.aac_encoder()?;
    let control = Control::silent().with_engines(engines);
    let (first, has_begun) = channel();
    let (go_on, may_go_on) = channel();
    let at_work = std::thread::spawn(move || {
        let mut sink = Gate { first: Some(first), go_on: may_go_on };
        job.run(&aac(131), &mut sink, &control)
    });
    has_begun.recv().map_err(|_| "it did not begin")?;
    let [ffmpeg] = at_bit_rate("131k")[..] else { return Err("there is not one ffmpeg to kill".into()) };
    kill_process(ffmpeg, Signal::KILL).map_err(|why| why.to_string())?;
    go_on.send(()).map_err(|_| "it ended early")?;
    let outcome = at_work.join().map_err(|_| "the conversion panicked")?;
    let error = outcome.err().map(|why| why.to_string()).unwrap_or_default();
    ensure(error == "ffmpeg, which writes aac, gave up: signal 9 ended it", || error)
}

/// How strong one frequency is: its amplitude, by a single bin of Fourier's sum.
#[expect(clippy::cast_precision_loss, reason = "sample numbers of a second")]
fn strength(samples: &[f64], hz: f64) -> f64 {
    let (mut real, mut imaginary) = (0.0, 0.0);
    for (number, sample) in samples.iter().enumerate() {
        let angle = std::f64::consts::TAU * hz * number as f64 / f64::from(RATE_HZ);
        real += sample * angle.cos();
        imaginary += sample * angle.sin();
    }
    2.0 * real.hypot(imaginary) / samples.len() as f64
}

fn ffprobe(path: &Path, entries: &str) -> Result<String, String> {
    let out = Command::new("ffprobe")
        .args(["-v", "error", "-show_entries", entries, "-of", "csv=p=0"])
        .arg(path)
        .output()
        .map_err(|why| why.to_string())?;
    ensure(out.stderr.is_empty(), || String::from_utf8_lossy(&out.stderr).into_owned())?;
    Ok(String::from_utf8_lossy(&out.stdout).into_owned())
}

fn decode(path: &Path) -> Result<Vec<i16>, String> {
    let out = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(path)
        .args(["-f", "s16le", "-c:a", "pcm_s16le", "-"])
        .output()
        .map_err(|why| why.to_string())?;
    ensure(out.stderr.is_empty(), || String::from_utf8_lossy(&out.stderr).into_owned())?;
    Ok(out.stdout.as_chunks::<2>().0.iter().map(|pair| i16::from_le_bytes(*pair)).collect())
}
