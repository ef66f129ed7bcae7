//! A server's life: started, killed, started again where it was, and gone with whoever holds it.
//!
//! What is common to all servers is here, what differs is a [`Kind`]: a row of functions over a [`Site`].

use std::ffi::OsStr;
use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{Read as _, Seek as _, SeekFrom};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use tempfile::TempDir;

use crate::ServerError;
use crate::lifeline::Lifeline;
use crate::port;
use crate::tools::Tools;

/// How long a server may take to answer: one that starts in 15 s takes a minute while two compilers run.
const PATIENCE: Duration = Duration::from_secs(150);
/// How often it is asked meanwhile.
const PAUSE: Duration = Duration::from_millis(50);
/// How often one that comes back and ends at once is tried: the children of a killed PostgreSQL hold its memory for a
/// moment.
const ATTEMPTS: usize = 5;
/// How much of a log an error quotes.
const QUOTED_LINES: usize = 15;
/// The end of a log that these lines are looked for in.
const QUOTED_BYTES: u64 = 16 * 1024;

/// What tells one kind of server from another.
pub struct Kind {
    /// What people call it.
    pub name: &'static str,
    /// The variable that tests read its URL from.
    pub variable: &'static str,
    /// The variables that name the programs that it consists of.
    pub(crate) tools: &'static [&'static str],
    /// How many ports it listens on; the first is the one that clients use.
    pub(crate) ports: usize,
    /// Makes what it needs in its folder, unless it is there.
    pub(crate) prepare: fn(&Tools, &Site) -> Result<(), ServerError>,
    /// What runs, in the order of the start.
    pub(crate) programs: fn(&Tools, &Site) -> Result<Vec<Command>, ServerError>,
    /// Whether it does what it is there for.
    pub(crate) answers: fn(&Site) -> bool,
    /// Its URL with this port.
    pub(crate) url: fn(u16) -> String,
    /// Files that it leaves behind outside of its folder.
    pub(crate) litter: fn(&Site) -> Vec<PathBuf>,
}

impl Kind {
    /// Why none can be started with these tools, if so.
    #[must_use]
    pub fn missing(&'static self, tools: &Tools) -> Option<ServerError> {
        self.tools.iter().find_map(|variable| tools.path(self.name, variable).err())
    }

    /// Starts a server of this kind in an empty folder and waits until it answers.
    pub fn start(&'static self, tools: &Tools) -> Result<Server, ServerError> {
        match self.start_somewhere(tools) {
            // One of its ports may have been taken just before it listened.
            Err(ServerError::Ended { .. }) => self.start_somewhere(tools),
            started => started,
        }
    }

    fn start_somewhere(&'static self, tools: &Tools) -> Result<Server, ServerError> {
        let failed = |doing: &str| ServerError::failed(self.name, doing);
        // Others than this user, PostgreSQL's for one, must be able to pass.
        let everyone = fs::Permissions::from_mode(0o755);
        let folder = tempfile::Builder::new()
            .prefix("reelmill-server-")
            .permissions(everyone)
            .tempdir()
            .map_err(failed("make its folder"))?;
        let ports = port::free(self.ports).map_err(failed("find its ports"))?;
        let site = Site { server: self.name, folder: folder.path().join("site"), ports };
        let mut server = Server { kind: self, tools: tools.clone(), site, running: Vec::new(), folder };
        server.launch()?;
        Ok(server)
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name)
    }
}

/// Where one server lives.
#[derive(Debug)]
pub(crate) struct Site {
    server: &'static str,
    /// All that it writes, but for what it says.
    pub(crate) folder: PathBuf,
    /// Its ports, in the order that its kind gives them.
    pub(crate) ports: Vec<u16>,
}

impl Site {
    /// A path in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The port that clients use.
    pub(crate) fn port(&self) -> u16 {
        self.ports[0]
    }

    /// Writes a file of its folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), ServerError> {
        fs::write(self.path(name), text).map_err(ServerError::failed(self.server, &format!("write {name}")))
    }

    /// Makes a folder in its folder, unless it is there.
    pub(crate) fn make(&self, name: &str) -> Result<PathBuf, ServerError> {
        let path = self.path(name);
        fs::create_dir_all(&path).map_err(ServerError::failed(self.server, &format!("make {name}")))?;
        Ok(path)
    }

    /// Runs `program` to its end.
    pub(crate) fn run(&self, mut program: Command) -> Result<(), ServerError> {
        let shown = program.get_program().to_string_lossy().into_owned();
        let output =
            program.output().map_err(ServerError::failed(self.server, &format!("start `{shown}`")))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        let log = last_lines(&String::from_utf8_lossy(&said));
        Err(ServerError::NotPrepared { server: self.server, program: shown, status: output.status, log })
    }
}

/// A server that this process started. It is killed when this is dropped, and when this process ends in any way.
#[derive(Debug)]
pub struct Server {
    kind: &'static Kind,
    tools: Tools,
    site: Site,
    /// Empty while it is killed. Before the folder, since the programs go before their files.
    running: Vec<Lifeline>,
    folder: TempDir,
}

