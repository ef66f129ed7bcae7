//! yt-dlp: reads the pages of a thousand sites, and searches YouTube where there is no key for its API.
//!
//! It is a program of somebody else's that reads what strangers wrote, so it runs as a child that has nothing: an
//! environment, a home and a folder of its own, its configuration and plugins off, and no way out but our proxy.

mod command;
mod failure;
mod group;
mod heard;
mod program;
mod python;
mod update;
mod version;

use std::path::PathBuf;
use std::sync::{Arc, Once};
use std::time::Duration;

use reelmill_core::ports::{Fetch, Fetched, ObjectWriter, SourceError};
use reelmill_core::{Found, Obstacle, Platform};
use serde::Deserialize;
use tokio::io::AsyncReadExt as _;
use tokio::process::{ChildStdout, Command};
use tokio::sync::Semaphore;

use super::name;
use super::pour::Pour;
use super::proxy::{Proxy, Session};
use super::trouble::Trouble;
use super::youtube::{shortened, watch_url};
use crate::source::SourceOptions;
use group::{Group, Home, captured};
use heard::{Heard, Limits, milliseconds};
pub use program::FoundIn;
use program::{Program, Programs};
pub use update::{UpdateError, Updated, update};
use version::Version;

/// Searches at a time: each is a process of some 80 MiB.
const MAX_SEARCHING: usize = 4;
/// What a search may print, and how long it may take.
const MAX_SEARCH_BYTES: usize = 4 * 1024 * 1024;
const SEARCH_PATIENCE: Duration = Duration::from_mins(1);
/// What is read of yt-dlp's output at a time.
const READ_BYTES: usize = 128 * 1024;

/// yt-dlp, as it is installed here.
pub(super) struct Ytdlp {
    programs: Arc<Programs>,
    proxy: Arc<Proxy>,
    cookies_file: Option<PathBuf>,
    limits: Limits,
    idle: Duration,
    places: Semaphore,
    unhooked: Once,
}

/// A flat list, as a search prints it.
#[derive(Deserialize)]
struct Matches {
    #[serde(default)]
    entries: Vec<Match>,
}

#[derive(Deserialize)]
struct Match {
    id: String,
    #[serde(default)]
    title: Option<String>,
    #[serde(default)]
    duration: Option<f64>,
    #[serde(default)]
    live_status: Option<String>,
    #[serde(default)]
    thumbnails: Vec<Thumbnail>,
}

#[derive(Deserialize)]
struct Thumbnail {
    url: String,
}

impl Ytdlp {
    pub(super) fn new(options: &SourceOptions, proxy: Arc<Proxy>) -> Self {
        let programs = Arc::new(Programs::new(options.ytdlp.clone(), options.data_dir.clone()));
        let looking = Arc::clone(&programs);
        // Nobody waits for it, and whoever needs it first finds it known.
        tokio::spawn(async move {
            if let Err(missing) = looking.program().await {
                tracing::warn!("titles and pages cannot be fetched, files still can: {missing}");
            }
        });
        Self {
            programs,
            proxy,
            cookies_file: options.cookies_file.clone(),
            limits: Limits { duration: options.max_duration, bytes: options.max_bytes },
            idle: options.idle_timeout,
            places: Semaphore::new(MAX_SEARCHING),
            unhooked: Once::new(),
        }
    }

    /// Shows that there is one that will do.
    pub(super) async fn check(&self) -> Result<(), Trouble> {
        self.programs.program().await.map(|_| ()).map_err(|missing| missing.to_trouble())
    }

