//! `cargo xtask fuzz`: every fuzz target for a while, two side by side, with the compiler that everything is built with.
//!
//! The targets are laid out for cargo-fuzz, and run under it where it is installed. It wants a nightly compiler for the
//! sanitizers alone: coverage comes from flags that a stable one takes, and the fuzzer from a C++ compiler. What a run
//! finds is kept under the target folder for the next one; the seeds in `fuzz/corpus` stay as they are.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::cases::{Case, Outcome};
use crate::place::Place;
use crate::program::{Program, found};
use crate::table;

/// What cargo-fuzz has the compiler do, but for the sanitizer.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares";
/// How many targets run at a time.
const SIDE_BY_SIDE: usize = 2;
/// What one input may take: a seed takes a hundredth of it, on a machine with better things to do.
const INPUT_LIMIT_S: u32 = 10;
/// What a target may take in all, the fuzzer's own corpus among it.
const MEMORY_LIMIT_MIB: u32 = 512;
/// Twice the longest seed.
const LENGTH_LIMIT_BYTES: u32 = 32 * 1024;
/// In `cargo xtask test`.
pub(crate) const SHORT: Duration = Duration::from_secs(20);

/// `cargo xtask fuzz [TARGET] [--minutes N]`; whether nothing was found.
pub(crate) fn command(place: &Place, words: &[&str]) -> Result<bool> {
    let (target, minutes) = match words {
        [] => (None, None),
        ["--minutes", minutes] => (None, Some(minutes)),
        [target] => (Some(*target), None),
        [target, "--minutes", minutes] => (Some(*target), Some(minutes)),
        _ => bail!("fuzz takes a target and --minutes N"),
    };
    let each = match minutes {
        None => SHORT,
        Some(minutes) => {
            let number: u64 =
                minutes.parse().with_context(|| format!("`{minutes}` is no number of minutes"))?;
            Duration::from_secs(60 * number)
        }
    };
    let mut cases = run(place, target, each)?;
    let green = cases.iter().all(|case| matches!(case.outcome, Outcome::Passed));
    let row = |case: Case| {
        let outcome = match case.outcome {
            Outcome::Passed => "nothing found".to_owned(),
            Outcome::Failed => "FAILED".to_owned(),
            Outcome::Ignored(reason) => reason,
        };
        vec![case.name, outcome]
    };
    table::print("Fuzz", &["target", "result"], &cases.drain(..).map(row).collect::<Vec<_>>());
    Ok(green)
}

