//! A newer yt-dlp beside the one that there is.
//!
//! Sites change, and a yt-dlp of last season reads them no more. The new copy is installed into a fresh folder by the
//! host's own pip, tried there, and only then chosen, by one rename; whatever fails before leaves all as it was.

use std::fs;
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;
use thiserror::Error;
use tokio::process::Command;

use super::command;
use super::group::{Home, Said, captured};
use super::program::{CURRENT, FOLDER, FoundIn, Missing, Program};
use super::python::Python;
use super::version::Version;

/// What is installed: yt-dlp with the scripts that it solves YouTube's riddles with.
const PACKAGE: &str = "yt-dlp[default]";
/// How long pip may take.
const PIP_PATIENCE: Duration = Duration::from_mins(10);
/// How long the new copy may take to show that it works.
const CHECK_PATIENCE: Duration = Duration::from_mins(1);
/// Asks for what an extraction needs, without asking anybody.
const SELF_CHECK: &str = "import yt_dlp; \
    extractor = yt_dlp.YoutubeDL({'quiet': True}).get_info_extractor('Youtube'); \
    assert extractor.suitable('https://www.youtube.com/watch?v=aaaaaaaaaaa')";

/// An update that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Updated {
    /// The version that is used now.
    pub version: String,
    /// The one that was used before, where it was ours; it is kept.
    pub previous: Option<String>,
    /// Where it is.
    pub folder: PathBuf,
}

/// Why there is no newer yt-dlp. Whatever was used before still is.
#[derive(Debug, Error)]
pub enum UpdateError {
    /// There is no Python.
    #[error(
        "there is no `python3` on the path; install it with the system's packages (Debian's `python3-pip`)"
    )]
    NoPython,
    /// A version that could not be one.
    #[error("`{0}` is no version of yt-dlp; one looks like {minimum}", minimum = Version::minimum())]
    NoVersion(String),
    /// pip did not install it.
    #[error("`{python} -m pip` did not install it: {said}")]
    Pip {
        /// The interpreter.
        python: String,
        /// The end of what it said.
        said: String,
    },
    /// The new copy does not work.
    #[error("the new yt-dlp does not work ({why}); {kept}")]
    SelfCheck {
        /// What is wrong.
        why: String,
        /// What is used instead, as a half sentence.
        kept: String,
    },
    /// The data folder cannot be written.
    #[error("cannot write {}: {reason}", .folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// What the system says.
        reason: String,
    },
}

/// Installs the newest yt-dlp, or `wanted`, into the data folder, and uses it from now on, in running servers too.
///
/// # Errors
/// [`UpdateError`]; the copy that was used before is used still.
pub async fn update(data_dir: &Path, wanted: Option<&str>) -> Result<Updated, UpdateError> {
    if let Some(wanted) = wanted
        && Version::parse(wanted).is_none()
    {
        return Err(UpdateError::NoVersion(wanted.to_owned()));
    }
    let python = Python::find().await.ok_or(UpdateError::NoPython)?;
    let folder = data_dir.join(FOLDER);
    let unwritable =
        |error: io::Error| UpdateError::Folder { folder: folder.clone(), reason: error.to_string() };
    fs::DirBuilder::new().recursive(true).mode(0o700).create(&folder).map_err(unwritable)?;
    let folder = folder.canonicalize().map_err(unwritable)?;
    let incoming = tempfile::Builder::new().prefix(".incoming-").tempdir_in(&folder).map_err(unwritable)?;
    install(&python, incoming.path(), wanted).await?;
    let previous = current(&folder);
    let version = check(&python, incoming.path()).await.map_err(|why| UpdateError::SelfCheck {
        why,
        kept: previous
            .as_ref()
            .map_or_else(|| "it is not used".to_owned(), |previous| format!("{previous} is used as before")),
    })?;
    let name = version.to_string();
    place(&folder, incoming, &name).map_err(unwritable)?;
    choose(&folder, &name).map_err(unwritable)?;
    let previous = previous.filter(|previous| *previous != name);
    remove_others(&folder, &[Some(name.as_str()), previous.as_deref()]);
    Ok(Updated { version: name.clone(), previous, folder: folder.join(name) })
}

