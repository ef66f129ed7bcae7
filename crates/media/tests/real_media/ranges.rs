//! MP4 by its sample table: the same packets as ffmpeg's, and few requests for few bytes.

use std::path::Path;

use libtest_mimic::Trial;
use reelmill_media::{Format, MediaError, Pace, Target, VecSink, convert, each_packet, probe};

use crate::refusals::attempt;
use crate::{control, ensure, ffmpeg, trial};

mod boxes;
pub(crate) mod store;

use boxes::Movie;
use store::Store;

/// Ten seconds of sound and of a moving picture, that is large enough to be worth leaving out.
const VIDEO: [&str; 4] = ["-f", "lavfi", "-i", "testsrc2=size=640x360:rate=25:duration=10"];

/// A name, whether there is a picture, and what ffmpeg is told.
type Made = (&'static str, bool, &'static [&'static str]);

const FILES: [Made; 17] = [
    ("packet-by-packet.mp4", true, &["-c:a", "aac"]),
    ("half-a-second.mp4", true, &["-c:a", "aac", "-chunk_duration", "500000"]),
    ("a-second.mp4", true, &["-c:a", "aac", "-chunk_duration", "1000000"]),
    ("moov-first.mp4", true, &["-c:a", "aac", "-movflags", "faststart"]),
    ("no-edits.mp4", true, &["-c:a", "aac", "-use_editlist", "0"]),
    ("fragments.mp4", true, &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov", "-g", "25"]),
    (
        "fragments-from-moof.mp4",
        true,
        &["-c:a", "aac", "-movflags", "frag_keyframe+empty_moov+default_base_moof"],
    ),
    ("fragments-indexed.mp4", true, &["-c:a", "aac", "-movflags", "dash+global_sidx", "-g", "25"]),
    ("hybrid.mp4", true, &["-c:a", "aac", "-movflags", "frag_keyframe", "-g", "25"]),
    ("sound.m4a", false, &["-c:a", "aac"]),
    ("opus.mp4", true, &["-c:a", "libopus", "-ar", "48000"]),
    ("alac.m4a", false, &["-c:a", "alac"]),
    ("flac.mp4", false, &["-c:a", "flac", "-strict", "-2"]),
    ("mp3.mp4", true, &["-c:a", "libmp3lame"]),
    ("aac.mov", true, &["-c:a", "aac"]),
    ("pcm.mov", true, &["-c:a", "pcm_s16le"]),
    ("two-languages.mp4", true, &["-map", "0:a", "-map", "1:v", "-map", "0:a", "-c:a", "aac"]),
];

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = Vec::new();
    for file in FILES {
        trials
            .push(trial(format!("{}_has_the_same_packets_as_in_ffmpeg", file.0), move || same_packets(file)));
        trials.push(trial(format!("{}_is_read_by_few_requests", file.0), move || few_requests(file)));
    }
    for file in [FILES[1], FILES[3], FILES[5], FILES[7]] {
        trials.push(trial(format!("a_cut_or_zeroed_{}_ends_well", file.0), move || cut_and_zeroed(file)));
    }
    trials.push(trial("offsets_of_64_bits_lead_beyond_4_gib", beyond_4_gib));
    trials.push(trial("tables_that_lie_are_refused_by_name", lying_tables));
    trials.push(trial("a_million_tracks_are_refused_by_name", many_tracks));
    trials
}

/// Makes a file.
fn made((name, has_picture, arguments): Made, folder: &Path) -> Result<Vec<u8>, String> {
    let path = folder.join(name);
    let mut all: Vec<&str> = if has_picture { VIDEO.to_vec() } else { Vec::new() };
    if has_picture {
        all.extend(["-c:v", "mpeg4", "-q:v", "2"]);
    }
    all.extend_from_slice(arguments);
    ffmpeg::make(&path, 10.0, 44_100, &all)?;
    std::fs::read(&path).map_err(|error| error.to_string())
}

fn in_folder<T>(work: impl FnOnce(&Path) -> Result<T, String>) -> Result<T, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    work(folder.path())
}

struct Packets {
    sizes: Vec<usize>,
    times: Vec<i64>,
    bytes: Vec<u8>,
}

fn ours(bytes: Vec<u8>, name: &str) -> Result<Packets, MediaError> {
    let mut packets = Packets { sizes: Vec::new(), times: Vec::new(), bytes: Vec::new() };
    each_packet(Box::new(std::io::Cursor::new(bytes)), Some(name), |pts, packet| {
        packets.sizes.push(packet.len());
        packets.times.push(pts);
        packets.bytes.extend_from_slice(packet);
    })?;
    Ok(packets)
}

fn same_packets(file: Made) -> Result<(), String> {
    let (bytes, theirs, listed) = in_folder(|folder| {
        let bytes = made(file, folder)?;
        let path = folder.join(file.0);
        let track =
            ["-ignore_editlist", "1", "-i", &path.to_string_lossy(), "-map", "0:a:0", "-c", "copy", "-f"]
                .map(str::to_owned);
        let run = |format: &str, name: &str| {
            let arguments: Vec<&str> = track.iter().map(String::as_str).chain([format]).collect();
            ffmpeg::run(&arguments, &folder.join(name))?;
            std::fs::read(folder.join(name)).map_err(|error| error.to_string())
        };
        Ok((bytes, run("data", "all.bin")?, run("framecrc", "list.txt")?))
    })?;
    let packets = ours(bytes, file.0).map_err(|error| error.to_string())?;
    ensure(packets.bytes == theirs, || {
        format!("{} bytes of packets, {} in ffmpeg", packets.bytes.len(), theirs.len())
    })?;
    // ffmpeg joins frames of PCM by its own measure.
    if file.0 == "pcm.mov" {
        return Ok(());
    }
    let listed = String::from_utf8_lossy(&listed).into_owned();
    let fields: Vec<Vec<i64>> = listed
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split(',').map_while(|field| field.trim().parse().ok()).collect())
        .collect();
    let sizes: Vec<usize> = fields.iter().map(|line| usize::try_from(line[4]).unwrap_or(0)).collect();
    ensure(packets.sizes == sizes, || format!("{:?}, {sizes:?} in ffmpeg", packets.sizes))?;
    // It starts its clock where it likes; the steps are the same.
    let steps = |times: &[i64]| times.windows(2).map(|pair| pair[1] - pair[0]).collect::<Vec<_>>();
    let times: Vec<i64> = fields.iter().map(|line| line[1]).collect();
    ensure(steps(&packets.times) == steps(&times), || {
        format!(
            "{:?}, {:?} in ffmpeg",
            &packets.times[..5.min(packets.times.len())],
            &times[..5.min(times.len())]
        )
    })
}

