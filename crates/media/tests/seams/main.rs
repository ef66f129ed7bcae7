//! Encodes real music and speech on several cores and measures what is heard where two encoders meet.
//!
//! The measure is the noise, the difference to the source, in each granule of an MP3 frame (576 samples, a bit more
//! than half a packet of Opus): around a seam it must not be more than the 99th percentile of what a serial encode has
//! anywhere else, or where that has more at this very place, not more than that. The pieces are the corpus'
//! (`REELMILL_CORPUS`, see `cargo xtask setup`). Every piece is encoded at every setting of MP3, and at half of those of
//! Opus, variable and constant rates among them; at all with `REELMILL_SOAK`.
//!
//! Cases run one after another, so that there is an idle core; where there is but one, or no corpus, they are shown as
//! ignored, and with `REELMILL_TEST_ALL` they fail instead.

mod ends;
mod granules;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use granules::Noise;
use libtest_mimic::{Arguments, Failed, Trial};
use reelmill_media::{Control, Engines, FileSource, Format, Rate, Report, Target, VecSink, convert};

/// As much of a piece as is encoded.
const MILLISECONDS: u64 = 130_000;

const PIECES: [&str; 7] = [
    "asc/frontiers.mp3",
    "asc/machine_wars.mp3",
    "frozen-bubble/introzik.ogg",
    "frozen-bubble/frozen-mainzik-2p.ogg",
    "asc/time_to_strike.mp3",
    "hachoir/interlude_david_aubrun.ogg",
    "moviepy/bbb.mp4",
];

const MP3_RATES: [(&str, Rate); 4] = [
    ("cbr_128", Rate::Cbr { kbps: 128 }),
    ("cbr_320", Rate::Cbr { kbps: 320 }),
    ("abr_140", Rate::Abr { kbps: 140 }),
    ("vbr_2", Rate::Vbr { quality: 2 }),
];

/// Those of the profiles, of which 64 is the lowest that is taken apart, and one above, with their channels.
const OPUS_RATES: [(&str, Rate, u8); 6] = [
    ("vbr_64", Rate::Abr { kbps: 64 }, 2),
    ("vbr_64_mono", Rate::Abr { kbps: 64 }, 1),
    ("vbr_96", Rate::Abr { kbps: 96 }, 2),
    ("vbr_160", Rate::Abr { kbps: 160 }, 2),
    ("cbr_64", Rate::Cbr { kbps: 64 }, 2),
    ("cbr_96", Rate::Cbr { kbps: 96 }, 2),
];

fn main() {
    reelmill_media::become_child_if_asked();
    let mut arguments = Arguments::from_args();
    arguments.test_threads = Some(1);
    let corpus = std::env::var_os("REELMILL_CORPUS").map(PathBuf::from);
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    let lack = match &corpus {
        None => Some("REELMILL_CORPUS is not set"),
        Some(_) if cores < 2 => Some("there is one core"),
        Some(_) => None,
    };
    let is_ignored = lack.is_some() && std::env::var_os("REELMILL_TEST_ALL").is_none();
    let is_soak = std::env::var_os("REELMILL_SOAK").is_some();
    let mut trials = Vec::new();
    for (number, piece) in PIECES.into_iter().enumerate() {
        let path = corpus.clone().unwrap_or_default().join(piece);
        let stem = Path::new(piece).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        for (name, rate) in MP3_RATES {
            let path = path.clone();
            let run = move || case(&path, &Target { rate: Some(rate), ..target(Format::Mp3) });
            trials.push(Trial::test(format!("{stem}_at_{name}_has_no_audible_seam"), run));
        }
        let is_own = |setting: usize| is_soak || (setting + number).is_multiple_of(2);
        let settings = OPUS_RATES.into_iter().enumerate().filter(|(setting, _)| is_own(*setting));
        for (_, (name, rate, channels)) in settings {
            let path = path.clone();
            let wish = Target { rate: Some(rate), channels: Some(channels), ..target(Format::Opus) };
            let wish = Target { sample_rate_hz: Some(48_000), ..wish };
            let run = move || case(&path, &wish);
            trials.push(Trial::test(format!("{stem}_in_opus_at_{name}_has_no_audible_seam"), run));
        }
    }
    let of_corpus = |trial: Trial| trial.with_ignored_flag(is_ignored).with_kind(lack.unwrap_or("corpus"));
    let mut trials: Vec<Trial> = trials.into_iter().map(of_corpus).collect();
    trials.extend(ends::trials());
    libtest_mimic::run(&arguments, trials).exit();
}