impl Server {
    /// What it is.
    #[must_use]
    pub fn kind(&self) -> &'static Kind {
        self.kind
    }

    /// Its URL, the same for its whole life.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_by(self.site.port())
    }

    /// Its URL for who goes by something that listens on `port` of 127.0.0.1, a [`Proxy`](crate::Proxy) for one.
    #[must_use]
    pub fn url_by(&self, port: u16) -> String {
        (self.kind.url)(port)
    }

    /// Where clients connect to.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        (Ipv4Addr::LOCALHOST, self.site.port()).into()
    }

    /// Kills it as `kill -9` does; returns when nothing listens on its ports any more.
    pub fn kill(&mut self) -> Result<(), ServerError> {
        self.running.clear();
        let deadline = Instant::now() + PATIENCE;
        while !self.site.ports.iter().all(|port| port::is_free(*port)) {
            self.give_up_after(deadline)?;
            thread::sleep(PAUSE);
        }
        self.clear_litter();
        Ok(())
    }

    /// Starts it after a kill, on the same ports and folder, and waits until it answers.
    pub fn start_again(&mut self) -> Result<(), ServerError> {
        let mut last = Ok(());
        for _ in 0..ATTEMPTS {
            self.kill()?;
            last = self.launch();
            if !matches!(last, Err(ServerError::Ended { .. })) {
                break;
            }
            thread::sleep(PAUSE);
        }
        if last.is_err() {
            self.running.clear();
        }
        last
    }

    /// Kills it and forgets all that it kept: at its next start it is as new.
    pub fn forget(&mut self) -> Result<(), ServerError> {
        self.kill()?;
        if self.site.folder.exists() {
            fs::remove_dir_all(&self.site.folder).map_err(self.failed("remove its folder"))?;
        }
        Ok(())
    }

    /// The last lines of what it said.
    #[must_use]
    pub fn log(&self) -> String {
        let read = || {
            let mut file = File::open(self.log_path())?;
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(QUOTED_BYTES)))?;
            let mut end = Vec::new();
            file.take(QUOTED_BYTES).read_to_end(&mut end)?;
            Ok(end)
        };
        match read() {
            Ok(end) => last_lines(&String::from_utf8_lossy(&end)),
            Err::<_, std::io::Error>(error) => format!("its log cannot be read: {error}"),
        }
    }

    fn clear_litter(&self) {
        for path in (self.kind.litter)(&self.site) {
            // What was never made need not be removed.
            let _ = fs::remove_file(path);
        }
    }

    fn launch(&mut self) -> Result<(), ServerError> {
        self.site.make("")?;
        (self.kind.prepare)(&self.tools, &self.site)?;
        let log = OpenOptions::new().create(true).append(true).open(self.log_path());
        let log = log.map_err(self.failed("write its log"))?;
        for program in (self.kind.programs)(&self.tools, &self.site)? {
            let shown = format!("start `{}`", program.get_program().to_string_lossy());
            let process = Lifeline::start(&program, self.folder.path(), &log);
            self.running.push(process.map_err(self.failed(&shown))?);
        }
        let deadline = Instant::now() + PATIENCE;
        while !(self.kind.answers)(&self.site) {
            self.notice_an_end()?;
            self.give_up_after(deadline)?;
            thread::sleep(PAUSE);
        }
        // What answered may be another that was faster at the port.
        self.notice_an_end()
    }

    fn notice_an_end(&mut self) -> Result<(), ServerError> {
        let server = self.kind.name;
        for process in &mut self.running {
            if let Some(status) = process.ended().map_err(ServerError::failed(server, "wait for it"))? {
                return Err(ServerError::Ended { server, status, log: self.log() });
            }
        }
        Ok(())
    }

    fn give_up_after(&self, deadline: Instant) -> Result<(), ServerError> {
        if Instant::now() < deadline {
            return Ok(());
        }
        Err(ServerError::Silent { server: self.kind.name, seconds: PATIENCE.as_secs(), log: self.log() })
    }

    fn failed(&self, doing: &str) -> impl FnOnce(std::io::Error) -> ServerError + use<> {
        ServerError::failed(self.kind.name, doing)
    }

    fn log_path(&self) -> PathBuf {
        self.folder.path().join("log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It is dead in any case; that its ports are free is what could not be seen.
        let _ = self.kill();
    }
}

/// Whether this process may do as it likes; some servers then want to be told a user.
pub(crate) fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A program with arguments of several types.
pub(crate) fn program(path: impl AsRef<Path>, arguments: &[&dyn AsRef<OsStr>]) -> Command {
    let mut command = Command::new(path.as_ref());
    command.args(arguments.iter().map(AsRef::as_ref));
    command
}

fn last_lines(text: &str) -> String {
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    lines[lines.len().saturating_sub(QUOTED_LINES)..].join("\n")
}
