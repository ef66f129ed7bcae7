//! What programs cost: seconds on the clock, seconds of CPU, and the most memory that one of them held.
//!
//! The kernel tells a process what its children have used once they are gone, all of them together. So each measurement
//! is a process of its own, this program once more: it starts what is measured and nothing else, and it is small, since
//! a child counts the memory of the process that it was started from as its own.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;
use std::time::Instant;

use anyhow::{Context, Result, bail};
use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeVal;
use serde_json::{Value, json};

use crate::program::Program;

/// By what this program knows that it is to measure.
pub(crate) const WORD: &str = "stopwatch";

/// A program and its arguments.
pub(crate) type Words = Vec<String>;

/// What a run took.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Spent {
    /// From the first start to the last end.
    pub(crate) wall_s: f64,
    /// Of all processes, in user and in kernel mode.
    pub(crate) cpu_s: f64,
    /// Resident, of the largest process.
    pub(crate) peak_mib: f64,
}

/// Runs `commands`, so many at a time, and says what they took together; one that fails is an error.
pub(crate) fn measure(commands: &[Words], slots: usize, scratch: &Path) -> Result<Spent> {
    let list = scratch.join("commands.json");
    fs::write(&list, serde_json::to_vec(commands)?)
        .with_context(|| format!("cannot write {}", list.display()))?;
    let itself = std::env::current_exe().context("cannot find this program")?;
    let said = Program::new(itself).args([WORD, &slots.to_string()]).args([&list]).text()?;
    let spent: Value = serde_json::from_str(&said).context("the stopwatch printed no JSON")?;
    let number = |name: &str| spent[name].as_f64().with_context(|| format!("the stopwatch told no {name}"));
    Ok(Spent { wall_s: number("wall_s")?, cpu_s: number("cpu_s")?, peak_mib: number("peak_mib")? })
}

/// The process that measures.
pub(crate) fn command(slots: &str, commands: &str) -> Result<bool> {
    let slots: usize = slots.parse().context("slots are a number")?;
    let text = fs::read(commands).with_context(|| format!("cannot read {commands}"))?;
    let commands: Vec<Words> = serde_json::from_slice(&text).context("the commands cannot be read")?;
    let began = Instant::now();
    run_all(&commands, slots)?;
    let wall_s = began.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN).context("the kernel does not tell what they used")?;
    let cpu_s = seconds(usage.user_time()) + seconds(usage.system_time());
    #[expect(clippy::cast_precision_loss, reason = "memory that a machine can have")]
    let peak_mib = usage.max_rss() as f64 / 1024.0;
    println!("{}", json!({ "wall_s": wall_s, "cpu_s": cpu_s, "peak_mib": peak_mib }));
    Ok(true)
}

fn run_all(commands: &[Words], slots: usize) -> Result<()> {
    let waiting = Mutex::new(commands.iter());
    let next = || waiting.lock().ok().and_then(|mut waiting| waiting.next());
    let work = || -> Result<()> {
        while let Some(words) = next() {
            run(words)?;
        }
        Ok(())
    };
    // With one slot there is nothing to share, and a thread would be counted too.
    if slots == 1 {
        return work();
    }
    thread::scope(|scope| {
        let threads: Vec<_> = (0..slots).map(|_| scope.spawn(work)).collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(done) => done,
            Err(_) => bail!("a slot panicked"),
        })
    })
}

fn run(words: &Words) -> Result<()> {
    let [program, arguments @ ..] = words.as_slice() else { bail!("a command without words") };
    let mut command = Command::new(program);
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::null());
    let status = command.status().with_context(|| format!("cannot start {program}"))?;
    if status.success() { Ok(()) } else { bail!("{program} ended with {status}") }
}

#[expect(clippy::cast_precision_loss, reason = "seconds that a measurement can take")]
fn seconds(time: TimeVal) -> f64 {
    time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6
}
