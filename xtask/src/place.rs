//! Where things lie: the repository, cargo's target folder, and the folder in it that holds all that xtask fetches.
//!
//! Everything that is fetched or made stays under the target folder, so that the source tree holds sources only and
//! `cargo clean` undoes it all.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::{Context, Result};

use crate::program::Program;

/// The folders of one checkout.
pub(crate) struct Place {
    /// The repository's root.
    pub(crate) root: PathBuf,
    /// Cargo's target folder.
    pub(crate) target: PathBuf,
}

impl Place {
    /// Finds the checkout that cargo runs this program for, and where cargo builds it now.
    pub(crate) fn find() -> Result<Self> {
        // Not where it was compiled: two checkouts with one target folder share this program.
        let package =
            env::var_os("CARGO_MANIFEST_DIR").context("xtask is run by cargo: use `cargo xtask`")?;
        let root = Path::new(&package).parent().context("xtask lies in no workspace")?.to_owned();
        let metadata = Program::new("cargo")
            .args(["metadata", "--no-deps", "--format-version=1"])
            .within(&root)
            .json()?;
        let target =
            metadata["target_directory"].as_str().context("cargo metadata names no target folder")?;
        Ok(Self { root, target: target.into() })
    }

    /// A program of this workspace in the checkout, ready for arguments.
    pub(crate) fn cargo(&self) -> Program {
        // What cargo told this program of itself would make build scripts (ring's, for one) run again, and what depends on
        // them be built again, each time that somebody calls cargo by hand between two runs.
        Program::new("cargo").without("CARGO_PKG_").without("CARGO_MANIFEST_").within(&self.root)
    }

    /// The release binary.
    pub(crate) fn binary(&self) -> PathBuf {
        self.target.join("release/reelmill")
    }

    /// Real media and their manifest.
    pub(crate) fn corpus(&self) -> PathBuf {
        self.own("corpus")
    }

    /// Archives on their way into the corpus.
    pub(crate) fn fetched(&self) -> PathBuf {
        self.own("fetched")
    }

    /// `DynamoDB` Local.
    pub(crate) fn dynamodb(&self) -> PathBuf {
        self.own("dynamodb")
    }

    /// The packages of the npm registry that lie in the folder `name`.
    pub(crate) fn npm(&self, name: &str) -> PathBuf {
        self.own(name)
    }

    /// The Python environment called `name`.
    pub(crate) fn venv(&self, name: &str) -> PathBuf {
        self.own("venv").join(name)
    }

    /// Large files of running tests.
    pub(crate) fn scratch(&self) -> PathBuf {
        self.own("scratch")
    }

    /// The reasons of ignored cases.
    pub(crate) fn ignored(&self) -> PathBuf {
        self.own("ignored")
    }

    /// The figures that cases report while they run at their stated size.
    pub(crate) fn figures(&self) -> PathBuf {
        self.own("figures.jsonl")
    }

    /// The fuzz targets, and what they have found.
    pub(crate) fn fuzz(&self) -> PathBuf {
        self.own("fuzz")
    }

    /// What conversions are measured with.
    pub(crate) fn bench(&self) -> PathBuf {
        self.own("bench")
    }

    /// The newest ffmpeg that a package carries, by the package's version.
    pub(crate) fn ffmpeg(&self) -> PathBuf {
        self.own("ffmpeg")
    }

    fn own(&self, name: &str) -> PathBuf {
        self.target.join("xtask").join(name)
    }
}

/// Makes `folder` exist and be empty.
pub(crate) fn emptied(folder: &Path) -> Result<()> {
    remove(folder)?;
    fs::create_dir_all(folder).with_context(|| format!("cannot make {}", folder.display()))
}

/// Removes `folder` with all in it, if it is there.
pub(crate) fn remove(folder: &Path) -> Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}
