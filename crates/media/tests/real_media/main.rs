//! Converts real files of every kind that is read, and lets ffmpeg judge the results.
//!
//! ffmpeg makes the sources, so that no media need lie in the repository, and checks what comes out: it
//! must play without a word, and have exactly as many frames as the source. Cases that need it are shown as
//! ignored where it is missing; with `REELMILL_TEST_ALL` set they fail instead.

mod cases;
mod chapters;
mod copies;
mod far;
mod ffmpeg;
mod hostile;
mod opus;
mod pairs;
mod ranges;
mod refusals;
mod second;
mod tags;

use libtest_mimic::{Arguments, Failed, Trial};
use reelmill_media::{Control, Engines};

fn main() {
    reelmill_media::become_child_if_asked();
    let arguments = Arguments::from_args();
    let is_ready = ffmpeg::is_installed() || std::env::var_os("REELMILL_TEST_ALL").is_some();
    let mut trials = refusals::without_ffmpeg();
    let needing = [
        cases::trials(),
        refusals::trials(),
        tags::trials(),
        chapters::trials(),
        hostile::trials(),
        opus::trials(),
        copies::trials(),
        ranges::trials(),
        far::trials(),
        second::trials(),
        pairs::trials(),
    ];
    trials.extend(needing.into_iter().flatten().map(|trial| {
        let kind = if is_ready { "ffmpeg" } else { "ffmpeg is not installed" };
        trial.with_kind(kind).with_ignored_flag(!is_ready)
    }));
    libtest_mimic::run(&arguments, trials).exit();
}

/// With all that this host has.
fn control() -> Control {
    Control::silent().with_engines(Engines::find())
}

/// Makes a case of a function that tells what is wrong.
fn trial(name: impl Into<String>, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

/// Fails with a sentence unless something holds.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}
