//! Packages of npm, each list in a folder of its own with nothing besides.
//!
//! A list is installed all at once, since npm takes away what a command does not name.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::place::Place;
use crate::program::Program;

/// Packages that lie together.
pub(crate) struct Packages {
    /// Their folder's name.
    folder: &'static str,
    /// Name and version of each.
    pinned: &'static [(&'static str, &'static str)],
}

/// What tests call: the last `playwright-core` that runs on Debian 12's Node.js 18 (it drives today's Chromium), `eris`,
/// a Discord library with a DCA reader of its own, and `tus-js-client`, by which web pages take uploads up again.
pub(crate) const TESTS: Packages = Packages {
    folder: "npm",
    pinned: &[("playwright-core", "1.56.1"), ("eris", "0.18.0"), ("tus-js-client", "4.3.1")],
};

/// What `bench` measures against: the last `graphile-worker` that runs on Node.js 18, and the part of it that it does not
/// pin itself.
pub(crate) const PEERS: Packages = Packages {
    folder: "npm-peers",
    pinned: &[(GRAPHILE.0, GRAPHILE.1), ("graphile-config", "0.0.1-beta.18"), ("pg", "8.23.1")],
};

/// The queue on PostgreSQL that Node.js programs use.
pub(crate) const GRAPHILE: (&str, &str) = ("graphile-worker", "0.17.3");

impl Packages {
    /// Whether all are there in their versions.
    pub(crate) fn are_there(&self, place: &Place) -> bool {
        self.pinned.iter().all(|(name, version)| {
            let package = self.modules(place).join(name).join("package.json");
            let Ok(text) = fs::read(package) else { return false };
            serde_json::from_slice::<Value>(&text).is_ok_and(|package| package["version"] == *version)
        })
    }

    /// Fetches them.
    pub(crate) fn install(&self, place: &Place) -> Result<()> {
        let folder = place.npm(self.folder);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Program::new("npm")
            .args([
                "install",
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                "--no-save",
                "--omit=optional",
                "--prefix",
            ])
            .args([&folder])
            .args(self.pinned.iter().map(|(name, version)| format!("{name}@{version}")))
            .within(&folder)
            .quietly()
    }

    /// What Node.js takes as `NODE_PATH`.
    pub(crate) fn modules(&self, place: &Place) -> PathBuf {
        place.npm(self.folder).join("node_modules")
    }
}
