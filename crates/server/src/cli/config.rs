//! `reelmill config`: what is in effect, and where each value was set.

use std::process::ExitCode;

use serde_json::json;

use super::Outcome;
use super::flags::{Flags, Serving};
use super::say::{say, say_json, table};
use crate::config::{Effective, Origin};

/// Show the effective configuration and where each value was set; secrets are hidden
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  reelmill config                        what `reelmill serve` would run with
  REELMILL_SLOTS=2 reelmill config       the same with a variable set
  reelmill config --json                 for programs")]
pub(super) struct Config {
    #[command(flatten)]
    flags: Flags<Serving>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Config {
    pub(super) fn run(self) -> Outcome {
        let loaded = self.flags.load()?;
        if self.json {
            let settings: Vec<_> = loaded.effective.iter().map(as_json).collect();
            say_json(&json!({"settings": settings, "warnings": loaded.warnings}))?;
        } else {
            let rows: Vec<_> = loaded.effective.iter().map(as_row).collect();
            say(table(&rows))?;
            for warning in &loaded.warnings {
                eprintln!("reelmill: {warning}");
            }
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn as_row(row: &Effective) -> [String; 3] {
    let value = row.shown.clone().unwrap_or_else(|| format!("({})", row.setting.preset_in_words()));
    [row.setting.key.to_owned(), value, row.origin.to_string()]
}

fn as_json(row: &Effective) -> serde_json::Value {
    let origin = match &row.origin {
        Origin::Flag(flag) => json!({"kind": "flag", "name": format!("--{flag}")}),
        Origin::Variable(name) => json!({"kind": "variable", "name": name}),
        Origin::File { path, line } => json!({"kind": "file", "path": path, "line": line}),
        Origin::Default => json!({"kind": "default"}),
    };
    let setting = row.setting;
    json!({
        "key": setting.key,
        "value": row.shown,
        "origin": origin,
        "variable": setting.variable,
        "default": setting.preset_in_words(),
        "help": setting.help.trim(),
    })
}
