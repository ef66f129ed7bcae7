//! One thread's talk with a child over three pipes: no order of reading and writing can lock up.
//!
//! Nothing here blocks on one pipe while another could move. A wait is cut into slices, between which the
//! caller's cancel flag is looked at; a child that moves nothing for too long is reported as silent.
//! Whatever happens, the child's process group is killed and reaped at the latest when this is dropped.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Child, ChildStderr, ChildStdin, ChildStdout, ExitStatus};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::buffer::spare_capacity;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, retry_on_intr};
use rustix::process::{Pid, Signal, kill_process_group};

use crate::error::MediaError;

/// The cancel flag is looked at this often.
const SLICE: Timespec = Timespec { tv_sec: 0, tv_nsec: 20_000_000 };
/// Read at once; also how much a pipe holds, where the system lets it.
const PIECE_BYTES: usize = 256 << 10;
/// What is kept of a child's complaints: the latest.
const COMPLAINT_BYTES: usize = 4 << 10;
/// How long a child that has closed its output may take to end.
const FAREWELL: Duration = Duration::from_secs(5);

/// What a turn brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Turn {
    /// Bytes went one way or the other.
    Moved,
    /// The child has closed its output, most likely by ending.
    Ended,
    /// Nothing moved for as long as the child may be silent.
    Silent,
}

/// How a child ended.
pub(super) struct Ending {
    pub(super) is_success: bool,
    /// Whether it ended of its own will or by its own mistake: nobody killed it, and it had started.
    pub(super) is_by_itself: bool,
    /// The last line that it complained with.
    pub(super) complaint: Option<String>,
    /// Its status and the last line that it complained with.
    pub(super) how: String,
}

/// A child with its pipes.
pub(super) struct Piped {
    child: Child,
    status: Option<ExitStatus>,
    input: Option<ChildStdin>,
    output: ChildStdout,
    errors: Option<ChildStderr>,
    complaint: Vec<u8>,
    outgoing: Vec<u8>,
    /// How much of `outgoing` has gone.
    sent: usize,
    cancel: Option<Arc<AtomicBool>>,
    patience: Duration,
}

impl Piped {
    /// Takes over a child that was started in its own process group, and that tells through pipes.
    pub(super) fn new(
        mut child: Child,
        cancel: Option<&Arc<AtomicBool>>,
        patience: Duration,
    ) -> io::Result<Self> {
        let (input, Some(output), errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take())
        else {
            return Err(io::Error::other("a child without pipes"));
        };
        let piped = Self {
            child,
            status: None,
            input,
            output,
            errors,
            complaint: Vec::new(),
            outgoing: Vec::new(),
            sent: 0,
            cancel: cancel.map(Arc::clone),
            patience,
        };
        piped.prepare()?;
        Ok(piped)
    }

    fn prepare(&self) -> io::Result<()> {
        if let Some(input) = &self.input {
            rustix::io::ioctl_fionbio(input, true)?;
        }
        rustix::io::ioctl_fionbio(&self.output, true)?;
        if let Some(errors) = &self.errors {
            rustix::io::ioctl_fionbio(errors, true)?;
        }
        // A user's pipes may be limited; the usual 64 KiB do as well, with more switches.
        #[cfg(target_os = "linux")]
        let _ = rustix::pipe::fcntl_setpipe_size(&self.output, PIECE_BYTES);
        Ok(())
    }

    /// Where to put what the child is to read.
    pub(super) fn outgoing(&mut self) -> &mut Vec<u8> {
        if self.sent == self.outgoing.len() {
            self.outgoing.clear();
            self.sent = 0;
        }
        &mut self.outgoing
    }

    /// Bytes that wait to be written.
    pub(super) fn unsent(&self) -> usize {
        self.outgoing.len() - self.sent
    }

    /// Writes what the child's pipe takes at this moment.
    pub(super) fn feed(&mut self) -> Result<(), MediaError> {
        self.look_for_cancel()?;
        self.write()?;
        Ok(())
    }

    /// Says that nothing more will be written; what is unsent is dropped.
    pub(super) fn close_input(&mut self) {
        self.input = None;
        self.outgoing.clear();
        self.sent = 0;
    }

    /// Waits until something moves, and appends what the child says to `incoming`, a bounded piece a turn.
    pub(super) fn turn(&mut self, incoming: &mut Vec<u8>) -> Result<Turn, MediaError> {
        let since = Instant::now();
        loop {
            self.look_for_cancel()?;
            let has_written = self.write()?;
            match self.read(incoming)? {
                Some(0) => return Ok(Turn::Ended),
                Some(_) => return Ok(Turn::Moved),
                None if has_written => return Ok(Turn::Moved),
                None => {}
            }
            if since.elapsed() > self.patience {
                return Ok(Turn::Silent);
            }
            self.wait()?;
        }
    }

