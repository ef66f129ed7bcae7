//! `reelmill migrate-objects`: all that the catalog names, from one store to another, beside a running server.

use std::io::IsTerminal as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use reelmill_backends::{catalog, objects};
use reelmill_service::{MoveStep, Moved, Moving};
use serde_json::json;

use super::Outcome;
use super::failure::Failure;
use super::flags::{Cataloguing, Flags};
use super::keeping::{self, refuse_memory};
use super::say::{say, say_json};
use super::words::size;
use crate::config::{BackendUrl, Config, Value as _};
use crate::{data_dir, wiring};

/// How many objects that could not be moved are shown.
const SHOWN: usize = 20;

/// Copy all objects that the catalog names to another store, and prove each by its hash
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Runs beside a server: it goes on until nothing new is found. What is at the destination and right is left alone, so a
command that was stopped is begun again. The source is only read; delete it yourself once you are sure.

Examples:
  reelmill migrate-objects file: s3://bucket/reelmill?region=eu-central-1
  reelmill migrate-objects file:///srv/media gridfs://mongo/ --catalog mysql://me@db/reelmill

Exit codes: 0 all of them are there, 1 some are not.")]
pub(super) struct MigrateObjects {
    /// The URL of the store where they are; `file:` is the data folder's own
    from: String,
    /// The URL of the store where they shall be
    to: String,
    /// How many are copied at a time
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..=256))]
    parallel: u16,
    #[command(flatten)]
    flags: Flags<Cataloguing>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl MigrateObjects {
    pub(super) fn run(self) -> Outcome {
        let config = self.flags.load()?.config;
        refuse_memory(&config)?;
        let (from, to) = (store(&self.from)?, store(&self.to)?);
        if from.expose() == to.expose() {
            return Err(Failure::usage("both stores are the same"));
        }
        if [&from, &to].iter().any(|store| store.scheme() == "memory") {
            return Err(Failure::usage("a store in memory is gone with its process"));
        }
        let moved = keeping::runtime()?.block_on(async {
            let moving = open(&config, &from, &to, usize::from(self.parallel)).await?;
            let line = Line::new(self.json);
            moving.run(|step| line.note(step)).await.map_err(|error| {
                Failure::failed(format!("{error}; the same command goes on where this one ended"))
            })
        })?;
        if self.json {
            say_json(&as_json(&moved))?;
        } else {
            say(as_text(&moved, &to))?;
        }
        Ok(if moved.failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

fn store(text: &str) -> Result<BackendUrl, Failure> {
    BackendUrl::parse(text)
        .ok_or_else(|| Failure::usage("a store is given as a URL, `file:` or `s3://bucket` for instance"))
}

async fn open(
    config: &Config,
    from: &BackendUrl,
    to: &BackendUrl,
    at_once: usize,
) -> Result<Moving, Failure> {
    data_dir::make(&config.data_dir).map_err(|error| Failure::failed(format!("{error:#}")))?;
    let deployment = wiring::deployment(config);
    let catalog = catalog::open(config.catalog.expose(), &deployment)
        .await
        .map_err(|error| Failure::failed(format!("cannot open the catalog {}: {error}", config.catalog)))?;
    let opened = async |url: &BackendUrl| {
        let opened = objects::open(url.expose(), &deployment).await;
        opened.map_err(|error| Failure::failed(format!("cannot open the store {url}: {error}")))
    };
    Ok(Moving { catalog, from: opened(from).await?, to: opened(to).await?, at_once })
}

/// How far it is, on a terminal.
struct Line {
    bar: ProgressBar,
    objects: AtomicU64,
    bytes: AtomicU64,
}

impl Line {
    fn new(is_quiet: bool) -> Self {
        let bar = ProgressBar::new_spinner();
        if is_quiet || !std::io::stderr().is_terminal() {
            bar.set_draw_target(ProgressDrawTarget::hidden());
        } else {
            bar.set_style(
                ProgressStyle::with_template("{spinner} {msg}")
                    .unwrap_or_else(|_| ProgressStyle::default_spinner()),
            );
            bar.enable_steady_tick(Duration::from_millis(100));
        }
        Self { bar, objects: AtomicU64::new(0), bytes: AtomicU64::new(0) }
    }

    fn note(&self, step: MoveStep) {
        match step {
            MoveStep::Bytes(bytes) => self.bytes.fetch_add(bytes, Ordering::Relaxed),
            MoveStep::Object => self.objects.fetch_add(1, Ordering::Relaxed),
        };
        let (objects, bytes) = (self.objects.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        self.bar.set_message(format!("{objects} objects, {} copied", size(bytes)));
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

fn as_text(moved: &Moved, to: &BackendUrl) -> String {
    let mut lines: Vec<_> =
        moved.failures.iter().take(SHOWN).map(|(key, said)| format!("{key}: {said}")).collect();
    let more = moved.failed.saturating_sub(lines.len() as u64);
    if more > 0 {
        lines.push(format!("and {more} more"));
    }
    lines.push(format!(
        "objects copied: {} ({}), there already: {}, missing: {}",
        moved.copied,
        size(moved.copied_bytes),
        moved.found,
        moved.failed
    ));
    if moved.taken_back > 0 {
        lines.push(format!(
            "copied and taken away again, as they were deleted meanwhile: {}",
            moved.taken_back
        ));
    }
    if moved.failed == 0 {
        lines.push(format!(
            "next: stop the server, run this once more for what came since, and start it with REELMILL_OBJECTS={to}"
        ));
    }
    lines.join("\n")
}

fn as_json(moved: &Moved) -> serde_json::Value {
    let failures: Vec<_> =
        moved.failures.iter().map(|(key, said)| json!({"key": key.as_str(), "message": said})).collect();
    json!({
        "copied": moved.copied, "copied_bytes": moved.copied_bytes, "found": moved.found, "taken_back": moved.taken_back,
        "failed": moved.failed, "failures": failures, "passes": moved.passes,
    })
}