fn few_requests(file: Made) -> Result<(), String> {
    let bytes = in_folder(|folder| made(file, folder))?;
    let local = attempt(bytes.clone(), file.0).map_err(|error| error.to_string())?;
    for pace in
        [Pace { first_byte: std::time::Duration::from_millis(20), bytes_per_second: 50_000_000 }, Pace::LOCAL]
    {
        let store = Store::new(bytes.clone(), pace);
        let (mut sink, log) = (VecSink::new(), store.log());
        convert(Box::new(store), Some(file.0), &Target::new(Format::Wav), &mut sink, &control())
            .map_err(|error| error.to_string())?;
        ensure(sink.into_bytes() == local, || "another result".to_owned())?;
        let (requests, read) = log.totals();
        let limit = bytes.len() as u64 + 600_000;
        ensure(read <= limit, || format!("{read} of {} bytes were read", bytes.len()))?;
        ensure(pace == Pace::LOCAL || requests <= 8, || {
            format!("{requests} requests: {:?}", log.requests())
        })?;
    }
    let store =
        Store::new(bytes, Pace { first_byte: std::time::Duration::from_secs(1), bytes_per_second: 10_000 });
    let log = store.log();
    probe(Box::new(store), Some(file.0)).map_err(|error| error.to_string())?;
    let (requests, read) = log.totals();
    ensure(requests <= 6 && read <= 1_500_000, || {
        format!("to look at it took {requests} requests of {read} bytes: {:?}", log.requests())
    })
}

