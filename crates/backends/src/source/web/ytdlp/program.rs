//! Which yt-dlp is used, and whether it will do.
//!
//! Looking costs a process or two, so the outcome is kept: until another copy is installed, or, where there was none
//! that will do, for a minute.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use reelmill_core::Obstacle;
use tokio::process::Command;
use tokio::sync::Mutex;

use super::command::confine;
use super::group::{Home, captured};
use super::python::{Python, on_path};
use super::version::Version;
use crate::source::web::trouble::{HOW_TO_GET, Trouble};

/// The folder of our own copies, in the data folder.
pub(super) const FOLDER: &str = "yt-dlp";
/// The link in it to the copy that is used.
pub(super) const CURRENT: &str = "current";
/// How long yt-dlp may take to say its version: a cold disk and a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);
/// For how long an answer of "there is none" is kept.
const MISSING_FOR: Duration = Duration::from_mins(1);

/// Where a yt-dlp was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FoundIn {
    /// Named by the configuration.
    Configuration,
    /// Our own copy, which `sources update` made.
    DataFolder,
    /// On the path.
    Path,
    /// A module of the host's Python.
    Python,
}

/// A yt-dlp that runs.
#[derive(Debug, Clone)]
pub(super) struct Program {
    pub(super) found_in: FoundIn,
    /// The program, or the interpreter.
    pub(super) path: PathBuf,
    /// Whether `path` is an interpreter.
    pub(super) is_module: bool,
    /// Where the module is, unless Python knows.
    pub(super) library: Option<PathBuf>,
    pub(super) user_base: Option<PathBuf>,
    pub(super) version: Version,
}

/// Why there is none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Missing {
    /// None was found.
    Nowhere,
    /// It does not run.
    Broken(FoundIn),
    /// It is older than the oldest that will do.
    TooOld(Version),
}

impl Missing {
    pub(super) fn to_trouble(&self) -> Trouble {
        Trouble::new(Obstacle::ToolMissing, self.to_string())
    }
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nowhere => write!(f, "yt-dlp is not installed here; {HOW_TO_GET}"),
            Self::Broken(FoundIn::Configuration) => {
                f.write_str("the yt-dlp that the configuration names does not run here")
            }
            Self::Broken(_) => write!(f, "yt-dlp does not run here; {HOW_TO_GET}"),
            Self::TooOld(version) => {
                let least = Version::minimum();
                write!(f, "yt-dlp {version} is too old, {least} is the oldest that will do; {HOW_TO_GET}")
            }
        }
    }
}

/// Knows the yt-dlp to be used.
pub(super) struct Programs {
    named: Option<PathBuf>,
    data_dir: PathBuf,
    known: Mutex<Option<Known>>,
}

struct Known {
    outcome: Result<Arc<Program>, Missing>,
    own: Option<PathBuf>,
    since: Instant,
}

impl Programs {
    pub(super) fn new(named: Option<PathBuf>, data_dir: PathBuf) -> Self {
        Self { named, data_dir, known: Mutex::default() }
    }

    /// The yt-dlp to be used.
    pub(super) async fn program(&self) -> Result<Arc<Program>, Missing> {
        let mut known = self.known.lock().await;
        let own = own_copy(&self.data_dir);
        if let Some(known) = &*known
            && known.own == own
            && (known.outcome.is_ok() || known.since.elapsed() < MISSING_FOR)
        {
            return known.outcome.clone();
        }
        let outcome = self.look(own.as_deref()).await.map(Arc::new);
        *known = Some(Known { outcome: outcome.clone(), own, since: Instant::now() });
        outcome
    }

    /// Forgets what was found, where it turned out not to run.
    pub(super) async fn forget(&self) {
        *self.known.lock().await = None;
    }

