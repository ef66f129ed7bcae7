//! When, where and of what a report's figures were taken, since they mean nothing without.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context, Result};

use crate::place::Place;
use crate::program::Program;

/// A table for a report.
pub(crate) fn table(place: &Place) -> Result<String> {
    let mut text = "| | |\n| --- | --- |\n".to_owned();
    for (what, value) in circumstances(place)? {
        writeln!(text, "| {what} | {value} |")?;
    }
    Ok(text)
}

fn circumstances(place: &Place) -> Result<Vec<(&'static str, String)>> {
    let git = |words: &[&str]| Program::new("git").args(words).within(&place.root).text();
    let changed = !git(&["status", "--porcelain", "--untracked-files=no"])?.is_empty();
    let commit = git(&["rev-parse", "--short=12", "HEAD"])?;
    let processor = field("/proc/cpuinfo", "model name")?;
    let cores = std::thread::available_parallelism().context("cannot count the cores")?;
    let memory_kib: u64 = field("/proc/meminfo", "MemTotal")?.trim_end_matches(" kB").parse()?;
    Ok(vec![
        ("Date", Program::new("date").args(["-u", "+%Y-%m-%d"]).text()?.trim().to_owned()),
        ("Commit", format!("{}{}", commit.trim(), if changed { " with changes" } else { "" })),
        ("Processor", format!("{cores} cores, {processor}")),
        ("Memory", format!("{} GiB", memory_kib.div_ceil(1024 * 1024))),
        ("Kernel", fs::read_to_string("/proc/sys/kernel/osrelease")?.trim().to_owned()),
    ])
}

/// The first value of `name` in a file of `name: value` lines.
fn field(path: &str, name: &str) -> Result<String> {
    let text = fs::read_to_string(path).with_context(|| format!("cannot read {path}"))?;
    let value = text.lines().filter_map(|line| line.split_once(':')).find(|(key, _)| key.trim() == name);
    Ok(value.with_context(|| format!("{path} has no {name}"))?.1.trim().to_owned())
}
