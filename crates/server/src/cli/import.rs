//! `reelmill import`: the records of an export into a catalog that is empty, or was cut short of being filled by the same file.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::atomic::AtomicBool;

use reelmill_service::{CarryError, Clock as _, SystemClock};
use serde_json::json;

use super::Outcome;
use super::failure::Failure;
use super::flags::{Cataloguing, Flags};
use super::input::Input;
use super::keeping::{self, Kept};
use super::say::{say, say_json};

/// Read the records of an export into an empty catalog
#[derive(Debug, clap::Args)]
#[command(after_help = "\
All of the file is proved by its last line before anything is written. Records that are there already and the same are
left alone, so an import that was cut is begun again; where the catalog holds anything else, nothing is written.
At the end everything is read back and compared. `-` is standard input.

Examples:
  reelmill import reelmill.jsonl --catalog postgres://me@db/reelmill

Exit codes: 0 all of it is there, 1 it is not, 3 the file is not a whole export.")]
pub(super) struct Import {
    /// The file, or - for standard input
    file: PathBuf,
    #[command(flatten)]
    flags: Flags<Cataloguing>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) fn run(self) -> Outcome {
        let input = Input::named(&self.file);
        let config = self.flags.load()?.config;
        let file = input.open(&AtomicBool::new(false))?;
        let imported = keeping::runtime()?.block_on(async {
            let kept = Kept::open(&config).await?;
            let mut file = tokio::fs::File::from_std(file);
            let imported = reelmill_service::import(&*kept.catalog, SystemClock.now(), &mut file).await;
            imported.map_err(|error| match error {
                CarryError::Io(error) => input.unreadable(error),
                CarryError::Damaged(_) | CarryError::NotUnderstood { .. } => input.unreadable(error),
                CarryError::Catalog(_) => {
                    Failure::failed(format!("{error}; the same command goes on where this one ended"))
                }
                CarryError::Occupied(_) | CarryError::Differs(_) => Failure::failed(error),
            })
        })?;
        if self.json {
            say_json(&json!({"added": imported.added, "found": imported.found}))?;
        } else {
            say(format!(
                "the catalog {} has all of it: {} records were added, {} were there",
                config.catalog, imported.added, imported.found
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