    async fn look(&self, own: Option<&Path>) -> Result<Program, Missing> {
        if let Some(named) = &self.named {
            return Program::of_path(FoundIn::Configuration, named.clone()).await;
        }
        let python = Python::find().await;
        let mut found = Vec::new();
        if let (Some(own), Some(python)) = (own, &python) {
            found.push(Program::of_module(FoundIn::DataFolder, python, Some(own.to_owned())).await);
        }
        if let Some(path) = on_path("yt-dlp") {
            found.push(Program::of_path(FoundIn::Path, path).await);
        }
        if !found.iter().any(Result::is_ok)
            && let Some(python) = &python
        {
            found.push(Program::of_module(FoundIn::Python, python, None).await);
        }
        best(found)
    }
}

/// The newest that will do, or what is wrong with the first that might have.
fn best(found: Vec<Result<Program, Missing>>) -> Result<Program, Missing> {
    let mut best: Option<Program> = None;
    let mut wrong = None;
    for program in found {
        match program {
            Ok(program) if best.as_ref().is_none_or(|best| program.version > best.version) => {
                best = Some(program);
            }
            Ok(_) | Err(Missing::Nowhere) => {}
            Err(missing) => wrong = wrong.or(Some(missing)),
        }
    }
    best.ok_or(wrong.unwrap_or(Missing::Nowhere))
}

/// The copy that `sources update` chose, where there is one.
fn own_copy(data_dir: &Path) -> Option<PathBuf> {
    std::fs::canonicalize(data_dir.join(FOLDER).join(CURRENT)).ok().filter(|path| path.is_dir())
}

impl Program {
    async fn of_path(found_in: FoundIn, path: PathBuf) -> Result<Self, Missing> {
        let user_base = std::env::home_dir().map(|home| home.join(".local")).filter(|base| base.is_dir());
        let program =
            Self { found_in, path, is_module: false, library: None, user_base, version: Version::minimum() };
        program.versioned().await
    }

    /// The module of an interpreter, which may be in a folder that the interpreter does not know.
    pub(super) async fn of_module(
        found_in: FoundIn,
        python: &Python,
        library: Option<PathBuf>,
    ) -> Result<Self, Missing> {
        let program = Self {
            found_in,
            path: python.executable.clone(),
            is_module: true,
            library,
            user_base: python.user_base.clone(),
            version: Version::minimum(),
        };
        program.versioned().await
    }

    /// Its command, with nothing of this process's environment but what it needs.
    pub(super) fn command(&self, home: &Home) -> Command {
        let mut command = Command::new(&self.path);
        if self.is_module {
            command.args(["-m", "yt_dlp"]);
        }
        confine(&mut command, home.path(), self);
        command
    }

    async fn versioned(mut self) -> Result<Self, Missing> {
        let missing = || match self.found_in {
            // Python is there, its module is not.
            FoundIn::Python => Missing::Nowhere,
            found_in => Missing::Broken(found_in),
        };
        let home = Home::none();
        let mut command = self.command(&home);
        command.args(["--ignore-config", "--no-plugin-dirs", "--version"]);
        let said = captured(command, home, 16 * 1024, PATIENCE).await.map_err(|_| missing())?;
        let text = String::from_utf8_lossy(&said.stdout);
        let version = text.lines().next().and_then(Version::parse);
        // One so old that it does not know a switch ends with 2, and says no version.
        let Some(version) = version.filter(|_| said.status.success()) else {
            return Err(self.old_version().await.unwrap_or_else(missing));
        };
        if version < Version::minimum() {
            return Err(Missing::TooOld(version));
        }
        self.version = version;
        Ok(self)
    }

    /// What it says without any switch but the one that every version knows.
    async fn old_version(&self) -> Option<Missing> {
        let home = Home::none();
        let mut command = self.command(&home);
        command.args(["--ignore-config", "--version"]);
        let said = captured(command, home, 16 * 1024, PATIENCE).await.ok()?;
        let version = Version::parse(String::from_utf8_lossy(&said.stdout).lines().next()?)?;
        (version < Version::minimum()).then_some(Missing::TooOld(version))
    }
}
