//! What is done to hostile bytes, and what counts as a finding.
//!
//! The library promises that any input ends in a named error or a right result, inside limits of memory and time. A
//! demuxer's or decoder's panic becomes such an error and is none; one of our own code is, since nothing there may count
//! on being caught. So is what the limits of the fuzzer itself find: a run that takes too long or too much memory.

use std::io::{self, Cursor, Write};
use std::panic;
use std::process;

use reelmill_media::{Control, Engines, Format, HEAD_LIMIT_BYTES, MediaError, Report, Sink, Target};

/// More than any seed makes, and soon reached by a header that promises the sky.
const OUTPUT_LIMIT_BYTES: u64 = 4 * 1024 * 1024;

/// What the paths of our own code have in them, as the compiler was given them: the library's, and this file's.
const OURS: [&str; 2] = ["crates/media/src/", file!()];

/// Ends the process on a panic of our own code, which the library would turn into an error.
pub fn catch_our_own_panics() {
    panic::set_hook(Box::new(|panic| {
        if panic.location().is_some_and(|place| OURS.iter().any(|ours| place.file().contains(ours))) {
            eprintln!("{panic}\n{}", std::backtrace::Backtrace::force_capture());
            process::abort();
        }
    }));
}

/// Looks at `bytes` as the file `name` and, where they are media, decodes them to their end.
pub fn decode(bytes: &[u8], name: &str) {
    if look(bytes, name) {
        convert(bytes, name, &Target { copy: false, ..Target::new(Format::Wav) });
    }
}

/// The whole path: the first three bytes choose the output, the others are the file.
pub fn whole(bytes: &[u8]) {
    let [format, change, clip, bytes @ ..] = bytes else { return };
    // AAC is written by a child, which a fuzzer has not.
    let formats: Vec<Format> =
        Format::all().iter().copied().filter(|format| *format != Format::Aac).collect();
    let format = formats[usize::from(*format) % formats.len()];
    let wished = |bit: u8| change & bit != 0;
    let target = Target {
        copy: !wished(1),
        tags: !wished(2),
        sample_rate_hz: wished(4).then_some(if wished(8) { 48_000 } else { 22_050 }),
        channels: wished(16).then_some(if wished(32) { 1 } else { 2 }),
        effort: (format == Format::Mp3).then_some(7),
        start_ms: u64::from(clip >> 4) * 50,
        end_ms: (clip & 15 != 0).then_some(u64::from(clip & 15) * 100),
        ..Target::new(format)
    };
    if look(bytes, "") {
        convert(bytes, "", &target);
    }
}

/// Carries what tags and covers `bytes` have over to an MP3 of a moment.
pub fn retag(bytes: &[u8]) {
    if look(bytes, "") {
        convert(bytes, "", &Target { effort: Some(9), end_ms: Some(20), ..Target::new(Format::Mp3) });
    }
}

/// Reads `bytes` as DCA, with our check of what it plays.
pub fn play(bytes: &[u8]) {
    let _refused_or_not = reelmill_media::dca::check(&mut Cursor::new(bytes));
}

/// Whether a probe takes `bytes` for media; what it says is then planned for every format.
fn look(bytes: &[u8], name: &str) -> bool {
    let Ok(info) = reelmill_media::probe(source(bytes), hint(name)) else { return false };
    let engines = Engines::default();
    Format::all().iter().any(|format| reelmill_media::plan(&info, &Target::new(*format), &engines).is_ok())
}

fn convert(bytes: &[u8], name: &str, target: &Target) {
    let mut sink = Counter::default();
    let control = Control::silent();
    let converted: Result<Report, MediaError> =
        reelmill_media::convert(source(bytes), hint(name), target, &mut sink, &control);
    if let Ok(report) = converted {
        assert!(sink.written_bytes > 0, "a conversion that wrote nothing was called done");
        assert!(report.frames_out > 0, "a conversion without a sample was called done");
    }
}

fn source(bytes: &[u8]) -> Box<Cursor<Vec<u8>>> {
    Box::new(Cursor::new(bytes.to_vec()))
}

fn hint(name: &str) -> Option<&str> {
    (!name.is_empty()).then_some(name)
}

/// Keeps nothing and is full soon.
#[derive(Default)]
struct Counter {
    written_bytes: u64,
}

impl Write for Counter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.written_bytes += bytes.len() as u64;
        if self.written_bytes > OUTPUT_LIMIT_BYTES {
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Sink for Counter {
    fn patch(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let end = offset + bytes.len() as u64;
        assert!(end <= self.written_bytes.min(HEAD_LIMIT_BYTES), "a patch ends at {end}, outside the head");
        Ok(())
    }
}
