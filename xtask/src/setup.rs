//! Installs what the tests need, as far as it is missing, and says what could not be had.
//!
//! Each thing is a step of its own that first looks whether it is done, so that a second run takes a second. What cannot
//! be had is no failure, since most tests run without it: the tests that need it show themselves as ignored. With
//! `REELMILL_TEST_ALL=1` it is one.

use std::ffi::OsString;
use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::binaries::BINARIES;
use crate::corpus;
use crate::debian::{Apt, NEEDS};
use crate::grpc;
use crate::npm;
use crate::origins::ORIGINS;
use crate::place::Place;
use crate::program::found;
use crate::python::ENVIRONMENTS;
use crate::servers;
use crate::table;
use crate::ytdlp;

/// One thing that the tests need.
pub(crate) struct Step {
    /// What it is.
    pub(crate) name: String,
    /// How it stands now.
    pub(crate) state: State,
    took: Duration,
}

/// How one thing stands after set-up.
pub(crate) enum State {
    /// It was there.
    Present,
    /// It was installed now.
    Installed,
    /// It could not be had, for this reason.
    Missing(String),
}

/// `cargo xtask setup`.
pub(crate) fn command(place: &Place) -> Result<bool> {
    let steps = run(place)?;
    show(&steps);
    println!("{} media files in {}", corpus::write_manifest(place)?, place.corpus().display());
    Ok(!must_have_all() || steps.iter().all(|step| !matches!(step.state, State::Missing(_))))
}

/// Whether the tests may leave nothing out.
pub(crate) fn must_have_all() -> bool {
    std::env::var_os("REELMILL_TEST_ALL").is_some_and(|value| value == "1")
}

/// Takes every step.
pub(crate) fn run(place: &Place) -> Result<Vec<Step>> {
    fs::create_dir_all(place.corpus())
        .with_context(|| format!("cannot make {}", place.corpus().display()))?;
    let apt = Apt::default();
    let mut steps = Vec::new();
    for need in &NEEDS {
        steps.push(step(need.package, need.present, || apt.install(need.package)));
    }
    for binary in &BINARIES {
        steps.push(step(binary.package, || binary.is_present(), || binary.install()));
    }
    steps.push(step("Node.js packages", || npm::TESTS.are_there(place), || npm::TESTS.install(place)));
    steps.push(step("yt-dlp", || ytdlp::is_present(place), || ytdlp::install(place)));
    steps.push(step("grpcio", || grpc::is_there(place), || grpc::install(place)));
    for environment in &ENVIRONMENTS {
        let install = || environment.install(place);
        steps.push(step(environment.name, || environment.is_there(place), install));
    }
    let dynamodb = || servers::install_dynamodb(place, &apt);
    steps.push(step("DynamoDB Local", || servers::has_dynamodb(place), dynamodb));
    steps.push(step("Pub/Sub emulator", servers::has_pubsub, servers::install_pubsub));
    for origin in &ORIGINS {
        let gather = || corpus::gather(place, origin, &apt);
        steps.push(step(&format!("media of {}", origin.name), || corpus::is_gathered(place, origin), gather));
    }
    corpus::write_manifest(place)?;
    Ok(steps)
}

/// Prints what was installed and what is missing; what was there needs no word.
pub(crate) fn show(steps: &[Step]) {
    let mut rows = Vec::new();
    for step in steps {
        match &step.state {
            State::Present => {}
            State::Installed => {
                rows.push(vec![step.name.clone(), "installed".into(), table::seconds(step.took)]);
            }
            State::Missing(reason) => rows.push(vec![step.name.clone(), "missing".into(), reason.clone()]),
        }
    }
    table::print("Set-up", &["thing", "state", ""], &rows);
}

/// The variables that tell tests what is on this machine; one whose thing is missing is left out.
pub(crate) fn environment(place: &Place) -> Vec<(&'static str, OsString)> {
    let folder_of_ffmpeg = found("ffmpeg").and_then(|path| path.parent().map(PathBuf::from));
    let manifest = place.corpus().join("manifest.json");
    let variables = [
        ("REELMILL_CORPUS", manifest.is_file().then(|| place.corpus())),
        ("REELMILL_FFMPEG_DIR", folder_of_ffmpeg),
        ("REELMILL_SOX", found("sox")),
        ("REELMILL_CHROMIUM", found("chromium")),
        ("REELMILL_NODE", found("node")),
        ("REELMILL_NODE_MODULES", npm::TESTS.are_there(place).then(|| npm::TESTS.modules(place))),
        ("REELMILL_YTDLP", ytdlp::is_present(place).then(|| ytdlp::program(place))),
        ("REELMILL_GRPC_PYTHON", grpc::is_there(place).then(|| grpc::python(place))),
        ("REELMILL_SCRATCH", Some(place.scratch())),
        ("REELMILL_IGNORED_DIR", Some(place.ignored())),
    ];
    let here = variables.into_iter().filter_map(|(name, value)| Some((name, value?.into_os_string())));
    here.chain(servers::environment(place)).collect()
}

fn step(name: &str, is_there: impl Fn() -> bool, install: impl FnOnce() -> Result<()>) -> Step {
    let began = Instant::now();
    let state = if is_there() {
        State::Present
    } else {
        println!("installing {name}");
        match install() {
            Ok(()) if is_there() => State::Installed,
            Ok(()) => State::Missing("it was installed and still cannot be found".into()),
            Err(error) => State::Missing(format!("{error:#}")),
        }
    };
    Step { name: name.into(), state, took: began.elapsed() }
}
