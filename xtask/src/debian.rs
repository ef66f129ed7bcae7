//! What comes from Debian's packages: programs that the tests call, and media that games ship.
//!
//! The package lists are read again once, and only when something is missing, so that a machine that has everything
//! asks no server. Debian 12 is the pin: its packages only get fixes.

use std::cell::OnceCell;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};

use crate::program::{Program, found};

/// Debian's own interpreter, whatever else comes first on the path.
pub(crate) const PYTHON: &str = "/usr/bin/python3";

/// A package and how to see that what it brings is there.
pub(crate) struct Need {
    /// Its name in Debian.
    pub(crate) package: &'static str,
    /// Whether what it brings is there, from wherever.
    pub(crate) present: fn() -> bool,
}

/// Where the packages put servers that are not on everybody's path.
pub(crate) const MARIADB: &str = "/usr/sbin/mariadbd";
/// The folder with PostgreSQL's own programs.
pub(crate) const POSTGRES_DIR: &str = "/usr/lib/postgresql/15/bin";
/// The server itself: the one on the path changes its user.
pub(crate) const RABBITMQ: &str = "/usr/lib/rabbitmq/bin/rabbitmq-server";

/// The programs that the tests call, and the servers that they run against.
pub(crate) const NEEDS: [Need; 12] = [
    Need { package: "ffmpeg", present: || found("ffmpeg").is_some() && found("ffprobe").is_some() },
    Need { package: "sox", present: || found("sox").is_some() },
    Need { package: "chromium", present: || found("chromium").is_some() },
    Need { package: "nodejs", present: || found("node").is_some() },
    Need { package: "npm", present: || found("npm").is_some() },
    Need { package: "python3-venv", present: python_makes_environments },
    Need { package: "python3-pip", present: python_installs },
    Need { package: "faketime", present: || found("faketime").is_some() },
    Need { package: "mariadb-server", present: || Path::new(MARIADB).is_file() },
    Need { package: "postgresql-15", present: || Path::new(POSTGRES_DIR).join("postgres").is_file() },
    Need { package: "rabbitmq-server", present: || Path::new(RABBITMQ).is_file() && found("epmd").is_some() },
    // One that compiles: a few lines of Java put DynamoDB Local onto loopback.
    Need { package: "openjdk-17-jdk-headless", present: || found("javac").is_some() },
];

/// Debian's package tool; one of these lives through a set-up.
#[derive(Default)]
pub(crate) struct Apt {
    updated: OnceCell<Result<(), String>>,
}

impl Apt {
    /// Installs `package` without starting any service that it brings.
    pub(crate) fn install(&self, package: &str) -> Result<()> {
        self.update()?;
        let _guard = NoServices::begin()?;
        Program::new("apt-get")
            .args(["install", "--yes", "--quiet", "--no-install-recommends", package])
            .env("DEBIAN_FRONTEND", "noninteractive")
            .quietly()
    }

    /// Fetches `package` and unpacks it into `folder`, without installing it.
    pub(crate) fn unpack(&self, package: &str, folder: &Path) -> Result<()> {
        self.update()?;
        Program::new("apt-get").args(["download", "--quiet", package]).within(folder).quietly()?;
        let archive = only_file(folder)?;
        Program::new("dpkg-deb").args(["-x".as_ref(), archive.as_os_str(), folder.as_os_str()]).quietly()?;
        fs::remove_file(&archive).with_context(|| format!("cannot remove {}", archive.display()))
    }

    fn update(&self) -> Result<()> {
        let read = || {
            Program::new("apt-get")
                .args(["update", "--quiet"])
                .quietly()
                .map_err(|error| format!("{error:#}"))
        };
        match self.updated.get_or_init(read) {
            Ok(()) => Ok(()),
            Err(reason) => bail!("{reason}"),
        }
    }
}

/// While this lives, packages that are installed do not start their services.
struct NoServices {
    policy: Option<PathBuf>,
}

impl NoServices {
    /// The answer of `policy-rc.d` for "not allowed", by invoke-rc.d's manual.
    const POLICY: &str = "#!/bin/sh\nexit 101\n";

    fn begin() -> Result<Self> {
        let policy = PathBuf::from("/usr/sbin/policy-rc.d");
        // Someone's own policy stays as it is.
        if policy.exists() {
            return Ok(Self { policy: None });
        }
        fs::write(&policy, Self::POLICY)
            .context("cannot keep services from starting: no right to write policy-rc.d")?;
        let guard = Self { policy: Some(policy.clone()) };
        fs::set_permissions(&policy, fs::Permissions::from_mode(0o755))
            .context("cannot make policy-rc.d a program")?;
        Ok(guard)
    }
}

impl Drop for NoServices {
    fn drop(&mut self) {
        if let Some(policy) = self.policy.take()
            && let Err(error) = fs::remove_file(&policy)
        {
            eprintln!("cannot remove {}: {error}", policy.display());
        }
    }
}

/// The one file that lies directly in `folder`.
pub(crate) fn only_file(folder: &Path) -> Result<PathBuf> {
    let files: Vec<PathBuf> = fs::read_dir(folder)
        .with_context(|| format!("cannot read {}", folder.display()))?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_file())
        .collect();
    match files.as_slice() {
        [file] => Ok(file.clone()),
        other => bail!("{} holds {} files where one was fetched", folder.display(), other.len()),
    }
}

fn python_makes_environments() -> bool {
    Path::new(PYTHON).is_file()
        && Program::new(PYTHON).args(["-c", "import ensurepip, venv"]).quietly().is_ok()
}

fn python_installs() -> bool {
    Program::new(PYTHON).args(["-m", "pip", "--version"]).quietly().is_ok()
}
