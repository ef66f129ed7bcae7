//! A child process that cannot outlive this one, with all that it starts.
//!
//! Linux could signal a child at its parent's death, but means the thread that started it, and tests start things on
//! threads that end. So a watcher beside each child reads from a pipe whose other end only this process holds: however
//! this process ends, the pipe does, and the watcher kills the child's process group and removes its folder.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rustix::process::{Pid, Signal, kill_process_group};

/// Turns itself into the program, with the watcher beside it.
const LIFELINE: &str = include_str!("lifeline.sh");

/// A running program and its descendants.
#[derive(Debug)]
pub(crate) struct Lifeline {
    child: Child,
}

impl Lifeline {
    /// Starts `program`, which says what it says into `log`; `folder` is removed should this process die.
    pub(crate) fn start(program: &Command, folder: &Path, log: &File) -> io::Result<Self> {
        let mut shell = Command::new("/bin/sh");
        shell.args(["-c", LIFELINE, "lifeline"]).arg(folder);
        shell.arg(program.get_program()).args(program.get_args());
        for (name, value) in program.get_envs() {
            match value {
                Some(value) => shell.env(name, value),
                None => shell.env_remove(name),
            };
        }
        shell.current_dir(program.get_current_dir().unwrap_or(folder));
        shell.stdin(Stdio::piped()).stdout(log.try_clone()?).stderr(log.try_clone()?);
        Ok(Self { child: shell.process_group(0).spawn()? })
    }

    /// How it ended, if it did.
    pub(crate) fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    fn group(&self) -> Option<Pid> {
        Pid::from_raw(i32::try_from(self.child.id()).ok()?)
    }
}

impl Drop for Lifeline {
    fn drop(&mut self) {
        // Before the leader is reaped its number cannot be anybody else's.
        if let Some(group) = self.group() {
            // A group that is gone already needs no kill.
            let _ = kill_process_group(group, Signal::KILL);
        }
        if let Some(mut pipe) = self.child.stdin.take() {
            // A watcher that is gone already has nothing to do.
            let _ = pipe.write_all(b"over\n");
        }
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::fs::File;
    use std::path::Path;
    use std::process::Command;
    use std::thread;
    use std::time::{Duration, Instant};

    use rustix::process::test_kill_process_group;

    use super::Lifeline;

    /// A shell with a child, as most servers have some.
    fn family(folder: &Path) -> Lifeline {
        let log = File::create(folder.join("log")).unwrap();
        let mut shell = Command::new("sh");
        shell.args(["-c", "sleep 1000 & sleep 1000"]);
        Lifeline::start(&shell, folder, &log).unwrap()
    }

    fn comes_true(what: impl Fn() -> bool) -> bool {
        let deadline = Instant::now() + Duration::from_secs(20);
        while !what() && Instant::now() < deadline {
            thread::yield_now();
        }
        what()
    }

    #[test]
    fn a_dropped_program_takes_its_children_along_and_leaves_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let lifeline = family(folder.path());
        let group = lifeline.group().unwrap();
        assert!(test_kill_process_group(group).is_ok());
        drop(lifeline);
        assert!(comes_true(|| test_kill_process_group(group).is_err()));
        assert!(folder.path().exists());
    }

    #[test]
    fn a_program_whose_keeper_died_goes_with_its_children_and_its_folder() {
        let folder = tempfile::tempdir().unwrap();
        let mut lifeline = family(folder.path());
        // All that a keeper's death does: its end of the pipe is closed.
        drop(lifeline.child.stdin.take());
        lifeline.child.wait().unwrap();
        assert!(comes_true(|| test_kill_process_group(lifeline.group().unwrap()).is_err()));
        assert!(comes_true(|| !folder.path().exists()));
    }

    #[test]
    fn a_program_that_ends_by_itself_is_noticed() {
        let folder = tempfile::tempdir().unwrap();
        let log = File::create(folder.path().join("log")).unwrap();
        let lifeline = Lifeline::start(&Command::new("false"), folder.path(), &log).unwrap();
        // Not `wait`, which closes the pipe first.
        let ended = RefCell::new(lifeline);
        let code = || ended.borrow_mut().ended().unwrap().map(|status| status.code());
        assert!(comes_true(|| code().is_some()));
        assert_eq!(code(), Some(Some(1)));
    }
}