    /// Tells how the child ended, after [`Turn::Ended`]; one that does not end is killed.
    pub(super) fn ending(&mut self) -> Result<Ending, MediaError> {
        self.close_input();
        let since = Instant::now();
        while self.status.is_none() {
            self.look_for_cancel()?;
            self.hear();
            self.status = self.child.try_wait()?;
            if self.status.is_none() && since.elapsed() > FAREWELL {
                self.kill();
            } else if self.status.is_none() {
                let moment = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };
                let _ = poll(&mut [], Some(&moment));
            }
        }
        self.hear();
        let Some(status) = self.status else { return Err(io::Error::other("a child without an end").into()) };
        let complaint = last_line(&self.complaint);
        let how = match &complaint {
            Some(line) => format!("{}: {line}", describe(status)),
            None => describe(status),
        };
        Ok(Ending { is_success: status.success(), is_by_itself: is_by_itself(status), complaint, how })
    }

    /// Kills the child's whole process group and reaps it.
    pub(super) fn kill(&mut self) {
        if self.status.is_some() {
            return;
        }
        // Until it is reaped, the number cannot belong to anyone else.
        if let Some(group) = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw) {
            let _ = kill_process_group(group, Signal::KILL);
        }
        self.status = self.child.wait().ok();
    }

    fn look_for_cancel(&mut self) -> Result<(), MediaError> {
        if self.cancel.as_ref().is_some_and(|cancel| cancel.load(Ordering::Relaxed)) {
            self.kill();
            return Err(MediaError::Cancelled);
        }
        Ok(())
    }

    /// Sleeps until a pipe can move, for a slice at most.
    fn wait(&mut self) -> io::Result<()> {
        let mut pipes = Vec::with_capacity(3);
        if let Some(errors) = &self.errors {
            pipes.push(PollFd::new(errors, PollFlags::IN));
        }
        pipes.push(PollFd::new(&self.output, PollFlags::IN));
        if self.sent < self.outgoing.len()
            && let Some(input) = &self.input
        {
            pipes.push(PollFd::new(input, PollFlags::OUT));
        }
        match poll(&mut pipes, Some(&SLICE)) {
            Ok(_) | Err(Errno::INTR) => {}
            Err(why) => return Err(why.into()),
        }
        let complains = self.errors.is_some() && pipes.first().is_some_and(|pipe| !pipe.revents().is_empty());
        drop(pipes);
        if complains {
            self.hear();
        }
        Ok(())
    }

    /// Whether anything could be written. A child that no longer reads will soon be seen to have ended.
    fn write(&mut self) -> io::Result<bool> {
        let mut has_written = false;
        while self.sent < self.outgoing.len() {
            let Some(input) = &mut self.input else { break };
            match input.write(&self.outgoing[self.sent..]) {
                Ok(count) => {
                    self.sent += count;
                    has_written |= count > 0;
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(why) if why.kind() == ErrorKind::WouldBlock => break,
                Err(why) if why.kind() == ErrorKind::BrokenPipe => self.close_input(),
                Err(why) => return Err(why),
            }
        }
        Ok(has_written)
    }

    /// How many bytes came: none at the end, `None` while there are none.
    fn read(&self, incoming: &mut Vec<u8>) -> io::Result<Option<usize>> {
        incoming.reserve(PIECE_BYTES);
        match retry_on_intr(|| rustix::io::read(&self.output, spare_capacity(incoming))) {
            Ok(count) => Ok(Some(count)),
            Err(Errno::AGAIN) => Ok(None),
            Err(why) => Err(why.into()),
        }
    }

    /// Takes what the child complains of, so that it never waits for that to be read.
    fn hear(&mut self) {
        let mut piece = [0; 1024];
        while let Some(errors) = &mut self.errors {
            match errors.read(&mut piece) {
                Ok(0) => self.errors = None,
                Ok(count) => {
                    self.complaint.extend(&piece[..count]);
                    let surplus = self.complaint.len().saturating_sub(COMPLAINT_BYTES);
                    self.complaint.drain(..surplus);
                }
                Err(why) if why.kind() == ErrorKind::Interrupted => {}
                Err(_) => break,
            }
        }
    }
}

impl Drop for Piped {
    fn drop(&mut self) {
        self.kill();
    }
}

fn is_by_itself(status: ExitStatus) -> bool {
    let is_killed = [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP]
        .into_iter()
        .any(|signal| status.signal() == Some(signal.as_raw()));
    !is_killed && status.code() != Some(super::child::CANNOT_START)
}

fn describe(status: ExitStatus) -> String {
    match status.signal() {
        Some(signal) if signal == Signal::SYS.as_raw() => "the sandbox stopped it".into(),
        Some(signal) if signal == Signal::XCPU.as_raw() => "it used up its processor time".into(),
        Some(signal) => format!("signal {signal} ended it"),
        None => format!("it ended with code {}", status.code().unwrap_or(-1)),
    }
}

/// The last line that says something, as printable text of a length that fits a message.
fn last_line(complaint: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(complaint);
    let line = text.lines().map(str::trim).rfind(|line| !line.is_empty())?;
    Some(line.chars().filter(|c| !c.is_control()).take(200).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_line_of_a_complaint_is_printable_and_short() {
        assert_eq!(last_line(b"first\nlast \x1b[31m\xff one\n\n"), Some("last [31m\u{fffd} one".into()));
        assert_eq!(last_line(b" \n\n"), None);
        assert_eq!(last_line(&[b'x'; 5000]).map(|line| line.len()), Some(200));
    }

    #[test]
    fn a_status_is_told_in_words() {
        assert_eq!(describe(ExitStatus::from_raw(Signal::SYS.as_raw())), "the sandbox stopped it");
        assert_eq!(describe(ExitStatus::from_raw(9)), "signal 9 ended it");
        assert_eq!(describe(ExitStatus::from_raw(125 << 8)), "it ended with code 125");
    }
}