    /// The best match of YouTube's for a title.
    pub(super) async fn search(&self, title: &str) -> Result<Found, Trouble> {
        let program = self.programs.program().await.map_err(|missing| missing.to_trouble())?;
        let internal = |error: std::io::Error| Trouble::Internal(format!("yt-dlp did not run: {error}"));
        let _place = self.places.acquire().await.map_err(|error| Trouble::Internal(error.to_string()))?;
        let session = self.proxy.session().map_err(internal)?;
        let home = Home::make().map_err(internal)?;
        let mut command = self.command(&program, &home, &session).map_err(internal)?;
        command.args(["--dump-single-json", "--flat-playlist", "--", &format!("ytsearch1:{title}")]);
        let said = match captured(command, home, MAX_SEARCH_BYTES, SEARCH_PATIENCE).await {
            Ok(said) => said,
            Err(error) if error.kind() == std::io::ErrorKind::TimedOut => {
                return Err(Trouble::new(Obstacle::Unreachable, "the search took too long"));
            }
            Err(error) => {
                self.programs.forget().await;
                return Err(internal(error));
            }
        };
        if !said.status.success() {
            return Err(explain(&session, &said.stderr));
        }
        let matches: Matches = serde_json::from_slice(&said.stdout)
            .map_err(|_| Trouble::new(Obstacle::Unreachable, "the search answered what cannot be read"))?;
        self.best(matches, title)
    }

    fn best(&self, matches: Matches, title: &str) -> Result<Found, Trouble> {
        let found = matches.entries.into_iter().next().ok_or_else(|| {
            Trouble::new(Obstacle::NotFound, format!("nothing was found for `{}`", shortened(title)))
        })?;
        if matches!(found.live_status.as_deref(), Some("is_live" | "is_upcoming")) {
            return Err(Trouble::live());
        }
        let duration_ms = found.duration.map(milliseconds);
        if let Some(ms) = duration_ms.filter(|ms| Duration::from_millis(*ms) > self.limits.duration) {
            return Err(Trouble::too_long(ms, self.limits.duration));
        }
        Ok(Found {
            platform: Platform::Youtube,
            url: watch_url(&found.id),
            title: found.title.map(|title| name::title(&title)).filter(|title| !title.is_empty()),
            duration_ms,
            thumbnail_url: found.thumbnails.into_iter().next_back().map(|thumbnail| thumbnail.url),
            id: found.id,
        })
    }

    /// Streams the audio of a page into `output`. The caller watches for a cancel and drops this.
    pub(super) async fn fetch(
        &self,
        fetch: &Fetch,
        output: &mut dyn ObjectWriter,
    ) -> Result<Fetched, SourceError> {
        let program = self.programs.program().await.map_err(|missing| missing.to_trouble())?;
        let internal = |error: std::io::Error| SourceError::Internal(format!("yt-dlp did not run: {error}"));
        let session = self.proxy.session().map_err(internal)?;
        let home = Home::make().map_err(internal)?;
        let token = uuid::Uuid::new_v4().simple().to_string();
        let mut command = self.command(&program, &home, &session).map_err(internal)?;
        command::download(&mut command, fetch.wanted, self.limits.duration, &token);
        command.env("REELMILL_TOKEN", &token);
        command.args(["--", &fetch.found.url]);
        let mut group = match Group::start(command, home) {
            Ok(group) => group,
            Err(error) => {
                self.programs.forget().await;
                return Err(internal(error));
            }
        };
        let mut heard = Heard::new(token, self.limits, Arc::clone(&fetch.progress));
        let mut pour = Pour::new(output, self.limits.bytes);
        let run = run(&mut group, &mut heard, &mut pour);
        let outcome = tokio::select! {
            outcome = run => outcome,
            () = super::cancelled(&fetch.cancel) => Err(SourceError::Cancelled),
        };
        let ended = match outcome {
            Ok(ended) => ended,
            Err(error) => {
                group.end().await;
                return Err(error);
            }
        };
        if !heard.is_hooked {
            self.unhooked.call_once(|| {
                tracing::warn!(
                    "this yt-dlp is no Python program: only its own settings hold it to the proxy"
                );
            });
        }
        judge(ended, &heard, pour.taken(), &session)?;
        pour.flush().await?;
        Ok(fetched(&fetch.found, &heard))
    }

    /// The command with all that every call has.
    fn command(&self, program: &Program, home: &Home, session: &Session) -> std::io::Result<Command> {
        let mut command = program.command(home);
        command::route(&mut command, home.path(), program, session)?;
        command::common(&mut command, self.idle);
        if let Some(cookies) = &self.cookies_file {
            command::cookies(&mut command, home.path(), cookies)?;
        }
        Ok(command)
    }
}

