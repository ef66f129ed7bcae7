//! `cargo xtask bench jobs`: how many durable jobs a second go through the service and how soon one starts, on SQLite,
//! and on PostgreSQL beside the queue that Node.js programs use.
//!
//! A round has a turn of each. The rates on SQLite have limits of their own, so that they are written down as they were
//! found, with the machine that they were found on; what compares is the ratio.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, bail};
use reelmill_testbed::servers::POSTGRES;

use super::engines::postgres_database;
use super::ratio::{Rates, Spread, rates};
use crate::place::{Place, emptied, remove};
use crate::program::Program;
use crate::servers::Servers;
use crate::{circumstances, npm, setup};

/// How much is measured.
pub(crate) struct Sizes {
    /// What the report names as its command.
    command: &'static str,
    /// Turns of each.
    rounds: u32,
    /// Jobs of a turn.
    jobs: u32,
    /// Jobs that are under way at once, and callers that ask for them.
    slots: u32,
    /// Whether the report is kept.
    is_written: bool,
}

/// What the report is made of.
pub(crate) const STATED: Sizes =
    Sizes { command: "cargo xtask bench jobs", rounds: 7, jobs: 3000, slots: 8, is_written: true };

/// Enough to see that everything runs; the report is shown and not kept.
pub(crate) const SMALL: Sizes =
    Sizes { command: "cargo xtask bench jobs --small", rounds: 2, jobs: 300, slots: 4, is_written: false };

/// Turns of one queue.
type Turns = Vec<Rates>;

struct Results {
    sqlite: Turns,
    postgres: Turns,
    graphile: Turns,
}

/// Measures; an error where something that should be there is not.
pub(crate) fn command(place: &Place, sizes: &Sizes) -> Result<bool> {
    setup::show(&setup::run(place)?);
    let build =
        ["build", "--release", "--package", "reelmill", "--example", "jobs_rate", "--features", "full"];
    if !place.cargo().args(build).run()? {
        bail!("the measuring program does not build");
    }
    if !npm::PEERS.are_there(place) {
        npm::PEERS.install(place)?;
    }
    emptied(&place.scratch())?;
    let servers = Servers::start(place);
    let server = servers.url(&POSTGRES).map_err(|reason| anyhow::anyhow!("{reason}"))?;
    let mut results = Results { sqlite: Vec::new(), postgres: Vec::new(), graphile: Vec::new() };
    for round in 1..=sizes.rounds {
        println!("round {round} of {}", sizes.rounds);
        let file = place.scratch().join(format!("jobs_{round}.sqlite"));
        results.sqlite.push(ours(place, sizes, &format!("sqlite:{}", file.display()))?);
        let database = postgres_database(&server, &format!("jobs_ours_{round}"))?;
        results.postgres.push(ours(place, sizes, &database)?);
        let database = postgres_database(&server, &format!("jobs_peer_{round}"))?;
        results.graphile.push(graphile(place, sizes, &database)?);
    }
    drop(servers);
    remove(&place.scratch())?;
    let text = text(&circumstances::table(place)?, sizes, &results)?;
    println!("\n{text}");
    if sizes.is_written {
        let path = place.root.join("bench/reports/jobs.md");
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        println!("wrote {}", path.display());
    }
    Ok(true)
}

fn numbers(sizes: &Sizes) -> [String; 2] {
    [sizes.jobs.to_string(), sizes.slots.to_string()]
}

fn ours(place: &Place, sizes: &Sizes, url: &str) -> Result<Rates> {
    let program = Program::new(place.target.join("release/examples/jobs_rate"));
    let told = program.args([url]).args(numbers(sizes)).within(&place.scratch()).json()?;
    rates(&told)
}

fn graphile(place: &Place, sizes: &Sizes, url: &str) -> Result<Rates> {
    let told = Program::new("node")
        .args([Path::new("bench/jobs/graphile.mjs")])
        .args([url])
        .args(numbers(sizes))
        .env("NODE_PATH", npm::PEERS.modules(place))
        .within(&place.root)
        .json()?;
    rates(&told)
}

