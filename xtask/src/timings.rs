//! `cargo xtask timings`: how long a newcomer's first build takes, and what it goes to.
//!
//! It builds in an empty folder outside the checkout, so that nothing built before helps, and reads the units out of
//! cargo's own report.

use std::collections::HashMap;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::place::{Place, emptied, remove};
use crate::table;

/// How many crates are shown.
const SHOWN: usize = 15;

/// What Linux counts a process's time in, always: `USER_HZ`.
const TICKS_PER_SECOND: u64 = 100;

/// Builds the release binary from nothing and prints wall time, CPU time and the heaviest crates.
pub(crate) fn command(place: &Place) -> Result<bool> {
    let folder = std::env::temp_dir().join(format!("reelmill-timings-{}", std::process::id()));
    emptied(&folder)?;
    let (began, before) = (Instant::now(), children_cpu()?);
    let built = place
        .cargo()
        .args(["build", "--release", "--timings", "--package", "reelmill"])
        .env("CARGO_TARGET_DIR", &folder)
        .run()?;
    let (wall, cpu) = (began.elapsed(), children_cpu()?.saturating_sub(before));
    if !built {
        remove(&folder)?;
        bail!("the release binary does not build");
    }
    let units = units(&folder.join("cargo-timings/cargo-timing.html"))?;
    remove(&folder)?;

    let heaviest = heaviest(&units);
    let row = |(name, seconds): &(String, f64)| vec![name.clone(), format!("{seconds:.1} s")];
    table::print(
        "Heaviest crates, all their units",
        &["crate", "time"],
        &heaviest.iter().take(SHOWN).map(row).collect::<Vec<_>>(),
    );
    println!(
        "\n{} crates, {} on the clock, {} CPU-seconds",
        heaviest.len(),
        table::seconds(wall),
        cpu.as_secs()
    );
    Ok(true)
}

/// What cargo's report says of each unit of the build.
fn units(path: &Path) -> Result<Vec<Value>> {
    let page = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let (_, rest) = page.split_once("const UNIT_DATA = ").context("cargo's report has no UNIT_DATA")?;
    let list = serde_json::Deserializer::from_str(rest).into_iter().next().context("UNIT_DATA is empty")?;
    list.context("UNIT_DATA is no JSON")
}

/// Crates by the time that all their units took together, longest first.
fn heaviest(units: &[Value]) -> Vec<(String, f64)> {
    let mut sums: HashMap<String, f64> = HashMap::new();
    for unit in units {
        let name =
            format!("{} {}", unit["name"].as_str().unwrap_or("?"), unit["version"].as_str().unwrap_or("?"));
        *sums.entry(name).or_default() += unit["duration"].as_f64().unwrap_or_default();
    }
    let mut sums: Vec<(String, f64)> = sums.into_iter().collect();
    sums.sort_by(|a, b| b.1.total_cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    sums
}

/// The processor time of all children that have ended, and of theirs.
fn children_cpu() -> Result<Duration> {
    let stat = fs::read_to_string("/proc/self/stat").context("cannot read the processor time")?;
    // The second field is the program's name in brackets and may hold blanks; the two sums are fields 16 and 17.
    let (_, rest) = stat.rsplit_once(')').context("the processor time cannot be read")?;
    let ticks = rest.split_whitespace().skip(13).take(2).map(str::parse::<u64>).sum::<Result<u64, _>>()?;
    Ok(Duration::from_millis(ticks * 1000 / TICKS_PER_SECOND))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::heaviest;

    #[test]
    fn the_units_of_one_crate_count_together() {
        let unit =
            |name: &str, duration: f64| json!({ "name": name, "version": "1.0.0", "duration": duration });
        let sums = heaviest(&[unit("light", 2.0), unit("heavy", 1.5), unit("heavy", 1.0)]);
        assert_eq!(sums, [("heavy 1.0.0".to_owned(), 2.5), ("light 1.0.0".to_owned(), 2.0)]);
    }
}
