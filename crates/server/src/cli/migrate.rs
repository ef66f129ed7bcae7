//! `reelmill migrate`: brings the catalog's schema up to date without serving.

use std::process::ExitCode;

use reelmill_backends::catalog;
use serde_json::json;

use super::Outcome;
use super::failure::Failure;
use super::flags::{Flags, Keeping};
use super::say::{say, say_json};
use crate::wiring;

/// Bring the catalog's schema up to date; `serve` does it by itself at its start
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  reelmill migrate
  reelmill migrate --data-dir /srv/reelmill")]
pub(super) struct Migrate {
    #[command(flatten)]
    flags: Flags<Keeping>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Migrate {
    pub(super) fn run(self) -> Outcome {
        let config = self.flags.load()?.config;
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)?;
        let deployment = wiring::deployment(&config);
        let migrating = catalog::migrate(config.catalog.expose(), &deployment);
        let done = runtime.block_on(migrating).map_err(|error| {
            Failure::failed(format!("cannot migrate the catalog {}: {error}", config.catalog))
        })?;
        if self.json {
            say_json(&json!({"catalog": config.catalog.to_string(), "from": done.from, "to": done.to}))?;
        } else if done.from == done.to {
            say(format!("the catalog {} has schema version {} already", config.catalog, done.to))?;
        } else {
            say(format!(
                "the catalog {} went from schema version {} to {}",
                config.catalog, done.from, done.to
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
