//! Drives the confined children for real: this program's own `main` plays them.
//!
//! Started with `deed`, it confines itself or not and then tries something that a child must not do; each
//! deed is shown to work when it is free, so that its failure in confinement means something.

mod aac;
mod deeds;
mod foreign;
mod hostile;
mod lives;
mod opus;
mod sandbox;
mod sound;

use std::path::PathBuf;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() {
    reelmill_media::become_child_if_asked();
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("deed") => deeds::play(words),
        Some("parent") => lives::play_parent(),
        _ => {}
    }
    let arguments = Arguments::from_args();
    let is_ready = has_ffmpeg() || std::env::var_os("REELMILL_TEST_ALL").is_some();
    let trials = [
        sandbox::trials(),
        opus::trials(),
        hostile::trials(),
        lives::trials(),
        aac::trials(is_ready),
        foreign::trials(is_ready),
    ];
    libtest_mimic::run(&arguments, trials.into_iter().flatten().collect()).exit();
}

/// Makes a case of a function that tells what is wrong.
fn trial(name: &str, run: impl FnOnce() -> Result<(), String> + Send + 'static) -> Trial {
    Trial::test(name, move || run().map_err(Failed::from))
}

/// Fails with a sentence unless something holds.
fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Result<(), String> {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Looks without starting it: every case of this program may run in a process of its own.
fn has_ffmpeg() -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    ["ffmpeg", "ffprobe"]
        .iter()
        .all(|tool| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file()))
}

fn this_program() -> Result<PathBuf, String> {
    std::env::current_exe().map_err(|why| why.to_string())
}
