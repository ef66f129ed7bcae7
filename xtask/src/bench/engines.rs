//! `cargo xtask bench engines`: what each engine does in a second beside its plain client and, on PostgreSQL, beside the
//! queue that Node.js programs use.
//!
//! A round of ours and one of the peer's follow each other. Measuring is the work of programs of their own: the examples of
//! `reelmill-backends` print a line of JSON a round (`{"ours": {"jobs": …}, "plain": {"jobs": …}}`), those of
//! `bench/engines` one of their own rates.

mod engine;
mod report;

use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use reelmill_testbed::servers::{ACCESS_KEY, POSTGRES, SECRET_KEY};

use super::ratio::{Rates, Round, rates, rounds};
use crate::place::{Place, emptied, remove};
use crate::program::Program;
use crate::servers::Servers;
use crate::{circumstances, npm, setup, table};
pub(crate) use engine::postgres_database;
use engine::{CATALOGS, Engine, STORES, example};

/// How much is measured.
pub(crate) struct Sizes {
    /// What the report names as its command.
    command: &'static str,
    /// Turns of each.
    rounds: u32,
    /// Jobs that are under way at once on a catalog.
    tasks: u32,
    /// How long a turn on a catalog takes.
    seconds: u32,
    /// Jobs of a turn on PostgreSQL beside its peer.
    jobs: u32,
    /// Slots of a process there.
    workers: u32,
    /// An object's size.
    mib: u32,
    /// Whether the report is kept.
    is_written: bool,
}

/// What the report is made of.
pub(crate) const STATED: Sizes = Sizes {
    command: "cargo xtask bench engines",
    rounds: 5,
    tasks: 16,
    seconds: 3,
    jobs: 4000,
    workers: 8,
    mib: 64,
    is_written: true,
};

/// Enough to see that everything runs; the report is shown and not kept.
pub(crate) const SMALL: Sizes = Sizes {
    command: "cargo xtask bench engines --small",
    rounds: 3,
    tasks: 4,
    seconds: 1,
    jobs: 200,
    workers: 4,
    mib: 8,
    is_written: false,
};

/// One engine and what came of it.
struct Measured {
    title: &'static str,
    outcome: Outcome,
}

enum Outcome {
    Rounds(Vec<Round>),
    /// This machine has not what it takes.
    Missing(String),
    /// It should have been measured.
    Failed(String),
}

impl Outcome {
    /// Why there is no figure.
    fn reason(&self) -> Option<&str> {
        match self {
            Self::Rounds(_) => None,
            Self::Missing(reason) | Self::Failed(reason) => Some(reason),
        }
    }
}

struct Results {
    catalogs: Vec<Measured>,
    graphile: Measured,
    stores: Vec<Measured>,
}

impl Results {
    fn all(&self) -> impl Iterator<Item = &Measured> {
        self.catalogs.iter().chain([&self.graphile]).chain(&self.stores)
    }
}

/// Measures all engines that this machine has; whether none failed.
pub(crate) fn command(place: &Place, sizes: &Sizes) -> Result<bool> {
    setup::show(&setup::run(place)?);
    let built = place
        .cargo()
        .args(["build", "--release", "--package", "reelmill-backends", "--examples", "--features", "full"])
        .run()?;
    if !built {
        bail!("the measuring programs do not build");
    }
    emptied(&place.scratch())?;
    let bench = Bench { place, sizes, servers: Servers::start(place) };
    let results = Results {
        catalogs: CATALOGS.iter().map(|engine| bench.engine(engine, Bench::catalog)).collect(),
        graphile: bench.graphile(),
        stores: STORES.iter().map(|engine| bench.engine(engine, Bench::store)).collect(),
    };
    drop(bench);
    remove(&place.scratch())?;
    let text = report::text(&circumstances::table(place)?, &results, sizes)?;
    println!("\n{text}");
    let failed: Vec<_> = results.all().filter(|one| matches!(one.outcome, Outcome::Failed(_))).collect();
    let row = |one: &&Measured| vec![one.title.into(), one.outcome.reason().unwrap_or_default().into()];
    table::print("Failed", &["engine", "reason"], &failed.iter().map(row).collect::<Vec<_>>());
    if sizes.is_written && failed.is_empty() {
        let path = place.root.join("bench/reports/engines.md");
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(failed.is_empty())
}

struct Bench<'a> {
    place: &'a Place,
    sizes: &'a Sizes,
    servers: Servers,
}

