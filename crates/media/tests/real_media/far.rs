//! Copies of long media from a store far away: a handful of requests, whatever carries the packets.

use std::time::Duration;

use libtest_mimic::Trial;
use reelmill_media::{Control, Format, Pace, Target, VecSink, convert};

use crate::ranges::store::Store;
use crate::{ensure, ffmpeg, trial};

/// A store in which a jump costs as much as a megabyte.
const STORE: Pace = Pace { first_byte: Duration::from_millis(20), bytes_per_second: 50_000_000 };
/// So often ten seconds are put one behind the other.
const TIMES: usize = 60;
/// While it is opened, both ends are looked at, and so they are once more for the copy.
const MAX_REQUESTS: usize = 10;

/// A name, what ffmpeg is told, what it is copied to, and how often it is read through.
type Case = (&'static str, &'static [&'static str], Format, u64);

const CASES: [Case; 8] = [
    ("a.m4a", &["-c:a", "aac"], Format::M4a, 1),
    ("a.mp4", &["-c:a", "aac", "-movflags", "faststart"], Format::Aac, 1),
    ("a.aac", &["-c:a", "aac"], Format::M4a, 1),
    ("a.mp3", &["-c:a", "libmp3lame"], Format::Mp3, 1),
    ("a.webm", &["-c:a", "libopus", "-ar", "48000"], Format::Dca, 1),
    ("a.opus", &["-c:a", "libopus", "-ar", "48000"], Format::Opus, 1),
    // More than is kept from the first look.
    ("large.mp3", &["-c:a", "libmp3lame", "-b:a", "320k"], Format::Mp3, 2),
    ("large.aac", &["-c:a", "aac", "-b:a", "320k"], Format::Aac, 2),
];

pub(crate) fn trials() -> Vec<Trial> {
    let case = |case: Case| {
        let name = format!("ten_minutes_of_{}_are_copied_to_{}_by_few_requests", case.0, case.2);
        trial(name, move || few_requests(case))
    };
    CASES.into_iter().map(case).collect()
}

fn few_requests((name, arguments, format, looks): Case) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let (piece, whole) = (folder.path().join(name), folder.path().join(format!("long-{name}")));
    ffmpeg::make(&piece, 10.0, 48_000, arguments)?;
    let last = (TIMES - 1).to_string();
    ffmpeg::run(&["-stream_loop", &last, "-i", &piece.to_string_lossy(), "-c", "copy"], &whole)?;
    let bytes = std::fs::read(&whole).map_err(|error| error.to_string())?;
    let copied = |pace| {
        let store = Store::new(bytes.clone(), pace);
        let (mut sink, log) = (VecSink::new(), store.log());
        convert(Box::new(store), Some(name), &Target::new(format), &mut sink, &Control::silent())
            .map(|report| (report, sink.into_bytes(), log))
            .map_err(|error| error.to_string())
    };
    let (report, far, log) = copied(STORE)?;
    ensure(report.summary.starts_with("copied"), || format!("{}: {:?}", report.summary, report.notes))?;
    ensure(copied(Pace::LOCAL)?.1 == far, || "another copy than from near".to_owned())?;
    let (requests, read) = log.totals();
    let told = (report.requests, report.bytes_read);
    ensure(told == (requests as u64, read), || format!("{told:?} are told of {requests} and {read}"))?;
    ensure(requests <= MAX_REQUESTS, || format!("{requests} requests: {:?}", log.requests()))?;
    let limit = bytes.len() as u64 * looks + 3_000_000;
    ensure(read <= limit, || format!("{read} of {} bytes were read: {:?}", bytes.len(), log.requests()))
}