/// Runs every target, or one, for as long as `each`; a machine without a C++ compiler leaves them all out.
pub(crate) fn run(place: &Place, only: Option<&str>, each: Duration) -> Result<Vec<Case>> {
    let mut targets = targets(&place.root)?;
    if let Some(only) = only {
        targets.retain(|target| target == only);
        if targets.is_empty() {
            bail!("no fuzz target is called `{only}`");
        }
    }
    if found("g++").or_else(|| found("c++")).is_none() {
        let reason = "the fuzzer is C++, and there is no compiler for it";
        return Ok(targets.into_iter().map(|name| case(name, Outcome::Ignored(reason.into()))).collect());
    }
    let fuzzer = Fuzzer::build(place)?;
    let waiting = Mutex::new(targets.into_iter());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    let work = || -> Result<Vec<Case>> {
        let mut cases = Vec::new();
        while let Some(target) = next() {
            let outcome = if fuzzer.run(&target, each)? { Outcome::Passed } else { Outcome::Failed };
            cases.push(case(target, outcome));
        }
        Ok(cases)
    };
    let done: Vec<_> = thread::scope(|scope| {
        let threads: Vec<_> = (0..SIDE_BY_SIDE).map(|_| scope.spawn(work)).collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut cases = Vec::new();
    for done in done {
        match done {
            Ok(some) => cases.extend(some?),
            Err(_) => bail!("the thread that runs fuzz targets panicked"),
        }
    }
    cases.sort_by(|one, other| one.name.cmp(&other.name));
    Ok(cases)
}

fn case(name: String, outcome: Outcome) -> Case {
    Case::outside_nextest("fuzz", name, outcome)
}

/// The names of the targets, which are those of their sources.
fn targets(root: &Path) -> Result<Vec<String>> {
    let folder = root.join("fuzz/fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))?;
    let name = |path: PathBuf| Some(path.file_stem()?.to_str()?.to_owned());
    let mut targets: Vec<String> = entries.filter_map(|entry| name(entry.ok()?.path())).collect();
    targets.sort();
    Ok(targets)
}

/// The built targets.
struct Fuzzer<'a> {
    place: &'a Place,
    programs: PathBuf,
}

impl<'a> Fuzzer<'a> {
    /// Builds all targets beside everything else, since no flag is the same.
    fn build(place: &'a Place) -> Result<Self> {
        let said = Program::new("rustc").args(["-vV"]).text()?;
        let machine = said.lines().find_map(|line| line.strip_prefix("host: "));
        let machine = machine.context("rustc does not say what it compiles for")?;
        let target = place.fuzz().join("build");
        let began = Instant::now();
        // With a machine named, the flags stay away from build scripts and macros.
        let built = Program::new("cargo")
            .args(["build", "--locked", "--release", "--bins", "--target", machine])
            .env("CARGO_TARGET_DIR", &target)
            .env("RUSTFLAGS", COVERAGE)
            .within(&place.root.join("fuzz"))
            .run()?;
        if !built {
            bail!("the fuzz targets do not build");
        }
        println!("built in {}", table::seconds(began.elapsed()));
        Ok(Self { place, programs: target.join(machine).join("release") })
    }

    /// Runs one target; whether it found nothing. What it says is shown where it did.
    fn run(&self, target: &str, each: Duration) -> Result<bool> {
        let [finds, crashes] = ["corpus", "crashes"].map(|kind| self.place.fuzz().join(kind).join(target));
        for folder in [&finds, &crashes] {
            fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))?;
        }
        let limits = [
            format!("-max_total_time={}", each.as_secs()),
            format!("-timeout={INPUT_LIMIT_S}"),
            format!("-rss_limit_mb={MEMORY_LIMIT_MIB}"),
            format!("-max_len={LENGTH_LIMIT_BYTES}"),
            format!("-artifact_prefix={}/", crashes.display()),
            "-print_final_stats=1".to_owned(),
        ];
        let output = Program::new(self.programs.join(target))
            .args(&limits)
            // New inputs go to the first folder.
            .args([&finds, &self.place.root.join("fuzz/corpus").join(target)])
            .output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        if output.status.success() {
            println!("{target}: {}", summary(&said));
        } else {
            println!("{target} failed; the input is in {}:\n{said}", crashes.display());
        }
        Ok(output.status.success())
    }
}

/// How much a run did, of what libFuzzer says at its end.
fn summary(said: &str) -> String {
    let stat = |name: &str| {
        let value = said.lines().find_map(|line| line.strip_prefix("stat::")?.strip_prefix(name));
        value.map_or("?", |value| value.trim_start_matches(':').trim())
    };
    let coverage = said.lines().rev().find_map(|line| line.split_once(" cov: ")?.1.split(' ').next());
    format!(
        "{} inputs, {} of them new, {} places reached, {} MiB",
        stat("number_of_executed_units"),
        stat("new_units_added"),
        coverage.unwrap_or("?"),
        stat("peak_rss_mb"),
    )
}

#[cfg(test)]
mod tests {
    use super::summary;

    #[test]
    fn a_runs_end_says_how_much_it_did() {
        let said = "#9\tINITED cov: 812 ft: 900\n#99\tDONE   cov: 830 ft: 1187 corp: 9/15Kb\n\
            stat::number_of_executed_units: 99\nstat::new_units_added:          7\nstat::peak_rss_mb:  51\n";
        assert_eq!(summary(said), "99 inputs, 7 of them new, 830 places reached, 51 MiB");
    }
}