fn text(circumstances: &str, sizes: &Sizes, results: &Results) -> Result<String> {
    let Sizes { command, rounds, jobs, slots, .. } = sizes;
    let (name, version) = npm::GRAPHILE;
    let mut text = format!("# Jobs\n\n`{command}`\n\n{circumstances}\n");
    write!(
        text,
        "{jobs} jobs that have nothing to do in each of {rounds} rounds, asked for one a call by {slots} callers while one process\n\
         with {slots} slots works at them; then 300 one after the other, from the call to the job's start. Each step of a job\n\
         is committed before the next: asked for, claimed, its result's key on record, done with its output. Median, least and\n\
         most are over the rounds.\n\n\
         ## SQLite, `synchronous=FULL`\n\n\
         | Figure | Median | Least | Most | Limit |\n| --- | --- | --- | --- | --- |\n"
    )?;
    for (what, title, limit) in [
        ("jobs", "jobs per second", "≥ 300"),
        ("start_p50_ms", "from the call to the start, half of all, ms", ""),
        ("start_p95_ms", "from the call to the start, 95 of 100, ms", "≤ 20"),
    ] {
        let Spread { least, median, most } = spread(&results.sqlite, what)?;
        writeln!(text, "| {title} | {median:.1} | {least:.1} | {most:.1} | {limit} |")?;
    }
    write!(
        text,
        "\n## PostgreSQL, beside {name} {version}\n\n\
         Both on one server that is private to the run (`fsync=off` for both), each turn in a new database, {name} by its own\n\
         defaults. Ours keeps the job and its output, {name} deletes the job's row. A ratio is ours to the peer's of one\n\
         round: of jobs a second more is better, of waits less.\n\n\
         | Ratio | Median | Least | Most |\n| --- | --- | --- | --- |\n"
    )?;
    for (what, title) in [
        ("jobs", "jobs per second"),
        ("start_p50_ms", "from the call to the start, half of all"),
        ("start_p95_ms", "from the call to the start, 95 of 100"),
    ] {
        let pairs = results.postgres.iter().zip(&results.graphile);
        let ratios: Option<Vec<f64>> =
            pairs.map(|(ours, peer)| Some(ours.get(what)? / peer.get(what)?)).collect();
        let Spread { least, median, most } = Spread::of(ratios.with_context(|| format!("no `{what}`"))?);
        writeln!(text, "| {title} | {median:.2} | {least:.2} | {most:.2} |")?;
    }
    Ok(text)
}

fn spread(turns: &[Rates], what: &str) -> Result<Spread> {
    let values: Option<Vec<f64>> = turns.iter().map(|turn| turn.get(what).copied()).collect();
    Ok(Spread::of(values.with_context(|| format!("no `{what}`"))?))
}

#[cfg(test)]
mod tests {
    use super::{Rates, Results, STATED, text};

    fn turn(jobs: f64, p50: f64, p95: f64) -> Rates {
        [("jobs", jobs), ("start_p50_ms", p50), ("start_p95_ms", p95)]
            .map(|(what, value)| (what.into(), value))
            .into()
    }

    #[test]
    fn a_report_has_figures_of_sqlite_and_ratios_to_the_peer() {
        let results = Results {
            sqlite: vec![turn(400.0, 3.0, 9.0), turn(500.0, 4.0, 8.0), turn(450.0, 3.5, 8.5)],
            postgres: vec![turn(300.0, 4.0, 8.0)],
            graphile: vec![turn(200.0, 8.0, 10.0)],
        };
        let text = text("| Processor | 2 cores |\n", &STATED, &results).unwrap();
        for line in [
            "| jobs per second | 450.0 | 400.0 | 500.0 | ≥ 300 |",
            "| from the call to the start, 95 of 100, ms | 8.5 | 8.0 | 9.0 | ≤ 20 |",
            "| jobs per second | 1.50 | 1.50 | 1.50 |",
            "| from the call to the start, half of all | 0.50 | 0.50 | 0.50 |",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
        }
    }
}