fn target(format: Format) -> Target {
    Target { end_ms: Some(MILLISECONDS), copy: false, tags: false, ..Target::new(format) }
}

fn case(piece: &Path, target: &Target) -> Result<(), Failed> {
    let control =
        |threads| Control::silent().with_engines(Engines::find()).with_threads(NonZeroUsize::new(threads));
    let wave = |rate_hz| wave(rate_hz, target.channels);
    let (_, original) = mill_file(piece, &wave(target.sample_rate_hz), &control(1))?;
    let rate_hz = target.sample_rate_hz.or(mp3_rate(&original));
    let original = if rate_hz == target.sample_rate_hz {
        original
    } else {
        mill_file(piece, &wave(rate_hz), &control(1))?.1
    };
    let target = Target { sample_rate_hz: rate_hz, ..target.clone() };
    let (alone, serial) = mill_file(piece, &target, &control(1))?;
    let (report, spread) = mill_file(piece, &target, &control(0))?;
    #[expect(clippy::cast_precision_loss, reason = "a few megabytes")]
    let size = spread.len() as f64 / serial.len() as f64;
    let (_, heard) = mill_bytes(&spread, &wave(None), &control(1))?;
    let (_, heard_alone) = mill_bytes(&serial, &wave(None), &control(1))?;
    ensure(alone.seams.is_empty(), || "a serial encode has seams".into())?;
    ensure(!report.seams.is_empty(), || "it was encoded serially".into())?;
    ensure(heard.len() == original.len() && heard_alone.len() == original.len(), || {
        format!("{} bytes of sound became {}, serially {}", original.len(), heard.len(), heard_alone.len())
    })?;
    let serial = Noise::of(&original, &heard_alone);
    let spread = Noise::of(&original, &heard);
    let verdict = spread.at_seams(&serial, &report.seams);
    println!("  {verdict} size {:+.3} %", (size - 1.0) * 100.0);
    ensure((size - 1.0).abs() < 0.01, || format!("the size is {size} of the serial one"))?;
    ensure(verdict.holds, || verdict.to_string())
}

/// A rate to resample to where MP3 has not the piece's own.
fn mp3_rate(wave: &[u8]) -> Option<u32> {
    let rate_hz = u32::from_le_bytes(wave[granules::RATE_OFFSET..][..4].try_into().unwrap_or_default());
    (rate_hz > 48_000).then_some(48_000)
}

/// Linear samples at 24 bits, stereo unless it is to be mono.
fn wave(rate_hz: Option<u32>, channels: Option<u8>) -> Target {
    let channels = channels.or(Some(2));
    Target { bits_per_sample: Some(24), channels, sample_rate_hz: rate_hz, ..target(Format::Wav) }
}

fn mill_file(path: &Path, target: &Target, control: &Control) -> Result<(Report, Vec<u8>), Failed> {
    let source = FileSource::open(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut sink = VecSink::new();
    let name = path.to_str();
    let report =
        convert(Box::new(source), name, target, &mut sink, control).map_err(|error| error.to_string())?;
    Ok((report, sink.into_bytes()))
}

fn mill_bytes(coded: &[u8], wave: &Target, control: &Control) -> Result<(Report, Vec<u8>), Failed> {
    let file = tempfile::NamedTempFile::new().map_err(|error| error.to_string())?;
    std::fs::write(file.path(), coded).map_err(|error| error.to_string())?;
    mill_file(file.path(), wave, control)
}

fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), Failed> {
    if holds { Ok(()) } else { Err(otherwise().into()) }
}
