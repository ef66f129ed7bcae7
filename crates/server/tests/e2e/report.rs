//! Figures that a case measured: printed, and kept where `cargo xtask soak` asks for them.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::time::Duration;

use serde_json::json;

/// Tells a figure of the running case.
pub(crate) fn figure(case: &str, what: &str, value: f64, unit: &str, limit: Option<&str>) {
    let value = (value * 100.0).round() / 100.0;
    println!("{case}: {what} {value} {unit}{}", limit.map(|limit| format!(" ({limit})")).unwrap_or_default());
    let Some(path) = std::env::var_os("REELMILL_REPORT") else { return };
    let mut line = json!({"case": case, "figure": what, "value": value, "unit": unit});
    if let Some(limit) = limit {
        line["limit"] = limit.into();
    }
    let mut file = OpenOptions::new().append(true).create(true).open(path).unwrap();
    writeln!(file, "{line}").unwrap();
}

/// Tells how long something took.
pub(crate) fn seconds(case: &str, what: &str, took: Duration) {
    figure(case, what, took.as_secs_f64(), "s", None);
}

/// Bytes as MiB.
#[expect(clippy::cast_precision_loss, reason = "a figure for people")]
pub(crate) fn mib(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}
