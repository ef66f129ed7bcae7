//! How conversions on several threads end before their time.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use libtest_mimic::{Failed, Trial};
use reelmill_media::{Control, Format, MediaError, Sink, Source, Target, VecSink, convert};

use crate::ensure;

const FORMATS: [Format; 5] = [Format::Mp3, Format::Flac, Format::Ogg, Format::Dca, Format::Wav];

pub(crate) fn trials() -> Vec<Trial> {
    let of = |name: &str, run: fn(Format) -> Result<(), Failed>| {
        let name = name.to_owned();
        FORMATS.map(|format| Trial::test(format!("{name}_of_{format}"), move || run(format)))
    };
    let mut trials = Vec::new();
    trials.extend(of("a_cancel_ends_every_thread", cancelled));
    trials.extend(of("a_full_disk_ends_every_thread", full));
    trials.extend(of("a_broken_input_ends_every_thread", broken));
    trials.extend(of("a_panic_ends_every_thread_and_is_an_error", panicking));
    trials
}

/// Two minutes of noise in stereo.
fn wave() -> Vec<u8> {
    const DATA_BYTES: u32 = 120 * 44_100 * 4;
    let mut bytes = b"RIFF".to_vec();
    bytes.extend((36 + DATA_BYTES).to_le_bytes());
    bytes.extend(b"WAVEfmt \x10\0\0\0\x01\0\x02\0");
    bytes.extend(44_100_u32.to_le_bytes());
    bytes.extend((44_100_u32 * 4).to_le_bytes());
    bytes.extend(b"\x04\0\x10\0data");
    bytes.extend(DATA_BYTES.to_le_bytes());
    let mut state = 1_u32;
    for _ in 0..DATA_BYTES / 2 {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        bytes.extend(&state.to_le_bytes()[2..]);
    }
    bytes
}

/// Reads from memory until it does something else, at a place that several threads have been at work before.
struct Trap {
    bytes: Cursor<Vec<u8>>,
    spring: fn(&AtomicBool) -> io::Result<()>,
    cancel: Arc<AtomicBool>,
}

impl Read for Trap {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.bytes.position() > 15_000_000 {
            (self.spring)(&self.cancel)?;
        }
        self.bytes.read(buffer)
    }
}

impl Seek for Trap {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.bytes.seek(to)
    }
}

impl Source for Trap {
    fn size_bytes(&self) -> Option<u64> {
        self.bytes.size_bytes()
    }
}

/// Converts until it fails; fails itself if a thread is left.
fn until_the_end(
    format: Format,
    sink: &mut dyn Sink,
    spring: fn(&AtomicBool) -> io::Result<()>,
) -> Result<MediaError, Failed> {
    let control = Control::silent();
    let source = Trap { bytes: Cursor::new(wave()), spring, cancel: Arc::clone(&control.cancel) };
    let before = threads()?;
    let outcome = convert(Box::new(source), None, &Target::new(format), sink, &control);
    let after = threads()?;
    ensure(before == after, || format!("{before} threads before, {after} after"))?;
    outcome.err().ok_or_else(|| "it came to a good end".into())
}

/// How many threads this process has, as Linux tells; elsewhere nothing is compared.
fn threads() -> Result<usize, Failed> {
    if !cfg!(target_os = "linux") {
        return Ok(0);
    }
    let status = std::fs::read_to_string("/proc/self/status").map_err(|error| error.to_string())?;
    let line = status.lines().find_map(|line| line.strip_prefix("Threads:")).unwrap_or_default();
    line.trim().parse().map_err(|_| format!("{line} threads").into())
}

fn cancelled(format: Format) -> Result<(), Failed> {
    let error = until_the_end(format, &mut VecSink::new(), |cancel| {
        cancel.store(true, Ordering::Relaxed);
        Ok(())
    })?;
    ensure(matches!(error, MediaError::Cancelled), || format!("it ended as {error}"))
}

fn broken(format: Format) -> Result<(), Failed> {
    let error = until_the_end(format, &mut VecSink::new(), |_| Err(io::Error::other("the line is cut")))?;
    ensure(matches!(&error, MediaError::Io(why) if why.to_string() == "the line is cut"), || {
        format!("it ended as {error}")
    })
}

fn panicking(format: Format) -> Result<(), Failed> {
    // What a panic writes to standard error would look like a failure of this test.
    std::panic::set_hook(Box::new(|_| {}));
    let error = until_the_end(format, &mut VecSink::new(), |_| panic!("sprung"))?;
    drop(std::panic::take_hook());
    ensure(error.to_string() == "the input is damaged: the decoder gave up: sprung", || {
        format!("it ended as {error}")
    })
}

/// Room for as much as it says.
struct Disk(usize);

impl Write for Disk {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0 =
            self.0.checked_sub(bytes.len()).ok_or_else(|| io::Error::from(io::ErrorKind::StorageFull))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Disk {
    fn patch(&mut self, _: u64, _: &[u8]) -> io::Result<()> {
        Ok(())
    }
}

fn full(format: Format) -> Result<(), Failed> {
    let error = until_the_end(format, &mut Disk(500_000), |_| Ok(()))?;
    let is_full = matches!(&error, MediaError::Io(why) if why.kind() == io::ErrorKind::StorageFull);
    ensure(is_full, || format!("it ended as {error}"))
}