/// The yt-dlp that those options lead to, for people: where it was found, where it is, its version; or why there is none.
pub(super) async fn found(options: &SourceOptions) -> Result<(FoundIn, PathBuf, String), String> {
    let programs = Programs::new(options.ytdlp.clone(), options.data_dir.clone());
    let program = programs.program().await.map_err(|missing| missing.to_string())?;
    let path = program.library.as_ref().unwrap_or(&program.path);
    Ok((program.found_in, path.clone(), program.version.to_string()))
}

/// Whether there is the JavaScript runtime that yt-dlp uses unasked, and the only one that the hook lets it start.
pub(super) fn has_deno() -> bool {
    python::on_path("deno").is_some()
}

/// The oldest version that will do.
pub(super) fn minimum_version() -> String {
    Version::minimum().to_string()
}

/// Runs the child to its end: its output into the store, its words to the listener.
async fn run(
    group: &mut Group,
    heard: &mut Heard,
    pour: &mut Pour<'_>,
) -> Result<std::process::ExitStatus, SourceError> {
    let internal = |error: std::io::Error| SourceError::Internal(format!("yt-dlp did not run: {error}"));
    let Some((stdout, stderr)) = group.streams() else {
        return Err(SourceError::Internal("yt-dlp has no output".into()));
    };
    let (ended, (), ()) =
        tokio::try_join!(async { group.ended().await.map_err(internal) }, pump(stdout, pour), async {
            heard.listen(stderr).await.map_err(SourceError::from)
        },)?;
    Ok(ended)
}

async fn pump(mut stdout: ChildStdout, pour: &mut Pour<'_>) -> Result<(), SourceError> {
    let mut piece = vec![0; READ_BYTES];
    loop {
        let read = stdout.read(&mut piece).await;
        match read.map_err(|error| SourceError::Internal(format!("yt-dlp's output broke: {error}")))? {
            0 => return Ok(()),
            read => pour.add(&piece[..read]).await?,
        }
    }
}

/// Whether what came is what there is.
fn judge(
    ended: std::process::ExitStatus,
    heard: &Heard,
    taken: u64,
    session: &Session,
) -> Result<(), Trouble> {
    if !ended.success() {
        return Err(explain(session, &heard.errors()));
    }
    if taken == 0 {
        return Err(session.refused().map_or_else(
            || Trouble::new(Obstacle::Unreachable, "the source gave no bytes"),
            |refused| Trouble::new(Obstacle::Forbidden, refused),
        ));
    }
    // A server that does not resume makes yt-dlp begin anew, behind what it has written already.
    let is_plain = heard.facts.protocol.as_deref().is_some_and(|protocol| protocol.starts_with("http"))
        && heard.facts.protocol.as_deref() != Some("http_dash_segments");
    if is_plain && heard.finished_bytes.is_some_and(|finished| finished != taken) {
        return Err(Trouble::new(Obstacle::Unreachable, "the source broke off and cannot resume"));
    }
    Ok(())
}

/// What the proxy knows goes before what yt-dlp says: to it, a refusal is a server that cannot be reached.
fn explain(session: &Session, errors: &str) -> Trouble {
    tracing::info!(source.errors = session.redacted(errors), "yt-dlp failed");
    if let Some(refused) = session.refused() {
        return Trouble::new(Obstacle::Forbidden, refused);
    }
    let mut trouble = failure::read(errors);
    if let Trouble::Told { obstacle: Obstacle::RateLimited, retry_after_ms: wait @ None, .. } = &mut trouble {
        *wait = session.retry_after().and_then(|asked| u64::try_from(asked.as_millis()).ok());
    }
    trouble
}

/// What was found, its gaps filled.
fn fetched(found: &Found, heard: &Heard) -> Fetched {
    let facts = &heard.facts;
    let mut found = found.clone();
    if found.title.is_none() {
        found.title = facts.title.as_deref().map(name::title).filter(|title| !title.is_empty());
    }
    found.duration_ms = found.duration_ms.or_else(|| facts.duration.map(milliseconds));
    if found.thumbnail_url.is_none() {
        found.thumbnail_url = facts.thumbnail.clone().filter(|url| name::is_link(url));
    }
    let stem = found.title.as_deref().unwrap_or(&found.id);
    let name = name::file(stem, facts.ext.as_deref());
    Fetched { found, name }
}
