//! What this program does when it is started as a child of itself.
//!
//! The first argument tells; it is looked at before anything else, so that nothing has been opened or
//! started yet. A role first ties its life to the parent's, then gives up its rights, and only then reads.

use std::convert::Infallible;
use std::ffi::{OsStr, OsString};
use std::io::Write as _;
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use super::confine::{self, Allowance};
use super::wire;

/// The first argument of a child; no command of any program is called so.
const CALL: &str = "__reelmill-child";
/// What a child ends with that could not begin.
pub(super) const CANNOT_START: i32 = 125;

/// Whether this program offered to be a child.
static OFFERED: AtomicBool = AtomicBool::new(false);

/// Turns the process into a confined child if it was started as one, and then never returns.
///
/// To be called first thing in `main`: a child must not have opened or started anything. Where it is not
/// called, [`Engines::find`](super::Engines::find) finds no child, since any other program would not know
/// what is wanted of it.
pub fn become_child_if_asked() {
    let mut arguments = std::env::args_os().skip(1);
    if arguments.next().as_deref() != Some(OsStr::new(CALL)) {
        OFFERED.store(true, Ordering::Relaxed);
        return;
    }
    let code = match play(arguments) {
        Ok(()) => 0,
        Err(why) => {
            // The parent reads this; if it is gone, nobody does.
            let _ = writeln!(std::io::stderr(), "{why}");
            CANNOT_START
        }
    };
    std::process::exit(code)
}

/// The running program, if it offered itself.
pub(super) fn of_this_program() -> Option<PathBuf> {
    if !OFFERED.load(Ordering::Relaxed) {
        return None;
    }
    // The link of the kernel's stays right while the file itself is replaced by a newer version.
    let running = PathBuf::from("/proc/self/exe");
    if running.exists() { Some(running) } else { std::env::current_exe().ok() }
}

/// The command that makes `program` play a role.
pub(super) fn command(program: &Path, role: &str, arguments: Vec<OsString>) -> Command {
    let mut command = Command::new(program);
    command.arg0("reelmill").arg(CALL).arg(role).arg(std::process::id().to_string()).args(arguments);
    command
}

fn play(mut arguments: impl Iterator<Item = OsString>) -> Result<(), String> {
    let role = arguments.next().unwrap_or_default();
    let parent = number(arguments.next())?;
    confine::belong_to(parent)?;
    match role.to_str() {
        Some("check") => {
            let told = confine::confine_for_decoding()?;
            print!("{told}");
            Ok(())
        }
        Some("opus") => {
            confine::confine_for_decoding()?;
            wire::answer()
        }
        Some("run") => run(arguments).map(|never| match never {}),
        _ => Err(format!("no role is called {}", role.display())),
    }
}

/// Becomes another program within an allowance: `cpu-seconds data-bytes readable… -- program arguments…`.
fn run(mut arguments: impl Iterator<Item = OsString>) -> Result<Infallible, String> {
    let cpu_seconds = number(arguments.next())?;
    let data_bytes = number(arguments.next())?;
    let readable = arguments.by_ref().take_while(|path| path != "--").map(PathBuf::from).collect();
    let program = PathBuf::from(arguments.next().unwrap_or_default());
    let allowance = Allowance { cpu_seconds, data_bytes, readable };
    confine::confine_for_running(&program, &allowance)?;
    Err(format!("{} does not start: {}", program.display(), Command::new(&program).args(arguments).exec()))
}

fn number(argument: Option<OsString>) -> Result<u64, String> {
    let argument = argument.unwrap_or_default();
    argument
        .to_str()
        .and_then(|digits| digits.parse().ok())
        .ok_or_else(|| format!("no number: {}", argument.display()))
}
