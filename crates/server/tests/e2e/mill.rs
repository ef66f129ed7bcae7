//! A real process of the binary on a data folder of its own, and everything that can befall one: stopped, frozen,
//! killed, started again.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::client::Request;
use crate::session::Session;
use crate::tools;

pub(crate) const EMAIL: &str = "miller@mill.example";
pub(crate) const PASSWORD: &str = "flour and water";

/// How long a process may take to serve: a debug build on a busy machine makes its first admin in seconds.
const START: Duration = Duration::from_mins(1);

/// Where a mill lives: its folder, flags and variables, the same at each start.
pub(crate) struct Site {
    folder: tempfile::TempDir,
    flags: Vec<String>,
    variables: Vec<(String, String)>,
    before: Vec<String>,
}

impl Site {
    pub(crate) fn new() -> Self {
        let site =
            Self { folder: tools::scratch(), flags: Vec::new(), variables: Vec::new(), before: Vec::new() };
        site.variable("REELMILL_ADMIN_EMAIL", EMAIL).variable("REELMILL_ADMIN_PASSWORD", PASSWORD)
    }

    pub(crate) fn flags(mut self, flags: &[&str]) -> Self {
        self.flags.extend(flags.iter().map(|flag| (*flag).to_owned()));
        self
    }

    pub(crate) fn variable(mut self, name: &str, value: &str) -> Self {
        self.variables.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn without_variables(mut self) -> Self {
        self.variables.clear();
        self
    }

    /// Puts words before the binary: a program that starts it.
    pub(crate) fn started_by(mut self, words: &[&str]) -> Self {
        self.before = words.iter().map(|word| (*word).to_owned()).collect();
        self
    }

    /// The folder that holds the data folder and whatever else a case keeps.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn data_dir(&self) -> PathBuf {
        self.folder().join("data")
    }

    pub(crate) fn objects(&self) -> Store {
        Store(self.data_dir().join("objects"))
    }

    /// The command that serves here, not yet started.
    pub(crate) fn command(&self) -> Command {
        let mut words = self.before.iter().map(PathBuf::from).chain([tools::reelmill()]);
        let mut command = Command::new(words.next().unwrap());
        command
            .args(words)
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(self.data_dir())
            .args(&self.flags)
            .current_dir(self.folder())
            // A desktop's variables are not the case's.
            .env_clear()
            .env("PATH", std::env::var_os("PATH").unwrap_or_default())
            .envs(self.variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Starts it and waits until it is ready.
    pub(crate) fn start(&self) -> Mill {
        self.start_with(&[])
    }

    /// Starts it with more flags for this once.
    pub(crate) fn start_with(&self, flags: &[&str]) -> Mill {
        let mut mill = self.launch(flags);
        mill.await_ready();
        mill
    }

    fn launch(&self, flags: &[&str]) -> Mill {
        let mut child = self
            .command()
            .args(flags)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let said = Arc::new(Mutex::new(String::new()));
        gather(child.stdout.take().unwrap(), &said);
        gather(child.stderr.take().unwrap(), &said);
        Mill { child, said, address: None }
    }
}

fn gather(from: impl Read + Send + 'static, said: &Arc<Mutex<String>>) {
    let said = Arc::clone(said);
    std::thread::spawn(move || {
        for line in BufReader::new(from).lines() {
            let Ok(line) = line else { return };
            let mut said = said.lock().unwrap();
            said.push_str(&line);
            said.push('\n');
        }
    });
}

/// A running process. Dropped, it is killed.
pub(crate) struct Mill {
    child: Child,
    said: Arc<Mutex<String>>,
    address: Option<SocketAddr>,
}

impl Mill {
    /// What it has written to both its outputs.
    pub(crate) fn said(&self) -> String {
        self.said.lock().unwrap().clone()
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address.expect("the mill is not ready")
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Signs in as the admin of the first start.
    pub(crate) fn sign_in(&self) -> Session {
        Session::begin(self.address(), EMAIL, PASSWORD)
    }

    fn await_ready(&mut self) {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                std::thread::sleep(Duration::from_millis(100));
                panic!("it ended with {status} before it served: {}", self.said());
            }
            self.address = self.address.or_else(|| address_in(&self.said()));
            if let Some(address) = self.address
                && Request::new(address, "GET", "/readyz")
                    .try_send(crate::client::Body::Nothing)
                    .is_ok_and(|answer| answer.status == 200)
            {
                return;
            }
            assert!(began.elapsed() < START, "it is not ready after {START:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw).unwrap();
        kill_process(pid, signal).unwrap();
    }

    /// kill -9, and nothing of it is left running.
    pub(crate) fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self, limit: Duration) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < limit, "it has not ended after {limit:?}: {}", self.said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Stops it as an orchestrator does, which must end well.
    pub(crate) fn stop(mut self) {
        self.signal(Signal::TERM);
        let status = self.wait(Duration::from_secs(45));
        assert_eq!(status.code(), Some(0), "{}", self.said());
    }

    /// The most memory that it has ever had resident.
    pub(crate) fn peak_memory_bytes(&self) -> u64 {
        let status = fs::read_to_string(format!("/proc/{}/status", self.child.id())).unwrap();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        line.trim().trim_end_matches(" kB").parse::<u64>().unwrap() * 1024
    }
}

impl Drop for Mill {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("--- the mill said\n{}---", self.said());
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The first address of its own in what a mill prints; an engine's stands behind a `=`.
pub(crate) fn address_in(said: &str) -> Option<SocketAddr> {
    let (_, rest) = said.split_once(" http://")?;
    let end = rest.find(|c: char| !(c.is_ascii_digit() || ".:".contains(c)))?;
    rest[..end].trim_end_matches(['.', ':']).parse().ok()
}

/// A folder of objects as it lies on disk.
pub(crate) struct Store(pub(crate) PathBuf);

impl Store {
    /// The objects.
    pub(crate) fn objects(&self) -> Vec<PathBuf> {
        self.files().into_iter().filter(|path| !is_partial(path)).collect()
    }

    /// What was begun and is not an object.
    pub(crate) fn partials(&self) -> Vec<PathBuf> {
        let is_lock = |path: &Path| path.file_name().is_some_and(|name| name == "lock");
        self.files().into_iter().filter(|path| is_partial(path) && !is_lock(path)).collect()
    }

    fn files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        let mut folders = vec![self.0.clone()];
        while let Some(folder) = folders.pop() {
            // What is deleted while this looks is not there.
            for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
                match entry.file_type() {
                    Ok(kind) if kind.is_dir() => folders.push(entry.path()),
                    Ok(_) => files.push(entry.path()),
                    Err(_) => {}
                }
            }
        }
        files.sort();
        files
    }
}

fn is_partial(path: &Path) -> bool {
    path.components().any(|part| part.as_os_str() == ".partial")
}

/// Looks until `found` answers, for so long at most; how long it took.
pub(crate) fn until<T>(what: &str, limit: Duration, mut found: impl FnMut() -> Option<T>) -> (T, Duration) {
    let began = Instant::now();
    loop {
        if let Some(answer) = found() {
            return (answer, began.elapsed());
        }
        assert!(began.elapsed() < limit, "{what}: not after {limit:?}");
        std::thread::sleep(Duration::from_millis(10));
    }
}
