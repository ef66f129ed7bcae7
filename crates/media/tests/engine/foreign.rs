//! ffmpeg as a reader: a host without it, one that hangs or is cancelled, and inputs that name other files.

use std::io::{self, Cursor, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use reelmill_media::{Control, Engines, Format, MediaError, Report, Source, Target, VecSink, convert};

use crate::lives::children_of;
use crate::{ensure, trial};

/// What a script in ffprobe's place says of anything.
const TOLD: &str = r#"{"streams":[{"index":0,"codec_type":"audio","codec_name":"wmav2","sample_rate":"44100","channels":2,"duration":"60.0"}],"format":{"format_name":"asf"}}"#;
/// What an ASF file begins with, and bytes that nobody reads.
const ASF: &[u8] = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\0\xaa\0\x62\xce\x6c-----------------------";

pub(crate) fn trials(is_ready: bool) -> Vec<Trial> {
    let mut trials = vec![
        trial("wma_without_ffmpeg_says_how_to_get_it", || without("ffmpeg", |e| e.with_ffmpeg(None))),
        trial("wma_without_ffprobe_says_how_to_get_it", || without("ffprobe", |e| e.with_ffprobe(None))),
        trial("rubbish_is_not_media_with_or_without_ffmpeg", rubbish),
        trial("a_reader_that_hangs_is_noticed", hung),
        trial("a_description_without_end_is_refused", endless),
        trial("a_reader_that_stops_early_is_no_success", stops),
        trial("a_cancelled_reader_is_gone_within_100_ms", cancelled),
    ];
    let needing = vec![
        trial("a_file_that_names_another_gets_nothing", names_others),
        trial("a_gigabyte_of_rubbish_is_refused_by_its_head", large_rubbish),
    ];
    trials.extend(needing.into_iter().map(|trial| {
        trial
            .with_kind(if is_ready { "ffmpeg" } else { "ffmpeg is not installed" })
            .with_ignored_flag(!is_ready)
    }));
    trials
}

fn read(bytes: &[u8], control: &Control) -> Result<Report, MediaError> {
    let source = Box::new(Cursor::new(bytes.to_vec()));
    convert(source, None, &Target::new(Format::Wav), &mut VecSink::new(), control)
}

fn sentence(bytes: &[u8], engines: Engines) -> String {
    let outcome = read(bytes, &Control::silent().with_engines(engines));
    outcome.map_or_else(|error| error.to_string(), |report| report.summary)
}

fn without(name: &str, take: impl Fn(Engines) -> Engines) -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let engines = scripts(folder.path(), "exit 0", "exit 0")?;
    let told = sentence(ASF, take(engines));
    let expected = format!(
        "asf/wma is read by ffmpeg only: {name} is not installed here; install it (on Debian: apt install ffmpeg)"
    );
    ensure(told == expected, || told)
}

fn rubbish() -> Result<(), String> {
    let mut noise = 7_u32;
    let noise: Vec<u8> = (0..200_000)
        .map(|_| {
            noise = noise.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (noise >> 24) as u8
        })
        .collect();
    let zeros = vec![0; 100_000];
    let files: [&[u8]; 5] = [&noise, &zeros, b"Dear diary, no media today.", b"../../etc/passwd", b"\x01"];
    for engines in [Engines::find(), Engines::find().with_ffmpeg(None)] {
        for (number, file) in files.iter().enumerate() {
            let outcome = read(file, &Control::silent().with_engines(engines.clone()));
            ensure(matches!(outcome, Err(MediaError::NotMedia)), || format!("{number}: {outcome:?}"))?;
        }
    }
    Ok(())
}

/// Bytes by chance without end, nearly, and how many of them were read.
struct Rubbish {
    position: u64,
    read_bytes: Arc<AtomicU64>,
}

const RUBBISH_BYTES: u64 = 1 << 30;

impl Read for Rubbish {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(RUBBISH_BYTES - self.position).unwrap_or(usize::MAX);
        let count = buffer.len().min(left);
        for byte in &mut buffer[..count] {
            let mixed = (self.position ^ 0x5bd1_e995).wrapping_mul(0x9e37_79b9_7f4a_7c15);
            *byte = (mixed >> 56) as u8;
            self.position += 1;
        }
        self.read_bytes.fetch_add(count as u64, Ordering::Relaxed);
        Ok(count)
    }
}

impl Seek for Rubbish {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.position = match to {
            SeekFrom::Start(position) => position,
            SeekFrom::End(by) => RUBBISH_BYTES.saturating_add_signed(by),
            SeekFrom::Current(by) => self.position.saturating_add_signed(by),
        }
        .min(RUBBISH_BYTES);
        Ok(self.position)
    }
}

impl Source for Rubbish {
    fn size_bytes(&self) -> Option<u64> {
        Some(RUBBISH_BYTES)
    }
}

fn large_rubbish() -> Result<(), String> {
    let read_bytes = Arc::new(AtomicU64::new(0));
    let source = Box::new(Rubbish { position: 0, read_bytes: Arc::clone(&read_bytes) });
    let control = Control::silent().with_engines(Engines::find());
    let outcome = convert(source, None, &Target::new(Format::Wav), &mut VecSink::new(), &control);
    ensure(matches!(outcome, Err(MediaError::NotMedia)), || format!("{outcome:?}"))?;
    let read_bytes = read_bytes.load(Ordering::Relaxed);
    ensure(read_bytes < 4 << 20, || format!("{read_bytes} bytes were read of it"))
}

