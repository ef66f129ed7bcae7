//! Damaged bytes, impatient callers and failing sources.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use reelmill_media::{Control, ErrorKind, Format, MediaError, Rate, Source, Target, VecSink, convert, dca};

use crate::refusals::{attempt, attempt_as, made};
use crate::{ensure, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for (name, arguments) in [
        ("a.m4a", &["-c:a", "aac"][..]),
        ("a.mp3", &["-c:a", "libmp3lame"]),
        ("a.ogg", &["-c:a", "libvorbis"]),
        ("a.flac", &[]),
        ("a.mkv", &["-c:a", "libvorbis"]),
        ("a.wav", &[]),
        ("alac.m4a", &["-c:a", "alac"]),
        ("a.aac", &["-c:a", "aac"]),
        ("a.opus", &["-c:a", "libopus", "-ar", "48000"]),
        ("a.webm", &["-c:a", "libopus", "-ar", "48000"]),
        ("opus.mp4", &["-c:a", "libopus", "-ar", "48000"]),
    ] {
        trials.push(trial(format!("a_damaged_{name}_ends_in_an_error_or_a_result"), move || {
            damaged(name, &made(name, arguments)?)
        }));
    }
    trials.push(trial("a_cancelled_conversion_stops_within_100_ms", cancelled));
    trials.push(trial("progress_rises_from_0_to_1", progress));
    trials.push(trial("a_failing_source_is_an_io_error_and_not_a_damaged_file", failing));
    trials
}

/// A small generator of our own, so that a failure can be repeated.
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap_or(0) % limit.max(1)
    }
}

fn damaged(name: &str, whole: &[u8]) -> Result<(), String> {
    let mut dice = Dice(whole.len() as u64);
    for round in 0..40 {
        let mut bytes = whole.to_vec();
        // Headers are where sizes and counts stand, so half of the damage goes there.
        let reach = if round % 2 == 0 { bytes.len().min(2048) } else { bytes.len() };
        for _ in 0..=dice.below(8) {
            let at = dice.below(reach);
            bytes[at] = u8::try_from(dice.below(256)).unwrap_or(0);
        }
        let started = Instant::now();
        let outcome = attempt(bytes.clone(), name);
        if let Ok(dca) = attempt_as(&Target::new(Format::Dca), bytes, name) {
            // What goes through can be played, whether it was copied or made anew.
            dca::check(&dca[..]).map_err(|error| format!("round {round}: {error}"))?;
        }
        ensure(started.elapsed() < Duration::from_secs(20), || {
            format!("round {round} took {:?}", started.elapsed())
        })?;
        if let Err(MediaError::Io(error)) = outcome {
            return Err(format!("round {round} blames the source: {error}"));
        }
    }
    Ok(())
}

fn cancelled() -> Result<(), String> {
    let bytes = made("long.wav", &["-af", "aloop=loop=40:size=132300"])?;
    let control = Control::silent();
    let cancel = Arc::clone(&control.cancel);
    let cancelled_at = Arc::new(Mutex::new(None));
    let noted = Arc::clone(&cancelled_at);
    let media_ms = Arc::clone(&control.media_ms);
    let watcher = std::thread::spawn(move || {
        while media_ms.load(Ordering::Relaxed) < 500 {
            std::thread::yield_now();
        }
        *noted.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        cancel.store(true, Ordering::Relaxed);
    });
    // The slowest encoder there is.
    let target = Target { rate: Some(Rate::Vbr { quality: 0 }), effort: Some(0), ..Target::new(Format::Mp3) };
    let outcome = convert(Box::new(Cursor::new(bytes)), None, &target, &mut VecSink::new(), &control);
    let ended_at = Instant::now();
    watcher.join().map_err(|_| "the watcher panicked".to_owned())?;
    ensure(matches!(outcome, Err(MediaError::Cancelled)), || format!("{outcome:?}"))?;
    let cancelled_at =
        cancelled_at.lock().unwrap_or_else(PoisonError::into_inner).ok_or("never cancelled")?;
    let took = ended_at - cancelled_at;
    // The promise is 100 ms; a loaded machine may suspend this thread for longer.
    ensure(took < Duration::from_secs(1), || format!("it took {took:?}"))
}

fn progress() -> Result<(), String> {
    let bytes = made("a.mp3", &["-c:a", "libmp3lame"])?;
    let seen = Arc::new(Mutex::new(Vec::new()));
    let heard = Arc::clone(&seen);
    let control = Control::new(move |share| heard.lock().unwrap_or_else(PoisonError::into_inner).push(share));
    let target = Target { effort: Some(0), ..Target::new(Format::Mp3) };
    convert(Box::new(Cursor::new(bytes)), None, &target, &mut VecSink::new(), &control)
        .map_err(|error| error.to_string())?;
    let seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
    ensure(seen.is_sorted() && seen.last() == Some(&1.0), || format!("{seen:?}"))?;
    let media_ms = control.media_ms.load(Ordering::Relaxed);
    ensure((2900..=3000).contains(&media_ms), || format!("{media_ms} ms"))
}

/// Breaks off after some bytes, as a lost connection does.
struct Flaky {
    inner: Cursor<Vec<u8>>,
    left: AtomicU64,
}

impl Read for Flaky {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let left = self.left.get_mut();
        *left = left.saturating_sub(count as u64);
        if *left == 0 { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(count) }
    }
}

impl Seek for Flaky {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

impl Source for Flaky {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.inner.get_ref().len() as u64)
    }
}

fn failing() -> Result<(), String> {
    for (name, arguments) in
        [("a.m4a", &["-c:a", "aac"][..]), ("a.mp3", &[]), ("a.flac", &[]), ("a.ogg", &[])]
    {
        let bytes = made(name, arguments)?;
        // The tables are read on the way in, and the last bytes by all.
        for left in [bytes.len() / 3, bytes.len() - 100] {
            let left = AtomicU64::new(left as u64);
            let source = Box::new(Flaky { inner: Cursor::new(bytes.clone()), left });
            let target = Target::new(Format::Wav);
            match convert(source, Some(name), &target, &mut VecSink::new(), &Control::silent()) {
                Err(error) if error.kind() == ErrorKind::Io => {}
                other => return Err(format!("{name}: {other:?}")),
            }
        }
    }
    Ok(())
}
