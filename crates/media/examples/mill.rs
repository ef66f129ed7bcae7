//! Converts one file on one core, on all, and, where asked, by ffmpeg, in turns, and compares time, CPU and size.
//!
//! `cargo run --release -p reelmill-media --example mill -- IN OUT.mp3 [--kbps N | --quality N] [--rounds N] [--ffmpeg
//! PROGRAM]`. Rounds are interleaved, and ratios are medians of a round's ratios, so that a busy moment cannot favour
//! one side. With `--once THREADS` (0 for as many as are idle) it converts once and says nothing.

use std::num::NonZeroUsize;
use std::process::{Command, Stdio};
use std::time::Instant;

use reelmill_media::{Control, Engines, FileSink, FileSource, Format, Rate, Target, convert};

struct Wish {
    from: String,
    to: String,
    rate: Option<Rate>,
    rounds: usize,
    ffmpeg: Option<String>,
    once: Option<usize>,
}

/// Seconds by the clock, CPU seconds, peak memory in MiB, bytes.
#[derive(Clone, Copy)]
struct Cost {
    wall: f64,
    cpu: f64,
    memory: f64,
    bytes: f64,
}

fn main() {
    reelmill_media::become_child_if_asked();
    let wish = wish();
    if let Some(threads) = wish.once {
        return once(&wish, threads);
    }
    let mut sides = vec![("serial", "1".to_owned()), ("parallel", "0".to_owned())];
    if let Some(program) = &wish.ffmpeg {
        sides.push(("ffmpeg", program.clone()));
    }
    let mut costs: Vec<Vec<Cost>> = vec![Vec::new(); sides.len()];
    for _ in 0..wish.rounds {
        for ((_, how), costs) in sides.iter().zip(&mut costs) {
            costs.push(run(&wish, how));
        }
    }
    println!(
        "{:10} {:>8} {:>8} {:>8} {:>10}   of serial: wall, CPU, size",
        "", "wall s", "CPU s", "MiB", "bytes"
    );
    for ((name, _), of) in sides.iter().zip(&costs) {
        let plain = |pick: fn(&Cost) -> f64| median(of.iter().map(pick).collect());
        let ratio = |pick: fn(&Cost) -> f64| {
            median(of.iter().zip(&costs[0]).map(|(one, serial)| pick(one) / pick(serial)).collect())
        };
        println!(
            "{name:10} {:8.3} {:8.3} {:8.1} {:10.0}   {:.3} {:.3} {:.4}",
            plain(|cost| cost.wall),
            plain(|cost| cost.cpu),
            plain(|cost| cost.memory),
            plain(|cost| cost.bytes),
            ratio(|cost| cost.wall),
            ratio(|cost| cost.cpu),
            ratio(|cost| cost.bytes)
        );
    }
}

fn wish() -> Wish {
    let mut words = std::env::args().skip(1);
    let mut plain = Vec::new();
    let mut wish =
        Wish { from: String::new(), to: String::new(), rate: None, rounds: 5, ffmpeg: None, once: None };
    while let Some(word) = words.next() {
        let mut value = || words.next().unwrap_or_else(|| panic!("{word} wants a value"));
        let number = |value: String| value.parse::<u16>().unwrap_or_else(|_| panic!("{value} is no number"));
        match word.as_str() {
            "--kbps" => wish.rate = Some(Rate::Cbr { kbps: number(value()) }),
            "--abr" => wish.rate = Some(Rate::Abr { kbps: number(value()) }),
            "--quality" => {
                wish.rate = Some(Rate::Vbr { quality: u8::try_from(number(value())).unwrap_or(9) });
            }
            "--rounds" => wish.rounds = usize::from(number(value())),
            "--ffmpeg" => wish.ffmpeg = Some(value()),
            "--once" => wish.once = Some(usize::from(number(value()))),
            _ => plain.push(word),
        }
    }
    let [from, to] = <[String; 2]>::try_from(plain).unwrap_or_else(|_| panic!("an input and an output"));
    Wish { from, to, ..wish }
}

fn once(wish: &Wish, threads: usize) {
    let format = wish.to.rsplit('.').next().and_then(Format::from_name).unwrap_or(Format::Mp3);
    let target = Target { rate: wish.rate, copy: false, ..Target::new(format) };
    let source = FileSource::open(&wish.from).unwrap_or_else(|error| panic!("{}: {error}", wish.from));
    let mut sink = FileSink::create(&wish.to).unwrap_or_else(|error| panic!("{}: {error}", wish.to));
    let control = Control::silent().with_engines(Engines::find()).with_threads(NonZeroUsize::new(threads));
    let done = convert(Box::new(source), Some(&wish.from), &target, &mut sink, &control);
    done.unwrap_or_else(|error| panic!("{}: {error}", wish.from));
    sink.into_file().unwrap_or_else(|error| panic!("{}: {error}", wish.to));
}

/// One side, as a process of its own: GNU time tells what it cost.
fn run(wish: &Wish, how: &str) -> Cost {
    let mut words = vec!["-f".to_owned(), "%U %S %M".to_owned()];
    if how.parse::<usize>().is_ok() {
        let this = std::env::current_exe().unwrap_or_else(|error| panic!("{error}"));
        words.push(this.to_string_lossy().into_owned());
        words.extend([wish.from.clone(), wish.to.clone(), "--once".into(), how.to_owned()]);
        words.extend(match wish.rate {
            Some(Rate::Cbr { kbps }) => vec!["--kbps".to_owned(), kbps.to_string()],
            Some(Rate::Abr { kbps }) => vec!["--abr".to_owned(), kbps.to_string()],
            Some(Rate::Vbr { quality }) => vec!["--quality".to_owned(), quality.to_string()],
            None => Vec::new(),
        });
    } else {
        words.push(how.to_owned());
        words.extend(["-v", "error", "-nostdin", "-y", "-i", &wish.from, "-vn"].map(str::to_owned));
        words.extend(match wish.rate {
            Some(Rate::Cbr { kbps }) => vec!["-b:a".to_owned(), format!("{kbps}k")],
            Some(Rate::Abr { kbps }) => {
                vec!["-abr".to_owned(), "1".into(), "-b:a".into(), format!("{kbps}k")]
            }
            Some(Rate::Vbr { quality }) => vec!["-q:a".to_owned(), quality.to_string()],
            None => Vec::new(),
        });
        words.push(wish.to.clone());
    }
    let start = Instant::now();
    let done = Command::new("time").args(&words).stdout(Stdio::null()).output();
    let wall = start.elapsed().as_secs_f64();
    let done = done.unwrap_or_else(|error| panic!("GNU time: {error}"));
    let told = String::from_utf8_lossy(&done.stderr).into_owned();
    assert!(done.status.success(), "{how}: {told}");
    let numbers: Vec<f64> =
        told.lines().last().unwrap_or_default().split(' ').filter_map(|word| word.parse().ok()).collect();
    let [user, system, memory] = numbers[..] else { panic!("GNU time says {told}") };
    #[expect(clippy::cast_precision_loss, reason = "a size for display")]
    let bytes = std::fs::metadata(&wish.to).map_or(0, |file| file.len()) as f64;
    Cost { wall, cpu: user + system, memory: memory / 1024.0, bytes }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}
