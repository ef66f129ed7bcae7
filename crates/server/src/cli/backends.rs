//! `reelmill backends`: what this build has behind each port, and the formats it reads and writes.

use std::process::ExitCode;

use reelmill_media::{Ability, Engines};
use serde_json::json;

use super::Outcome;
use super::say::{say, say_json, table};

/// Show what this build has: backends by port and URL, formats read and written
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  reelmill backends
  reelmill backends --json")]
pub(super) struct Backends {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Backends {
    pub(super) fn run(self) -> Outcome {
        let engines = Engines::find();
        let abilities = engines.abilities();
        let backends = reelmill_backends::backends();
        if self.json {
            let rows: Vec<_> = backends
                .iter()
                .map(|row| {
                    json!({
                        "port": row.port,
                        "scheme": row.scheme,
                        "title": row.title,
                        "feature": row.feature,
                        "compiled": row.is_compiled,
                    })
                })
                .collect();
            say_json(&json!({
                "backends": rows,
                "formats": {
                    "containers_read": there(&abilities.containers),
                    "codecs_read": there(&abilities.codecs),
                    "written": there(&abilities.formats),
                    "abilities": abilities,
                },
            }))?;
            return Ok(ExitCode::SUCCESS);
        }
        let rows: Vec<[String; 3]> = backends
            .iter()
            .map(|row| {
                let missing = format!("{} (not in this build: --features {})", row.title, row.feature);
                let title = if row.is_compiled { row.title.to_owned() } else { missing };
                [row.port.to_owned(), format!("{}:", row.scheme), title]
            })
            .collect();
        let text = format!(
            "{}\n\nreads   {}\ncodecs  {}\nwrites  {}\n{}",
            table(&rows),
            there(&abilities.containers).join(", "),
            there(&abilities.codecs).join(", "),
            there(&abilities.formats).join(", "),
            missing([&abilities.containers, &abilities.codecs, &abilities.formats])
        );
        say(text.trim_end())?;
        Ok(ExitCode::SUCCESS)
    }
}

/// What this host can do.
fn there(abilities: &[Ability]) -> Vec<&str> {
    abilities.iter().filter(|one| one.missing.is_none()).map(|one| one.name.as_str()).collect()
}

/// What it cannot, in a line for each reason.
fn missing(lists: [&[Ability]; 3]) -> String {
    let mut reasons: Vec<(&str, Vec<&str>)> = Vec::new();
    for one in lists.into_iter().flatten() {
        let Some(why) = one.missing.as_deref() else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == why) {
            Some((_, names)) => names.push(&one.name),
            None => reasons.push((why, vec![&one.name])),
        }
    }
    let lines = reasons.iter().map(|(why, names)| format!("missing {} ({why})", names.join(", ")));
    lines.collect::<Vec<_>>().join("\n")
}
