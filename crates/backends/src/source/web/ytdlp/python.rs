//! The host's own Python, which runs yt-dlp and installs it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

use super::group::{Home, captured};

/// How long Python may take to start.
const PATIENCE: Duration = Duration::from_secs(30);

/// An interpreter. `python3` may be a wrapper that needs the operator's environment, which yt-dlp does not get.
#[derive(Debug, Clone)]
pub(super) struct Python {
    /// The interpreter itself.
    pub(super) executable: PathBuf,
    /// Where its user's own packages are.
    pub(super) user_base: Option<PathBuf>,
}

impl Python {
    /// The `python3` of the path, if there is one that runs.
    pub(super) async fn find() -> Option<Self> {
        let mut command = Command::new("python3");
        command.args(["-c", "import site, sys; print(sys.executable); print(site.getuserbase())"]);
        let said = captured(command, Home::none(), 16 * 1024, PATIENCE).await.ok()?;
        let text = String::from_utf8(said.stdout).ok().filter(|_| said.status.success())?;
        let mut lines = text.lines().map(PathBuf::from);
        let executable = lines.next().filter(|path| path.is_absolute())?;
        Some(Self { executable, user_base: lines.next().filter(|path| path.is_absolute()) })
    }
}

/// A program of the path, as a shell would find it.
pub(super) fn on_path(name: &str) -> Option<PathBuf> {
    use std::os::unix::fs::PermissionsExt as _;
    let is_program = |path: &Path| {
        path.metadata().is_ok_and(|found| found.is_file() && found.permissions().mode() & 0o111 != 0)
    };
    std::env::split_paths(&std::env::var_os("PATH")?)
        .map(|folder| folder.join(name))
        .find(|path| is_program(path))
}
