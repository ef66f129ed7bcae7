//! A film in a store a network away: an example of `reelmill-backends` measures it, as it can say what was asked for.
//!
//! `store_reading STORE FILM ROUNDS` puts the file FILM into STORE, reads it from there through the testbed's proxy, which
//! is 20 ms away and passes 50 MB a second, and prints a line a round:
//! `{"ours": {"seconds": …, "requests": …, "bytes": …}, "plain": {"seconds": …, …}}`, where plain is the faster of
//! one read of everything and ranges of the audio alone.

use anyhow::{Result, bail};
use reelmill_testbed::servers::{ACCESS_KEY, SEAWEEDFS, SECRET_KEY};

use super::super::ratio::{Round, rounds};
use super::Sizes;
use super::material::Material;
use crate::place::Place;
use crate::program::Program;
use crate::servers::Servers;

const EXAMPLE: &str = "store_reading";

/// What came of it.
pub(crate) enum Outcome {
    Rounds(Vec<Round>),
    /// This checkout or this machine has not what it takes.
    Missing(String),
    Failed(String),
}

impl Outcome {
    /// What went wrong, where something did.
    pub(crate) fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(reason) => Some(reason),
            Self::Rounds(_) | Self::Missing(_) => None,
        }
    }
}

/// Measures it, where the example is there.
pub(crate) fn measure(place: &Place, sizes: &Sizes, material: &Material) -> Outcome {
    if !place.root.join(format!("crates/backends/examples/{EXAMPLE}/main.rs")).is_file() {
        return Outcome::Missing(format!("there is no example {EXAMPLE} of reelmill-backends yet"));
    }
    println!("measuring a film in a store");
    let servers = Servers::start(place);
    match servers.url(&SEAWEEDFS) {
        Err(reason) => Outcome::Missing(reason.into()),
        Ok(server) => taken(place, sizes, material, &server)
            .map_or_else(|error| Outcome::Failed(format!("{error:#}")), Outcome::Rounds),
    }
}

fn taken(place: &Place, sizes: &Sizes, material: &Material, server: &str) -> Result<Vec<Round>> {
    let build = ["build", "--release", "--package", "reelmill-backends", "--features", "full", "--example"];
    if !place.cargo().args(build).args([EXAMPLE]).run()? {
        bail!("{EXAMPLE} does not build");
    }
    let film = material.large_film(sizes.lengths.film_s)?;
    let keys = format!("access_key={ACCESS_KEY}&secret_key={SECRET_KEY}");
    let printed = Program::new(place.target.join("release/examples").join(EXAMPLE))
        .args([format!("s3://reelmill-bench/media?endpoint={server}&{keys}")])
        .args([film])
        .args([sizes.rounds.to_string()])
        .within(&place.scratch())
        .text()?;
    let rounds = rounds(&printed)?;
    if rounds.len() != sizes.rounds as usize {
        bail!("{EXAMPLE} printed {} rounds instead of {}", rounds.len(), sizes.rounds);
    }
    Ok(rounds)
}