fn cut_and_zeroed(file: Made) -> Result<(), String> {
    let bytes = in_folder(|folder| made(file, folder))?;
    let whole = attempt(bytes.clone(), file.0).map_err(|error| error.to_string())?;
    let named = |what: String, result: Result<Vec<u8>, MediaError>, may_differ: bool| match result {
        Ok(result) => ensure(may_differ || result == whole, || format!("{what}: another result")),
        Err(
            MediaError::Truncated(_)
            | MediaError::Corrupt(_)
            | MediaError::Empty(_)
            | MediaError::NoAudio { .. }
            | MediaError::NotMedia
            | MediaError::Unsupported { .. }
            | MediaError::Limit(_),
        ) => Ok(()),
        Err(error) => Err(format!("{what}: {error}")),
    };
    for length in (0..bytes.len()).step_by(4096) {
        // What ends between two fragments is whole as far as it goes.
        let is_open = file.0.starts_with("fragments");
        named(format!("cut at {length}"), attempt(bytes[..length].to_vec(), file.0), is_open)?;
    }
    for start in (0..bytes.len()).step_by(16 * 4096) {
        let mut zeroed = bytes.clone();
        let end = (start + 4096).min(zeroed.len());
        zeroed[start..end].fill(0);
        named(format!("zeros at {start}"), attempt(zeroed, file.0), true)?;
    }
    Ok(())
}

fn beyond_4_gib() -> Result<(), String> {
    const GAP: u64 = 5 << 30;
    let bytes = in_folder(|folder| made(FILES[1], folder))?;
    let near = ours(bytes.clone(), "a.mp4").map_err(|error| error.to_string())?;
    // The media moves behind a hole that no disk has to hold.
    let (moved, hole) = Movie::of(&bytes)?.behind(GAP)?;
    // The header of the box that is the gap stands before the hole.
    let store = Store::with_hole(hole, GAP - 16, moved);
    let log = store.log();
    let mut far = Vec::new();
    each_packet(Box::new(store), Some("a.mp4"), |_, packet| far.extend_from_slice(packet))
        .map_err(|error| error.to_string())?;
    ensure(far == near.bytes, || "other packets".to_owned())?;
    let read = log.totals().1;
    ensure(read < bytes.len() as u64 * 2, || format!("{read} bytes were read"))
}

fn lying_tables() -> Result<(), String> {
    let bytes = in_folder(|folder| made(FILES[9], folder))?;
    let set = |kind: &'static [u8; 4], at: usize, value: u32| {
        let mut bytes = bytes.clone();
        let found = bytes.windows(4).rposition(|window| window == kind);
        let found = found.ok_or_else(|| format!("no {}", String::from_utf8_lossy(kind)))?;
        bytes[found + 4 + at..found + 8 + at].copy_from_slice(&value.to_be_bytes());
        Ok::<_, String>(bytes)
    };
    let cases: [(&'static [u8; 4], usize, u32, &str); 11] = [
        (b"stsz", 8, u32::MAX, "declares 4294967295 entries"),
        (b"stsz", 4, u32::MAX, "packets claim"),
        (b"stsz", 8, 1, "times for"),
        (b"stco", 4, u32::MAX, "declares 4294967295 entries"),
        (b"stco", 4, 0, "chunks hold 0 of"),
        (b"stco", 8, u32::MAX, "cut off"),
        (b"stsc", 4, u32::MAX, "declares 4294967295 entries"),
        (b"stsc", 8, 0, "no number or no samples"),
        (b"stsc", 12, 0, "no number or no samples"),
        (b"stts", 8, u32::MAX, "times for"),
        (b"mdhd", 12, 0, "timescale is zero"),
    ];
    for (kind, at, value, wanted) in cases {
        let result = attempt(set(kind, at, value)?, "a.m4a");
        let said = result.err().map_or_else(|| "it was converted".to_owned(), |error| error.to_string());
        ensure(said.contains(wanted), || format!("{} at {at}: `{said}`", String::from_utf8_lossy(kind)))?;
    }
    Ok(())
}

fn many_tracks() -> Result<(), String> {
    let track = b"\0\0\0\x08trak";
    let tracks = track.repeat(1_000_000);
    let length = u32::try_from(tracks.len() + 8).map_err(|error| error.to_string())?;
    let head = [&b"\0\0\0\x0cftypisom"[..], &length.to_be_bytes(), b"moov"].concat();
    match attempt([head, tracks].concat(), "a.mp4") {
        Err(MediaError::Limit(why)) => ensure(why.contains("128 tracks"), || why),
        other => Err(format!("{:?}", other.map(|bytes| bytes.len()))),
    }
}
