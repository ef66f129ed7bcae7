//! Checks the dependencies by `deny.toml`: licences, bans, sources; and advisories where their database can be had.
//!
//! The first three need the lockfile only and must pass. The advisories are a repository of their own: a machine that
//! reaches nothing but package registries cannot have it, which is said and is no failure.

use anyhow::Result;

use crate::place::Place;
use crate::program::Program;

/// Long enough to fetch the database, short enough where a network swallows packets.
const ADVISORIES_TIMEOUT_S: &str = "120";

/// What the check of the advisories came to.
pub(crate) enum Advisories {
    /// None applies.
    Clear,
    /// Some apply; cargo-deny has said which.
    Found,
    /// Their database is out of reach.
    OutOfReach,
}

/// Whether licences, bans and sources are as `deny.toml` wants them. Warnings stay unsaid: `cargo deny check` has them.
pub(crate) fn check(place: &Place) -> Result<bool> {
    place.cargo().args(["deny", "--log-level", "error", "check", "licenses", "bans", "sources"]).run()
}

/// Compares the lockfile with the published advisories.
pub(crate) fn advisories(place: &Place) -> Result<Advisories> {
    let output = Program::new("timeout")
        .args([ADVISORIES_TIMEOUT_S, "cargo", "deny", "--log-level", "error", "check", "advisories"])
        .within(&place.root)
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr);
    if output.status.success() {
        return Ok(Advisories::Clear);
    }
    if said.contains("failed to fetch advisory database") || output.status.code() == Some(TIMED_OUT) {
        return Ok(Advisories::OutOfReach);
    }
    print!("{said}");
    Ok(Advisories::Found)
}

/// What coreutils' `timeout` ends with when it had to end the program.
const TIMED_OUT: i32 = 124;
