//! The confinement itself: every deed works free, and none of them in a child.

use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, Output};

use libtest_mimic::Trial;
use reelmill_media::Engines;

use crate::deeds::{FORBIDDEN_TO_ALL, FORBIDDEN_TO_THE_DECODER};
use crate::{ensure, this_program, trial};

pub(crate) fn trials() -> Vec<Trial> {
    let mut trials = vec![
        trial("what_the_kernel_enforces_is_told", told),
        trial("a_confined_process_can_still_end_well", || decoder("nothing", |out| out.status.success())),
        trial("a_running_program_keeps_threads_and_code", || {
            ["nothing", "thread", "code"].into_iter().try_for_each(|deed| runner(deed, true))
        }),
        trial("a_running_program_reads_what_it_is_allowed", readable),
        trial("a_running_program_is_ended_by_its_limits", limits),
    ];
    for deed in FORBIDDEN_TO_ALL.into_iter().chain(FORBIDDEN_TO_THE_DECODER) {
        trials.push(trial(&format!("the_decoder_dies_by::{deed}"), move || {
            // Memory runs out without a forbidden call: the allocator just has none to give.
            let died = |out: &Output| out.status.signal() == Some(libc::SIGSYS);
            let refused = |out: &Output| out.status.code() == Some(1);
            decoder(deed, |out| if deed == "memory" { refused(out) } else { died(out) })
        }));
    }
    for deed in FORBIDDEN_TO_ALL {
        trials.push(trial(&format!("a_running_program_is_refused::{deed}"), move || runner(deed, false)));
    }
    trials
}

fn told() -> Result<(), String> {
    let engines = Engines::find();
    let told = engines.confinement()?;
    ensure(told.contains("seccomp, ") && told.contains("landlock"), || told.to_owned())?;
    engines.opus_decoder()
}

fn decoder(deed: &str, is_right: impl Fn(&Output) -> bool) -> Result<(), String> {
    let free = run(&["deed", "free", deed])?;
    ensure(free.status.success(), || format!("it fails when it is free: {free:?}"))?;
    let confined = run(&["deed", "confined", deed])?;
    ensure(confined.stdout == b"confined\n" && is_right(&confined), || format!("{confined:?}"))
}

/// Runs a deed in the program that a child has become.
fn runner(deed: &str, is_allowed: bool) -> Result<(), String> {
    let free = run(&["deed", "free", deed])?;
    ensure(free.status.success(), || format!("it fails when it is free: {free:?}"))?;
    let this = this_program()?;
    let out = become_program(&[], &this.to_string_lossy(), &["deed", "free", deed])?;
    let expected = i32::from(!is_allowed);
    ensure(out.status.code() == Some(expected), || format!("{out:?}"))
}

fn readable() -> Result<(), String> {
    let folder = tempfile::tempdir().map_err(|why| why.to_string())?;
    let file = folder.path().join("scratch");
    std::fs::write(&file, "allowed").map_err(|why| why.to_string())?;
    let file = file.to_string_lossy();
    let closed = become_program(&[], "/bin/cat", &[&file])?;
    ensure(closed.stdout.is_empty() && !closed.status.success(), || format!("{closed:?}"))?;
    let open = become_program(&[&file], "/bin/cat", &[&file])?;
    ensure(open.stdout == b"allowed", || format!("{open:?}"))
}

fn limits() -> Result<(), String> {
    // One second of processor time; this shell would turn for ever.
    let out = become_program(&[], "/bin/sh", &["-c", "while :; do :; done"])?;
    ensure(matches!(out.status.signal(), Some(libc::SIGXCPU | libc::SIGKILL)), || format!("{out:?}"))
}

fn become_program(readable: &[&str], program: &str, arguments: &[&str]) -> Result<Output, String> {
    let own_id = std::process::id().to_string();
    let mut all = vec!["__reelmill-child", "run", &own_id, "1", "1000000000"];
    all.extend_from_slice(readable);
    all.extend(["--", program]);
    all.extend_from_slice(arguments);
    run(&all)
}

fn run(arguments: &[&str]) -> Result<Output, String> {
    Command::new(this_program()?).args(arguments).output().map_err(|why| why.to_string())
}
