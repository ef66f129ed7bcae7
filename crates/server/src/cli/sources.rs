//! `reelmill sources`: what fetches media here, and a newer yt-dlp for it.

use std::process::ExitCode;

use reelmill_backends::source::{self, FoundIn, Inventory};
use serde_json::json;

use super::Outcome;
use super::failure::Failure;
use super::flags::{Flags, Keeping, Serving};
use super::say::{say, say_json, table};
use crate::{data_dir, wiring};

/// Show what fetches media here: yt-dlp, where it was found, and whether there is a key for YouTube's API
#[derive(Debug, clap::Args)]
#[command(
    args_conflicts_with_subcommands = true,
    after_help = "\
Examples:
  reelmill sources
  reelmill sources update          install the newest yt-dlp into the data folder"
)]
pub(super) struct Sources {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    flags: Flags<Serving>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    Update(Update),
}

/// Install a newer yt-dlp into the data folder, with this machine's own `python3 -m pip`
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The new one is tried before it is used; where it does not work, the old one is used as before. Running servers use the
new one from their next download on.

Examples:
  reelmill sources update
  reelmill sources update 2026.08.19 --data-dir /srv/reelmill")]
struct Update {
    /// The version; the newest where none is given
    version: Option<String>,
    #[command(flatten)]
    flags: Flags<Keeping>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Sources {
    pub(super) fn run(self) -> Outcome {
        if let Some(Command::Update(update)) = self.command {
            return update.run();
        }
        let config = self.flags.load()?.config;
        let found = runtime()?.block_on(source::inventory(&wiring::source_options(&config)));
        if self.json {
            say_json(&as_json(&found))?;
        } else {
            say(as_text(&found))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

impl Update {
    fn run(self) -> Outcome {
        let config = self.flags.load()?.config;
        data_dir::make(&config.data_dir).map_err(|error| Failure::failed(format!("{error:#}")))?;
        let updating = source::update(&config.data_dir, self.version.as_deref());
        let updated = runtime()?.block_on(updating).map_err(Failure::failed)?;
        if self.json {
            say_json(&json!({
                "version": updated.version,
                "previous": updated.previous,
                "folder": updated.folder,
            }))?;
        } else {
            let before = updated.previous.map(|version| format!(" instead of {version}")).unwrap_or_default();
            say(format!(
                "yt-dlp {} is used from now on{before}; it is in {}",
                updated.version,
                updated.folder.display()
            ))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(Failure::failed)
}

fn as_text(found: &Inventory) -> String {
    let ytdlp = match &found.ytdlp {
        Ok(ytdlp) => {
            let (version, place, path) = (&ytdlp.version, place(ytdlp.found_in), ytdlp.path.display());
            format!("{version}, {place}: {path}")
        }
        Err(missing) => format!("none: {missing}"),
    };
    let titles = match (found.has_youtube_api_key, found.ytdlp.is_ok()) {
        (true, _) => "YouTube's API, with the key that is set",
        (false, true) => "yt-dlp, as no YOUTUBE_API_KEY is set",
        (false, false) => "nobody: neither YOUTUBE_API_KEY nor yt-dlp is there",
    };
    let deno = if found.has_deno {
        "on the path"
    } else {
        "none: without this JavaScript runtime yt-dlp cannot fetch everything from YouTube"
    };
    table(&[
        ["yt-dlp".to_owned(), ytdlp],
        ["oldest".to_owned(), found.ytdlp_minimum.clone()],
        ["deno".to_owned(), deno.to_owned()],
        ["titles".to_owned(), format!("searched by {titles}")],
        ["files".to_owned(), "fetched directly".to_owned()],
    ])
}

fn as_json(found: &Inventory) -> serde_json::Value {
    let ytdlp = match &found.ytdlp {
        Ok(ytdlp) => json!({
            "version": ytdlp.version,
            "found_in": name(ytdlp.found_in),
            "path": ytdlp.path,
        }),
        Err(missing) => json!({"missing": missing}),
    };
    json!({
        "ytdlp": ytdlp,
        "ytdlp_minimum": found.ytdlp_minimum,
        "deno": found.has_deno,
        "youtube_api_key": found.has_youtube_api_key,
    })
}

fn place(found_in: FoundIn) -> &'static str {
    match found_in {
        FoundIn::Configuration => "named by the configuration",
        FoundIn::DataFolder => "in the data folder",
        FoundIn::Path => "on the path",
        FoundIn::Python => "a module of python3",
    }
}

fn name(found_in: FoundIn) -> &'static str {
    match found_in {
        FoundIn::Configuration => "configuration",
        FoundIn::DataFolder => "data_folder",
        FoundIn::Path => "path",
        FoundIn::Python => "python",
    }
}
