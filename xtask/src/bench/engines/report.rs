//! What `bench engines` writes down: ratios with their spread, and at what size they were taken. No rate, since that
//! says more of the machine than of the engine.

use std::fmt::Write as _;

use anyhow::Result;

use super::super::ratio::{self, Spread};
use super::{Measured, Outcome, Results, Sizes};
use crate::npm::GRAPHILE;

/// The report's text.
pub(crate) fn text(circumstances: &str, results: &Results, sizes: &Sizes) -> Result<String> {
    let mut text = format!("# Engines\n\n`{}`\n\n{circumstances}\n", sizes.command);
    text.push_str(
        "Every figure is a ratio of two rates, ours to the peer's, so above 1 ours does more in a second. Both took turns,\n\
         ours first; a ratio is of one round, and least, median and most are over the rounds. The servers are private to the\n\
         run and on this machine. PostgreSQL runs with `fsync=off` and MariaDB leaves its log to the kernel, for both sides:\n\
         these ratios are of what a client costs, not of a disk. Names in brackets stand in for the service.\n",
    );
    catalogs(&mut text, &results.catalogs, sizes)?;
    graphile(&mut text, &results.graphile, sizes)?;
    stores(&mut text, &results.stores, sizes)?;
    left_out(&mut text, results)?;
    Ok(text)
}

fn catalogs(text: &mut String, measured: &[Measured], sizes: &Sizes) -> Result<()> {
    let Sizes { rounds, tasks, seconds, .. } = sizes;
    write!(
        text,
        "\n## Catalogs, beside the plain client\n\n\
         A job is enqueued, looked for among those that are due, claimed, beaten for once and ended with its output, each\n\
         step committed before the next. {tasks} jobs at once, {rounds} rounds of {seconds} s each. Plain is the least that\n\
         leaves the same job behind: single statements of `sqlx`, calls of `aws-sdk-dynamodb` on a table with one index.\n\n\
         | Jobs per second | Least | Median | Most |\n| --- | --- | --- | --- |\n"
    )?;
    for (title, spreads) in spreads(measured) {
        for spread in spreads?.values() {
            writeln!(text, "| {title} | {} |", cells(spread))?;
        }
    }
    Ok(())
}

fn graphile(text: &mut String, measured: &Measured, sizes: &Sizes) -> Result<()> {
    let Sizes { rounds, jobs, workers, .. } = sizes;
    let (name, version) = GRAPHILE;
    write!(
        text,
        "\n## PostgreSQL, beside {name} {version}\n\n\
         {jobs} jobs with nothing to do in each of {rounds} rounds: added one a call by {workers} callers, then run by one\n\
         process with {workers} slots. Both on the same server, each round in a new database, {name} by its own defaults.\n\
         Ours claims as a process of Reelmill does, one look and one conditional write after the other, and ends jobs in\n\
         all slots at once without a beat; it keeps the job and adds an output, where {name} deletes the job's row.\n\n\
         | Jobs per second | Least | Median | Most |\n| --- | --- | --- | --- |\n"
    )?;
    for (_, spreads) in spreads(std::slice::from_ref(measured)) {
        let spreads = spreads?;
        for (step, title) in [("enqueue", "enqueue"), ("work", "claim to done"), ("whole", "enqueue to done")]
        {
            if let Some(spread) = spreads.get(step) {
                writeln!(text, "| {title} | {} |", cells(spread))?;
            }
        }
    }
    Ok(())
}

fn stores(text: &mut String, measured: &[Measured], sizes: &Sizes) -> Result<()> {
    let Sizes { rounds, mib, .. } = sizes;
    write!(
        text,
        "\n## Object stores, beside the plain client\n\n\
         One object of {mib} MiB at a time, {rounds} rounds after one to warm up. Plain is one request an object, with nothing\n\
         held back to be patched, no checksum and no condition; on disk, a file written and synced; on GridFS, the\n\
         driver's own bucket.\n\n\
         | Bytes per second | Least | Median | Most |\n| --- | --- | --- | --- |\n"
    )?;
    for (title, spreads) in spreads(measured) {
        let spreads = spreads?;
        for way in ["upload", "download"] {
            if let Some(spread) = spreads.get(way) {
                writeln!(text, "| {title}, {way} | {} |", cells(spread))?;
            }
        }
    }
    Ok(())
}

fn left_out(text: &mut String, results: &Results) -> Result<()> {
    let reasons: Vec<_> = results.all().filter_map(|one| Some((one.title, one.outcome.reason()?))).collect();
    if reasons.is_empty() {
        return Ok(());
    }
    writeln!(text, "\n## Left out\n\n| Engine | Reason |\n| --- | --- |")?;
    for (title, reason) in reasons {
        writeln!(text, "| {title} | {} |", reason.replace('|', "/"))?;
    }
    Ok(())
}

type Spreads = std::collections::BTreeMap<String, Spread>;

/// Of those that were measured.
fn spreads(measured: &[Measured]) -> impl Iterator<Item = (&'static str, Result<Spreads>)> {
    measured.iter().filter_map(|one| match &one.outcome {
        Outcome::Rounds(rounds) => Some((one.title, ratio::spreads(rounds))),
        Outcome::Missing(_) | Outcome::Failed(_) => None,
    })
}

fn cells(spread: &Spread) -> String {
    format!("{:.2} | {:.2} | {:.2}", spread.least, spread.median, spread.most)
}

#[cfg(test)]
mod tests {
    use crate::bench::engines::{Measured, Outcome, Results, STATED};
    use crate::bench::ratio::{Rates, Round};

    fn measured(title: &'static str, whats: &[&str], ratio: f64) -> Measured {
        let rates = |rate: f64| whats.iter().map(|what| ((*what).to_owned(), rate)).collect::<Rates>();
        let round = Round { ours: rates(1234.5 * ratio), peer: rates(1234.5) };
        Measured { title, outcome: Outcome::Rounds(vec![round]) }
    }

    #[test]
    fn a_report_holds_ratios_and_no_rates_and_says_what_is_left_out() {
        let results = Results {
            catalogs: vec![measured("SQLite", &["jobs"], 0.91)],
            graphile: measured("graphile-worker", &["enqueue", "work", "whole"], 1.5),
            stores: vec![
                measured("disk", &["upload", "download"], 0.8),
                Measured { title: "S3", outcome: Outcome::Missing("weed is not installed".into()) },
            ],
        };
        let text = super::text("| Processor | 2 cores |\n", &results, &STATED).unwrap();
        for line in [
            "| Processor | 2 cores |",
            "| SQLite | 0.91 | 0.91 | 0.91 |",
            "| claim to done | 1.50 | 1.50 | 1.50 |",
            "| disk, download | 0.80 | 0.80 | 0.80 |",
            "| S3 | weed is not installed |",
        ] {
            assert!(text.lines().any(|have| have == line), "{line} is not in\n{text}");
        }
        assert!(!text.contains("1234") && !text.contains("1123"), "{text}");
    }
}
