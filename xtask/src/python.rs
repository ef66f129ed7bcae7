//! Python environments, each with the packages that a list pins and nothing else.
//!
//! The list is kept in the environment as the last step of an installation, so that whether it is complete is one
//! comparison, and a changed list makes it anew.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};

use crate::debian::PYTHON;
use crate::place::{Place, remove};
use crate::program::Program;

/// An environment that a list describes.
pub(crate) struct Environment {
    /// What it is for, and its folder's name.
    pub(crate) name: &'static str,
    /// A line `package==version` for each package; none is added to them.
    packages: &'static str,
}

/// `SeaweedFS`, whose program is in the package.
pub(crate) const SEAWEEDFS: Environment =
    Environment { name: "seaweedfs", packages: include_str!("../python/seaweedfs.txt") };
/// `SecantusDB`.
pub(crate) const SECANTUS: Environment =
    Environment { name: "secantusdb", packages: include_str!("../python/secantusdb.txt") };
/// `fake-gcs-server`, whose program is in the package.
pub(crate) const GCS: Environment =
    Environment { name: "fake-gcs-server", packages: include_str!("../python/fake-gcs-server.txt") };
/// A mail server, and what makes its certificates.
pub(crate) const MAIL: Environment =
    Environment { name: "mail", packages: include_str!("../python/mail.txt") };
/// The makers' own clients of the clouds' services, brokers and databases.
pub(crate) const CLOUD: Environment =
    Environment { name: "cloud", packages: include_str!("../python/cloud.txt") };

/// All of them.
pub(crate) const ENVIRONMENTS: [Environment; 5] = [SEAWEEDFS, SECANTUS, GCS, MAIL, CLOUD];

impl Environment {
    /// Whether it is there with the packages of the list.
    pub(crate) fn is_there(&self, place: &Place) -> bool {
        fs::read_to_string(self.record(place)).is_ok_and(|installed| installed == self.packages)
    }

    /// A path in its folder, where it is there.
    pub(crate) fn path(&self, place: &Place, within: &str) -> Option<PathBuf> {
        let path = place.venv(self.name).join(within);
        (self.is_there(place) && path.exists()).then_some(path)
    }

    /// Makes it anew.
    pub(crate) fn install(&self, place: &Place) -> Result<()> {
        let folder = place.venv(self.name);
        remove(&folder)?;
        Program::new(PYTHON).args(["-m".as_ref(), "venv".as_ref(), folder.as_os_str()]).quietly()?;
        Program::new(folder.join("bin/pip"))
            .args([
                "install",
                "--quiet",
                "--disable-pip-version-check",
                "--only-binary",
                ":all:",
                "--no-deps",
            ])
            .args(self.packages.split_whitespace())
            .quietly()?;
        let record = self.record(place);
        fs::write(&record, self.packages).with_context(|| format!("cannot write {}", record.display()))
    }

    fn record(&self, place: &Place) -> PathBuf {
        place.venv(self.name).join("installed.txt")
    }
}
