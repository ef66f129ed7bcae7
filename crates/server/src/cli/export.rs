//! `reelmill export`: all records of the catalog into one file, for a backup or another catalog.

use std::fs::Permissions;
use std::io::IsTerminal as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use reelmill_service::{CarryError, Clock as _, Exported, SystemClock};
use serde_json::json;
use tempfile::NamedTempFile;
use tokio::io::{AsyncWrite, AsyncWriteExt as _, BufWriter};

use super::Outcome;
use super::failure::{Failure, Kind};
use super::flags::{Cataloguing, Flags};
use super::keeping::{self, Kept};
use super::output::{Output, stdout_file};
use super::say::{say, say_json};

/// Write all records of the catalog to a file: accounts, media, jobs, results and the rest, without the objects
#[derive(Debug, clap::Args)]
#[command(after_help = "\
The file holds the hashes of passwords and API keys: it is made for its owner's eyes only (0600), keep it that way.
Its last line proves all before it. `-` is standard output.

Examples:
  reelmill export reelmill.jsonl
  reelmill export - --catalog mysql://me@db/reelmill | reelmill import - --catalog postgres://me@db/reelmill

Nothing else should run on the catalog meanwhile: what changes while it is read may be in the file or not.")]
pub(super) struct Export {
    /// The file, or - for standard output
    file: PathBuf,
    /// Replace the file where it exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    flags: Flags<Cataloguing>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

impl Export {
    pub(super) fn run(self) -> Outcome {
        let output = Output::named(&self.file);
        let config = self.flags.load()?.config;
        let draft = match &output {
            Output::Stdout if std::io::stdout().is_terminal() => {
                return Err(Failure::usage("standard output is a terminal: redirect it, or name a file"));
            }
            Output::Stdout => None,
            Output::File(path) => Some(begin(path, self.overwrite)?),
        };
        keeping::runtime()?.block_on(async {
            let kept = Kept::open(&config).await?;
            let Some(draft) = draft else {
                let file = stdout_file().map_err(|error| output.failed(&error))?;
                return kept.export(&output, &mut tokio::fs::File::from_std(file)).await.map(drop);
            };
            let file = draft.reopen().map_err(|error| output.failed(&error))?;
            let mut file = tokio::fs::File::from_std(file);
            let exported = kept.export(&output, &mut file).await?;
            file.sync_all().await.map_err(|error| output.failed(&error))?;
            finish(draft, &self.file, self.overwrite).map_err(|error| output.failed(&error))?;
            tell(&exported, &output, self.json)
        })?;
        Ok(ExitCode::SUCCESS)
    }
}

impl Kept {
    async fn export(
        &self,
        output: &Output,
        sink: &mut (impl AsyncWrite + Unpin),
    ) -> Result<Exported, Failure> {
        let mut sink = BufWriter::new(sink);
        let now = SystemClock.now();
        let exported = reelmill_service::export(&*self.catalog, self.schema, now, &mut sink).await;
        let exported = exported.map_err(|error| match error {
            CarryError::Io(error) => output.failed(&error),
            error => Failure::failed(error),
        })?;
        sink.flush().await.map_err(|error| output.failed(&error))?;
        Ok(exported)
    }
}

/// A file beside the one that is wanted, for its owner alone, which gets its name once it is whole.
fn begin(path: &Path, is_overwriting: bool) -> Result<NamedTempFile, Failure> {
    let refused = |why: String| Failure::new(Kind::Output, format!("cannot write {}: {why}", path.display()));
    match std::fs::symlink_metadata(path) {
        Ok(there) if !there.is_file() => {
            return Err(refused("something that is no file is there".to_owned()));
        }
        Ok(_) if !is_overwriting => {
            return Err(refused("it exists; add --overwrite to replace it".to_owned()));
        }
        _ => {}
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    tempfile::Builder::new()
        .prefix(".reelmill-")
        .suffix(".part")
        .permissions(Permissions::from_mode(0o600))
        .tempfile_in(folder)
        .map_err(|error| refused(error.to_string()))
}

fn finish(draft: NamedTempFile, path: &Path, is_overwriting: bool) -> std::io::Result<()> {
    let named = if is_overwriting { draft.persist(path) } else { draft.persist_noclobber(path) };
    named.map(drop).map_err(|error| error.error)
}

fn tell(exported: &Exported, output: &Output, is_json: bool) -> Result<(), Failure> {
    let all: u64 = exported.records.values().sum();
    if is_json {
        return say_json(
            &json!({"file": output.name(), "records": exported.records, "blake3": exported.blake3}),
        );
    }
    say(format!("wrote {all} records to {}; it holds password hashes, keep it to yourself", output.name()))
}
