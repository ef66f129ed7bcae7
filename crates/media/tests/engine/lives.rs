//! How long a child lives: not longer than its parent or its decoder, but longer than one thread.

use std::io::{BufRead as _, BufReader};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use libtest_mimic::Trial;
use reelmill_media::{Control, Decoded, OpusDecoder};
use rustix::process::Pid;

use crate::opus::start;
use crate::sound::{self, STEREO};
use crate::{ensure, this_program, trial};

pub(crate) fn trials() -> Vec<Trial> {
    vec![
        trial("a_child_that_looks_at_no_pipe_dies_with_its_parent", with_parent),
        trial("a_child_outlives_the_thread_that_wanted_it", beyond_thread),
        trial("dropping_a_decoder_ends_and_reaps_its_child", dropped),
        trial("a_child_knows_nothing_of_the_environment_and_the_open_files", bare),
    ]
}

/// Starts a child that looks at none of its pipes, and holds it until it is killed itself.
pub(crate) fn play_parent() -> ! {
    let own_id = std::process::id().to_string();
    let endless = ["--", "/bin/sh", "-c", "while :; do :; done"];
    let child = this_program().map(|program| {
        Command::new(program)
            .args(["__reelmill-child", "run", &own_id, "60", "1000000000"])
            .args(endless)
            .spawn()
    });
    println!("{}", if matches!(child, Ok(Ok(_))) { "ready" } else { "failed" });
    loop {
        std::thread::park();
    }
}

fn with_parent() -> Result<(), String> {
    let mut parent = Command::new(this_program()?)
        .arg("parent")
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|why| why.to_string())?;
    let mut line = String::new();
    if let Some(output) = parent.stdout.take() {
        BufReader::new(output).read_line(&mut line).map_err(|why| why.to_string())?;
    }
    let child = wait_for("the child of a parent", || {
        let child = children_of(parent.id()).first().copied()?;
        status(child.as_raw_nonzero().get())?.starts_with("Name:\tsh\n").then_some(child)
    })?;
    parent.kill().and_then(|()| parent.wait()).map_err(|why| why.to_string())?;
    ensure(line == "ready\n", || format!("the parent says {line:?}"))?;
    wait_for("the end of the child", || (!is_alive(child)).then_some(()))
}

fn beyond_thread() -> Result<(), String> {
    let hear = |decoder: &mut OpusDecoder| {
        let packet = &sound::encode(&STEREO, 1)[0];
        let answer = decoder.decode(packet).map_err(|why| why.to_string())?;
        ensure(matches!(answer, Decoded::Samples(samples) if !samples.is_empty()), || format!("{answer:?}"))
    };
    // Its first answer shows that it has tied its life to something by now.
    let begin = move || {
        let mut decoder = start(&STEREO, &Control::silent())?;
        hear(&mut decoder).map(|()| decoder)
    };
    let mut decoder = std::thread::spawn(begin).join().map_err(|_| "the thread panicked")??;
    hear(&mut decoder)
}

fn dropped() -> Result<(), String> {
    // Other cases run beside this one in the same process, so a name of its own is looked for.
    let before = children_of(std::process::id());
    let decoder = start(&STEREO, &Control::silent())?;
    let new: Vec<Pid> =
        children_of(std::process::id()).into_iter().filter(|child| !before.contains(child)).collect();
    ensure(!new.is_empty(), || "no child is to be seen".into())?;
    drop(decoder);
    wait_for("the reaping of the child", || new.iter().any(|&child| !exists(child)).then_some(()))
}

fn bare() -> Result<(), String> {
    // Inheritable on purpose: what a careless parent might have left open.
    let file = std::fs::File::open("/etc/hostname").map_err(|why| why.to_string())?;
    rustix::io::fcntl_setfd(&file, rustix::io::FdFlags::empty()).map_err(|why| why.to_string())?;
    let before = children_of(std::process::id());
    let mut decoder = start(&STEREO, &Control::silent())?;
    let packet = &sound::encode(&STEREO, 1)[0];
    decoder.decode(packet).map_err(|why| why.to_string())?;
    let mut seen = 0;
    for child in children_of(std::process::id()).into_iter().filter(|child| !before.contains(child)) {
        let about = |what: &str| std::fs::read(format!("/proc/{}/{what}", child.as_raw_nonzero()));
        let Ok(environment) = about("environ") else { continue };
        ensure(environment.is_empty(), || String::from_utf8_lossy(&environment).into_owned())?;
        let Ok(open) = std::fs::read_dir(format!("/proc/{}/fd", child.as_raw_nonzero())) else { continue };
        let open: Vec<_> = open.filter_map(Result::ok).map(|entry| entry.file_name()).collect();
        ensure(open.len() <= 3, || format!("{open:?} are open"))?;
        seen += 1;
    }
    ensure(seen > 0, || "no child could be looked at; only root may".into())
}

pub(crate) fn children_of(parent: u32) -> Vec<Pid> {
    let Ok(processes) = std::fs::read_dir("/proc") else { return Vec::new() };
    processes
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<i32>().ok())
        .filter(|process| {
            status(*process).is_some_and(|status| status.contains(&format!("\nPPid:\t{parent}\n")))
        })
        .filter_map(Pid::from_raw)
        .collect()
}

fn exists(process: Pid) -> bool {
    status(process.as_raw_nonzero().get()).is_some()
}

/// Whether it runs or is stopped; whoever inherits it may be slow to reap it.
fn is_alive(process: Pid) -> bool {
    status(process.as_raw_nonzero().get()).is_some_and(|status| !status.contains("\nState:\tZ"))
}

fn status(process: i32) -> Option<String> {
    std::fs::read_to_string(format!("/proc/{process}/status")).ok()
}

fn wait_for<T>(what: &str, look: impl Fn() -> Option<T>) -> Result<T, String> {
    let since = Instant::now();
    while since.elapsed() < Duration::from_secs(5) {
        if let Some(found) = look() {
            return Ok(found);
        }
        std::thread::yield_now();
    }
    Err(format!("{what} is not seen"))
}