/// Programs in place of ffmpeg and ffprobe. Confined, they can start no other: the shell must do by itself.
fn scripts(folder: &Path, ffmpeg: &str, ffprobe: &str) -> Result<Engines, String> {
    let make = |name: &str, script: &str| -> Result<PathBuf, String> {
        let program = folder.join(name);
        let text =
            format!("#!/bin/sh\ncase \"$*\" in *-version*) echo {name} version 0; exit 0;; esac\n{script}\n");
        std::fs::write(&program, text).map_err(|why| why.to_string())?;
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(&program, mode).map_err(|why| why.to_string())?;
        Ok(program)
    };
    make("ffprobe", ffprobe)?;
    Ok(Engines::find().with_ffmpeg(Some(make("ffmpeg", ffmpeg)?)))
}

fn hung() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let describes = format!("echo '{TOLD}'");
    for (ffmpeg, ffprobe) in [("while :; do :; done", describes.as_str()), ("exit 0", "while :; do :; done")]
    {
        let engines = scripts(folder.path(), ffmpeg, ffprobe)?.with_patience(Duration::from_millis(200));
        let told = sentence(ASF, engines);
        let expected = "ffmpeg, which reads this input, gave up: it does nothing for 200ms";
        ensure(told == expected, || told)?;
    }
    Ok(())
}

fn endless() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let told = sentence(ASF, scripts(folder.path(), "exit 0", &format!("while :; do echo '{TOLD}'; done"))?);
    ensure(told == "over a limit: a description of more than 1048576 bytes", || told)
}

fn stops() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let describes = format!("echo '{TOLD}'");
    let told =
        sentence(ASF, scripts(folder.path(), "echo 12345678; echo bad bytes >&2; exit 69", &describes)?);
    let expected = "the input is damaged: ffmpeg cannot read it: it ended with code 69: bad bytes";
    ensure(told == expected, || told)?;
    let told = sentence(ASF, scripts(folder.path(), "echo 1234567; exit 0", &describes)?);
    ensure(told == "the input is cut off: 59999 of 60000 ms of its audio are missing", || told)
}

fn cancelled() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let engines = scripts(folder.path(), "while :; do echo 12345678; done", &format!("echo '{TOLD}'"))?;
    let program = folder.path().join("ffmpeg");
    let control = Control::silent().with_engines(engines);
    let flag: Arc<AtomicBool> = Arc::clone(&control.cancel);
    let media_ms = Arc::clone(&control.media_ms);
    let at_work = std::thread::spawn(move || (read(ASF, &control), Instant::now()));
    while media_ms.load(Ordering::Relaxed) == 0 && !at_work.is_finished() {
        std::thread::yield_now();
    }
    let running = of_program(&program);
    flag.store(true, Ordering::Relaxed);
    let wanted_at = Instant::now();
    let (outcome, ended_at) = at_work.join().map_err(|_| "the conversion panicked")?;
    ensure(matches!(outcome, Err(MediaError::Cancelled)), || format!("{outcome:?}"))?;
    let took = ended_at.saturating_duration_since(wanted_at);
    ensure(took < Duration::from_millis(100), || format!("it took {took:?}"))?;
    ensure(running == 1 && of_program(&program) == 0, || format!("{running} were running"))
}

/// How many of this process' children run a program.
fn of_program(program: &Path) -> usize {
    let name = program.to_string_lossy().into_owned();
    children_of(std::process::id())
        .into_iter()
        .filter(|child| {
            let line = std::fs::read(format!("/proc/{}/cmdline", child.as_raw_nonzero())).unwrap_or_default();
            String::from_utf8_lossy(&line).contains(&name)
        })
        .count()
}

/// Lists and scripts that ffmpeg would follow, were it asked without limits, and one behind a media's mark.
fn names_others() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let secret = folder.path().join("secret.wav");
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-f", "lavfi", "-i", "sine=d=1"])
        .arg(&secret)
        .status()
        .map_err(|why| why.to_string())?;
    ensure(made.success(), || "no file to name".into())?;
    let secret = secret.to_string_lossy();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(|why| why.to_string())?;
    listener.set_nonblocking(true).map_err(|why| why.to_string())?;
    let address = listener.local_addr().map_err(|why| why.to_string())?;
    let m3u8 = |url: &str| format!("#EXTM3U\n#EXT-X-TARGETDURATION:1\n#EXTINF:1,\n{url}\n#EXT-X-ENDLIST\n");
    let lists = [
        format!("ffconcat version 1.0\nfile '{secret}'\n"),
        m3u8(&format!("file://{secret}")),
        m3u8(&format!("http://{address}/a.ts")),
        format!("v=0\nc=IN IP4 127.0.0.1\nm=audio {} RTP/AVP 0\n", address.port()),
    ];
    for list in lists {
        let outcome = read(list.as_bytes(), &Control::silent().with_engines(Engines::find()));
        ensure(matches!(outcome, Err(MediaError::NotMedia)), || format!("{outcome:?} of {list}"))?;
        // Behind a mark that sends it to ffmpeg, the one demuxer that may be used takes it for damage.
        let marked = [b".snd\0\0\0\x18".as_slice(), list.as_bytes()].concat();
        let outcome = read(&marked, &Control::silent().with_engines(Engines::find()));
        ensure(outcome.is_err(), || format!("{outcome:?} of {list}"))?;
    }
    let called = listener.accept().map_err(|why| why.kind());
    ensure(called.is_err_and(|why| why == std::io::ErrorKind::WouldBlock), || "somebody called".into())
}
