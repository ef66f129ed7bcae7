//! A child process with all that it starts: one process group, in an empty folder of its own, ended as a whole.

use std::fs::Permissions;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process_group};
use tempfile::TempDir;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// What a process has to end by itself once it was asked to.
const GRACE: Duration = Duration::from_millis(500);

/// A running child and its group. Dropped, the group is killed and the folder removed.
pub(super) struct Group {
    child: Child,
    id: Option<Pid>,
    _home: Home,
}

/// An empty folder for its owner's eyes only, removed with all in it; or none, for a child that writes nothing.
pub(super) struct Home(Option<TempDir>);

impl Home {
    pub(super) fn make() -> io::Result<Self> {
        let own = Permissions::from_mode(0o700);
        tempfile::Builder::new().prefix("reelmill-").permissions(own).tempdir().map(Some).map(Self)
    }

    /// No folder: the root, where nothing is written.
    pub(super) fn none() -> Self {
        Self(None)
    }

    pub(super) fn path(&self) -> &Path {
        self.0.as_ref().map_or(Path::new("/"), TempDir::path)
    }
}

impl Group {
    /// Starts the command in its folder, with all three streams in our hands.
    pub(super) fn start(mut command: Command, home: Home) -> io::Result<Self> {
        let child = command
            .current_dir(home.path())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()?;
        let id = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        Ok(Self { child, id, _home: home })
    }

    /// Its standard output and standard error, once.
    pub(super) fn streams(&mut self) -> Option<(ChildStdout, ChildStderr)> {
        Some((self.child.stdout.take()?, self.child.stderr.take()?))
    }

    /// Waits for the child, then ends whatever it has left behind, so that its pipes close.
    pub(super) async fn ended(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await?;
        self.signal(Signal::KILL);
        self.id = None;
        Ok(status)
    }

    /// Asks the group to end, and does not take no for an answer.
    pub(super) async fn end(&mut self) {
        self.signal(Signal::TERM);
        let asked = tokio::time::timeout(GRACE, self.child.wait()).await;
        self.signal(Signal::KILL);
        if asked.is_err() {
            // A killed child ends; there is nothing to be done with an error.
            let _ = self.child.wait().await;
        }
        self.id = None;
    }

    fn signal(&self, signal: Signal) {
        if let Some(id) = self.id {
            // A group that is gone already needs no signal.
            let _ = kill_process_group(id, signal);
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.signal(Signal::KILL);
    }
}

/// What a short-lived child said.
pub(super) struct Said {
    pub(super) status: ExitStatus,
    pub(super) stdout: Vec<u8>,
    /// The last of it.
    pub(super) stderr: String,
}

/// Runs a child to its end; more output than `limit_bytes`, or more time than `patience`, is an error.
pub(super) async fn captured(
    command: Command,
    home: Home,
    limit_bytes: usize,
    patience: Duration,
) -> io::Result<Said> {
    let mut group = Group::start(command, home)?;
    let Some((stdout, stderr)) = group.streams() else { return Err(io::ErrorKind::BrokenPipe.into()) };
    let run = async {
        let (status, stdout, stderr) =
            tokio::try_join!(group.ended(), async { whole(stdout, limit_bytes).await }, async {
                Ok(tail(stderr).await)
            },)?;
        Ok(Said { status, stdout, stderr })
    };
    let said = tokio::time::timeout(patience, run).await.unwrap_or_else(|late| Err(late.into()));
    if said.is_err() {
        group.end().await;
    }
    said
}

async fn whole(mut stream: impl AsyncRead + Unpin, limit_bytes: usize) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut piece = vec![0; 16 * 1024];
    loop {
        match stream.read(&mut piece).await? {
            0 => return Ok(bytes),
            read if bytes.len() + read > limit_bytes => return Err(io::ErrorKind::FileTooLarge.into()),
            read => bytes.extend_from_slice(&piece[..read]),
        }
    }
}

/// The last few KiB of what comes; everything is read, so that the child is not held up.
async fn tail(mut stream: impl AsyncRead + Unpin) -> String {
    const KEPT: usize = 8 * 1024;
    let mut bytes = Vec::new();
    let mut piece = vec![0; 4 * 1024];
    // A stream that breaks has said all it will.
    while let Ok(read @ 1..) = stream.read(&mut piece).await {
        bytes.extend_from_slice(&piece[..read]);
        let surplus = bytes.len().saturating_sub(KEPT);
        bytes.drain(..surplus);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
