//! The real yt-dlp, in a Python environment of its own.
//!
//! Its packages are kept beside it: the test of `reelmill sources update` installs from them, asking no registry.

use std::path::PathBuf;

use anyhow::Result;

use crate::debian::PYTHON;
use crate::place::{Place, remove};
use crate::program::Program;

/// yt-dlp and all that it is installed with.
const PACKAGES: [&str; 11] = [
    "yt-dlp==2026.8.19",
    "yt-dlp-ejs==0.8.0",
    "brotli==1.2.1",
    "certifi==2026.10.18",
    "charset-normalizer==3.5.2",
    "idna==3.20",
    "mutagen==1.48.1",
    "pycryptodomex==3.24.2",
    "requests==2.34.2",
    "urllib3==2.8.0",
    "websockets==17.4",
];
/// The pinned version as the program says it.
const VERSION: &str = "2026.08.19";

/// The program.
pub(crate) fn program(place: &Place) -> PathBuf {
    environment(place).join("bin/yt-dlp")
}

/// Whether it is there, at the pinned version, with its packages.
pub(crate) fn is_present(place: &Place) -> bool {
    let wheels = environment(place).join("wheels");
    let count = std::fs::read_dir(wheels).map_or(0, Iterator::count);
    let said = Program::new(program(place)).args(["--ignore-config", "--version"]).text();
    count == PACKAGES.len() && said.is_ok_and(|said| said.trim() == VERSION)
}

/// Fetches its packages and installs them.
pub(crate) fn install(place: &Place) -> Result<()> {
    let environment = environment(place);
    remove(&environment)?;
    Program::new(PYTHON).args(["-m".as_ref(), "venv".as_ref(), environment.as_os_str()]).quietly()?;
    let wheels = environment.join("wheels");
    let pip = |words: &[&str]| Program::new(environment.join("bin/pip")).args(words);
    pip(&["download", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:", "--no-deps"])
        .args(["--dest".as_ref(), wheels.as_os_str()])
        .args(PACKAGES)
        .quietly()?;
    pip(&["install", "--quiet", "--disable-pip-version-check", "--no-index"])
        .args(["--find-links".as_ref(), wheels.as_os_str()])
        .args(PACKAGES)
        .quietly()
}

fn environment(place: &Place) -> PathBuf {
    place.venv("yt-dlp")
}
