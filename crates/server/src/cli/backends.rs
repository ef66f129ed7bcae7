//! `reelmill backends`: what this build has behind each port, and the formats it reads and writes.

use std::process::ExitCode;

use reelmill_media::{Codec, Engines, Format};
use serde_json::json;

use super::Outcome;
use super::say::{say, say_json, table};

/// The containers that the media library opens, as people call them.
const CONTAINERS: [&str; 9] =
    ["mp4/m4a/mov", "mkv/webm", "ogg", "mp3", "aac (adts)", "flac", "wav", "aiff", "caf"];

/// Audio codecs that media comes with; each is asked whether this build reads it.
const CODECS: [Codec; 13] = [
    Codec::AacLc,
    Codec::HeAac,
    Codec::HeAacV2,
    Codec::XheAac,
    Codec::Mp1,
    Codec::Mp2,
    Codec::Mp3,
    Codec::Vorbis,
    Codec::Opus,
    Codec::Flac,
    Codec::Alac,
    Codec::Pcm,
    Codec::Adpcm,
];

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
        let is_read =
            |codec: &&Codec| codec.is_read() && (**codec != Codec::Opus || engines.opus_decoder().is_ok());
        let codecs: Vec<&str> = CODECS.iter().filter(is_read).map(Codec::label).collect();
        let is_written =
            |format: &&Format| !matches!(format, Format::Aac | Format::M4a) || engines.aac_encoder().is_ok();
        let written: Vec<&str> =
            Format::all().iter().filter(is_written).map(|format| format.name()).collect();
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
                "formats": {"containers_read": CONTAINERS, "codecs_read": codecs, "written": written},
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
        say(format!(
            "{}\n\nreads   {}\ncodecs  {}\nwrites  {}",
            table(&rows),
            CONTAINERS.join(", "),
            codecs.join(", "),
            written.join(", ")
        ))?;
        Ok(ExitCode::SUCCESS)
    }
}
