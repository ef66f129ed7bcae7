//! The web as a source: titles by YouTube, files by ourselves, pages by yt-dlp, all through one guarded way out.

mod client;
mod direct;
mod flight;
mod inventory;
mod name;
mod pour;
mod proxy;
mod trouble;
mod wish;
mod youtube;
mod ytdlp;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use reelmill_core::ports::{Cancel, Fetch, Fetched, ObjectWriter, Source, SourceError};
use reelmill_core::{Found, Obstacle, Platform};
use secrecy::ExposeSecret;
use url::Url;

use super::{Opening, SourceOptions};
use crate::guard::{Barrier, Guard};
use crate::opening::OpenError;
use direct::{Direct, Outcome};
use flight::Flights;
pub use inventory::{FoundYtdlp, Inventory, inventory};
use proxy::{Patience, Proxy, Upstream};
use trouble::Trouble;
use wish::Wish;
use youtube::{Youtube, watch_url};
use ytdlp::Ytdlp;
pub use ytdlp::{FoundIn, UpdateError, Updated, update};

/// How it is opened.
pub(super) const OPENING: Opening =
    |options| async move { Ok(Arc::new(WebSource::open(options).await?) as Arc<dyn Source>) }.boxed();

/// How often a cancel is looked for.
const CANCEL_EVERY: Duration = Duration::from_millis(50);
/// An id of a web address: this much of its hash, in hexadecimal digits.
const ID_DIGITS: usize = 32;

/// Finds and fetches what is on the web.
struct WebSource {
    guard: Arc<Guard>,
    youtube: Option<Youtube>,
    direct: Direct,
    ytdlp: Ytdlp,
    fetch_timeout: Duration,
    /// Questions that somebody else must answer, by what is wished.
    asking: Flights<Wish, Result<Found, Trouble>>,
}

impl WebSource {
    async fn open(options: SourceOptions) -> Result<Self, OpenError> {
        let bad = |reason: String| OpenError::BadUrl { scheme: "web", reason };
        let guard = Guard::new(&options.allow_hosts).map_err(|error| bad(error.to_string()))?;
        let guard = Arc::new(guard);
        let upstream = options.proxy.as_ref().map(|proxy| Upstream::parse(proxy.expose_secret()));
        let upstream = upstream.transpose().map_err(|error| bad(error.to_string()))?;
        let youtube = options.youtube_api_key.clone().map(|key| {
            Youtube::new(&options.youtube_api_base, key, options.api_timeout, options.max_duration)
        });
        let youtube = youtube.transpose().map_err(|error| bad(error.to_string()))?;
        let patience = Patience { connect: options.connect_timeout, idle: options.idle_timeout };
        let proxy = Proxy::start(Arc::clone(&guard), patience, upstream).await;
        let proxy = Arc::new(proxy.map_err(|error| bad(format!("no port on loopback: {error}")))?);
        Ok(Self {
            guard,
            youtube,
            direct: Direct::new(&options, Arc::clone(&proxy)),
            ytdlp: Ytdlp::new(&options, proxy),
            fetch_timeout: options.fetch_timeout,
            asking: Flights::new(),
        })
    }

    /// What a wish comes to, asking whoever has to be asked.
    async fn ask(&self, wish: &Wish) -> Result<Found, Trouble> {
        match (wish, &self.youtube) {
            (Wish::Title(title), Some(youtube)) => youtube.search(title).await,
            (Wish::Title(title), None) => self.ytdlp.search(title).await,
            (Wish::Youtube(id), Some(youtube)) => youtube.details(id).await,
            (Wish::Youtube(id), None) => Ok(bare(Platform::Youtube, id.clone(), watch_url(id))),
            (Wish::Address(url), _) => self.address(url),
        }
    }

    /// An address of which nothing is known but itself.
    fn address(&self, url: &Url) -> Result<Found, Trouble> {
        self.guard.check_literal(url).map_err(|barrier| match barrier {
            Barrier::Refused(why) => Trouble::new(Obstacle::Forbidden, why),
            Barrier::Unresolved(why) => Trouble::new(Obstacle::Unreachable, why),
        })?;
        let mut id = blake3::hash(url.as_str().as_bytes()).to_hex().to_string();
        id.truncate(ID_DIGITS);
        Ok(bare(Platform::Web, id, url.to_string()))
    }

    async fn try_fetch(&self, fetch: &Fetch, output: &mut dyn ObjectWriter) -> Result<Fetched, SourceError> {
        let mut fetch = fetch.clone();
        // What is fetched was found before, perhaps by another process with another list of allowed hosts.
        match Wish::read(&fetch.found.url)? {
            Wish::Youtube(id) => {
                fetch.found.url = watch_url(&id);
                return self.ytdlp.fetch(&fetch, output).await;
            }
            Wish::Address(url) => fetch.found.url = self.address(&url)?.url,
            Wish::Title(_) => {
                return Err(SourceError::obstacle(Obstacle::Unsupported, "the address cannot be read"));
            }
        }
        let trouble = match self.direct.fetch(&fetch, output).await? {
            Outcome::Done(fetched) => return Ok(fetched),
            Outcome::Page(trouble) => trouble,
        };
        match self.ytdlp.check().await {
            Ok(()) => self.ytdlp.fetch(&fetch, output).await,
            Err(missing) => Err(match (missing, trouble) {
                // A page that nobody can read here: what is missing says more than that it is a page.
                (missing, Trouble::Told { obstacle: Obstacle::Unsupported, .. }) => missing.into(),
                (_, trouble) => trouble.into(),
            }),
        }
    }
}

#[async_trait]
impl Source for WebSource {
    async fn find(&self, wish: &str) -> Result<Found, SourceError> {
        let wish = Wish::read(wish)?;
        Ok(self.asking.join(wish.clone(), self.ask(&wish)).await?)
    }

    async fn fetch(&self, fetch: Fetch, output: &mut dyn ObjectWriter) -> Result<Fetched, SourceError> {
        let cancel = fetch.cancel.clone();
        tokio::select! {
            biased;
            // yt-dlp's own fetch sees the cancel too, and ends its processes in good order; this is for the rest.
            fetched = self.try_fetch(&fetch, output) => fetched,
            () = async { cancelled(&cancel).await; tokio::time::sleep(Duration::from_secs(1)).await } => {
                Err(SourceError::Cancelled)
            }
            () = tokio::time::sleep(self.fetch_timeout) => {
                let minutes = self.fetch_timeout.as_secs().div_ceil(60);
                let why = format!("the download took longer than the {minutes} min that it may");
                Err(SourceError::obstacle(Obstacle::Unreachable, why))
            }
        }
    }

    async fn check(&self) -> Result<(), SourceError> {
        Ok(self.ytdlp.check().await?)
    }
}

/// What is found where nobody was asked.
fn bare(platform: Platform, id: String, url: String) -> Found {
    Found { platform, id, url, title: None, duration_ms: None, thumbnail_url: None }
}

/// Returns when somebody wishes the work to stop.
async fn cancelled(cancel: &Cancel) {
    while !cancel.is_cancelled() {
        tokio::time::sleep(CANCEL_EVERY).await;
    }
}
