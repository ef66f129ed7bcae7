//! `cargo xtask soak`: end-to-end cases at the size they are stated for, and a report of what they measured.
//!
//! The cases are those of the area `soak`; in the daily run they are small. Under `REELMILL_SOAK=1` they take their
//! stated size and append their figures to the file `REELMILL_REPORT`, one JSON object a line:
//!
//! `{"case": "soak::a_large_upload…", "figure": "peak resident memory", "value": 187.2, "unit": "MiB", "limit": "≤ 256"}`
//!
//! `limit` may be absent. The report says where and on what the figures were taken, since they mean nothing without.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::cases::{self, Case, Counts, Outcome, Selection};
use crate::place::{Place, emptied, remove};
use crate::servers::Servers;
use crate::{circumstances, setup, test};

/// Runs the cases of the area `soak` whose names begin with `name`, or all; whether they passed.
pub(crate) fn command(place: &Place, name: Option<&str>) -> Result<bool> {
    let name = name.unwrap_or_default();
    if !name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_') {
        bail!("`{name}` is no beginning of a case's name");
    }
    emptied(&place.ignored())?;
    emptied(&place.scratch())?;
    if place.figures().exists() {
        fs::remove_file(place.figures()).context("cannot remove the last run's figures")?;
    }
    setup::show(&setup::run(place)?);
    if !test::build(place)? {
        bail!("the release binary does not build");
    }
    let servers = Servers::start(place);
    let mut environment = setup::environment(place);
    environment.extend(servers.environment());
    environment.push(("REELMILL_BIN", place.binary().into_os_string()));
    environment.push(("REELMILL_SOAK", "1".into()));
    environment.push(("REELMILL_REPORT", place.figures().into_os_string()));
    let filter = format!("binary(e2e) & test(/^soak::{name}/)");
    let (cases, content) =
        cases::run(place, &Selection { profile: "soak", filter: &filter, environment: &environment })?;
    drop(servers);
    remove(&place.scratch())?;

    let folder = place.root.join("bench/reports");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    let path = folder.join(format!("{}.md", if name.is_empty() { "soak" } else { name }));
    fs::write(&path, report(place, name, &cases)?)
        .with_context(|| format!("cannot write {}", path.display()))?;
    println!("wrote {}", path.display());
    let Counts { passed, failed, ignored } = Counts::of(&cases);
    println!("\n{passed} passed, {failed} failed, {ignored} skipped");
    Ok(content && failed == 0)
}

fn report(place: &Place, name: &str, cases: &[Case]) -> Result<String> {
    let figures = match fs::read_to_string(place.figures()) {
        Ok(text) => text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?,
        Err(_) => Vec::new(),
    };
    let command = format!("cargo xtask soak {name}");
    let mut text = format!("# Soak\n\n`{}`\n", command.trim_end());
    writeln!(text, "\n{}", circumstances::table(place)?.trim_end())?;
    writeln!(text, "\n| Case | Result |\n| --- | --- |")?;
    for case in cases {
        let result = match &case.outcome {
            Outcome::Passed => "passed",
            Outcome::Failed => "**failed**",
            Outcome::Ignored(reason) => reason,
        };
        writeln!(text, "| {} | {result} |", case.name)?;
    }
    writeln!(text, "\n| Case | Figure | Value | Limit |\n| --- | --- | --- | --- |")?;
    for figure in figures {
        let cell = |key: &str| match &figure[key] {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        let (case, what, value) = (cell("case"), cell("figure"), cell("value"));
        writeln!(text, "| {case} | {what} | {value} {} | {} |", cell("unit"), cell("limit"))?;
    }
    Ok(text)
}