async fn install(python: &Python, into: &Path, wanted: Option<&str>) -> Result<(), UpdateError> {
    let failed = |said: String| UpdateError::Pip { python: python.executable.display().to_string(), said };
    let home = Home::make().map_err(|error| failed(error.to_string()))?;
    let mut command = Command::new(&python.executable);
    command.args(["-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check"]);
    command.arg("--target").arg(into);
    command.arg(wanted.map_or_else(|| PACKAGE.to_owned(), |wanted| format!("{PACKAGE}=={wanted}")));
    let said = captured(command, home, 1024 * 1024, PIP_PATIENCE).await;
    let said = said.map_err(|error| failed(error.to_string()))?;
    if said.status.success() { Ok(()) } else { Err(failed(last_line(&said.stderr))) }
}

/// Tries the copy in `library`: it says its version, knows YouTube, and takes the switches that we use.
async fn check(python: &Python, library: &Path) -> Result<Version, String> {
    let program = Program::of_module(FoundIn::DataFolder, python, Some(library.to_owned())).await;
    let program = program.map_err(|missing| match missing {
        Missing::TooOld(version) => format!("{version} is too old, {} is the oldest", Version::minimum()),
        Missing::Nowhere | Missing::Broken(_) => "it does not say its version".to_owned(),
    })?;
    let said = run(&program, |command| {
        command.arg("-c").arg(SELF_CHECK);
    });
    let said = said.await?;
    if !said.status.success() {
        return Err(last_line(&said.stderr));
    }
    let said = run(&program, |command| {
        command.args(["-m", "yt_dlp"]);
        command::common(command, CHECK_PATIENCE);
        command::download(command, reelmill_core::Format::Opus, CHECK_PATIENCE, "-");
        command.arg("--list-extractors");
    });
    let said = said.await?;
    if said.status.success() { Ok(program.version) } else { Err(last_line(&said.stderr)) }
}

async fn run(program: &Program, arguments: impl FnOnce(&mut Command)) -> Result<Said, String> {
    let home = Home::make().map_err(|error| error.to_string())?;
    let mut command = Command::new(&program.path);
    command::confine(&mut command, home.path(), program);
    arguments(&mut command);
    captured(command, home, 1024 * 1024, CHECK_PATIENCE).await.map_err(|error| error.to_string())
}

/// Moves the new copy to where copies are kept. One of that version that is there already makes way.
fn place(folder: &Path, incoming: TempDir, name: &str) -> io::Result<()> {
    let to = folder.join(name);
    if to.exists() {
        let away = tempfile::Builder::new().prefix(".old-").tempdir_in(folder)?;
        fs::rename(&to, away.path().join(name))?;
    }
    fs::rename(incoming.keep(), to)
}

/// Makes `name` the copy that is used, in one step.
fn choose(folder: &Path, name: &str) -> io::Result<()> {
    let fresh = tempfile::Builder::new().prefix(".current-").tempdir_in(folder)?;
    let link = fresh.path().join(CURRENT);
    std::os::unix::fs::symlink(name, &link)?;
    fs::rename(link, folder.join(CURRENT))
}

/// The version that is used, where it is ours.
fn current(folder: &Path) -> Option<String> {
    Some(fs::read_link(folder.join(CURRENT)).ok()?.to_str()?.to_owned())
}

/// Removes copies of versions that are used no more. The previous one stays: downloads that run may still read from it.
fn remove_others(folder: &Path, kept: &[Option<&str>]) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| Version::parse(name).is_some()) else { continue };
        if !kept.contains(&Some(name))
            && let Err(error) = fs::remove_dir_all(entry.path())
        {
            tracing::warn!("cannot remove yt-dlp {name}: {error}");
        }
    }
}

fn last_line(said: &str) -> String {
    let line = said.lines().map(str::trim).rfind(|line| !line.is_empty());
    line.map_or_else(|| "it said nothing".to_owned(), |line| line.chars().take(300).collect())
}