impl Bench<'_> {
    fn engine(&self, engine: &Engine, measure: fn(&Self, &str) -> Result<Vec<Round>>) -> Measured {
        println!("measuring {}", engine.title);
        let server = engine.server.map_or_else(|| Ok(String::new()), |kind| self.servers.url(kind));
        let outcome = match server {
            Err(reason) => Outcome::Missing(reason.into()),
            Ok(server) => {
                outcome((engine.place)(&server, &self.place.scratch()).and_then(|url| measure(self, &url)))
            }
        };
        Measured { title: engine.title, outcome }
    }

    fn catalog(&self, url: &str) -> Result<Vec<Round>> {
        let Sizes { tasks, seconds, rounds, .. } = self.sizes;
        self.example("catalog_rate", url, &[tasks, seconds, rounds])
    }

    fn store(&self, url: &str) -> Result<Vec<Round>> {
        let Sizes { mib, rounds, .. } = self.sizes;
        self.example("objects_rate", url, &[mib, rounds])
    }

    fn example(&self, name: &str, url: &str, numbers: &[&u32]) -> Result<Vec<Round>> {
        let printed = self.program(name).args([url]).args(numbers.iter().map(ToString::to_string)).text()?;
        let rounds = rounds(&printed)?;
        if rounds.len() != self.sizes.rounds as usize {
            bail!("{name} printed {} rounds instead of {}", rounds.len(), self.sizes.rounds);
        }
        Ok(rounds)
    }

    fn program(&self, name: &str) -> Program {
        Program::new(example(&self.place.target, name))
            .env("AWS_ACCESS_KEY_ID", ACCESS_KEY)
            .env("AWS_SECRET_ACCESS_KEY", SECRET_KEY)
            .within(&self.place.scratch())
    }

    /// Turns of our catalog's and of `graphile-worker`'s jobs on one server.
    fn graphile(&self) -> Measured {
        let title = npm::GRAPHILE.0;
        println!("measuring {title}");
        let outcome = match (self.servers.url(&POSTGRES), self.peers()) {
            (Err(reason), _) => Outcome::Missing(reason.into()),
            (_, Err(error)) => Outcome::Missing(format!("{error:#}")),
            (Ok(server), Ok(())) => {
                outcome((1..=self.sizes.rounds).map(|round| self.turns(&server, round)).collect())
            }
        };
        Measured { title, outcome }
    }

    fn peers(&self) -> Result<()> {
        if npm::PEERS.are_there(self.place) { Ok(()) } else { npm::PEERS.install(self.place) }
    }

    fn turns(&self, server: &str, round: u32) -> Result<Round> {
        let numbers = [self.sizes.jobs.to_string(), self.sizes.workers.to_string()];
        let ours = postgres_database(server, &format!("ours_{round}"))?;
        let ours = self.program("catalog_rate").args(["drain", &ours]).args(&numbers);
        let ours = turn(ours)?;
        let peer = postgres_database(server, &format!("peer_{round}"))?;
        let peer = Program::new("node")
            .args([Path::new("bench/engines/graphile.mjs")])
            .args([&peer])
            .args(&numbers)
            .env("NODE_PATH", npm::PEERS.modules(self.place))
            .within(&self.place.root);
        Ok(Round { ours, peer: turn(peer)? })
    }
}

/// The rates that a program prints of one turn.
fn turn(program: Program) -> Result<Rates> {
    rates(&program.json()?)
}

fn outcome(rounds: Result<Vec<Round>>) -> Outcome {
    rounds.map_or_else(|error| Outcome::Failed(format!("{error:#}")), Outcome::Rounds)
}
