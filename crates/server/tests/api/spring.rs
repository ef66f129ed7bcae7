//! A source at its port: it finds by words, and hands out small media that it makes itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use axum::body::Bytes;
use reelmill_core::ports::{Fetch, Fetched, ObjectWriter, Source, SourceError};
use reelmill_core::{Found, Obstacle, Platform};

use crate::mill::wav;

/// Every obstacle with the word that meets it: `blocked <word>` when it is looked for, `broken <word>` when it is fetched.
pub(crate) const OBSTACLES: [(&str, Obstacle); 17] = [
    ("not_found", Obstacle::NotFound),
    ("unsupported", Obstacle::Unsupported),
    ("private", Obstacle::Private),
    ("age_restricted", Obstacle::AgeRestricted),
    ("geo_blocked", Obstacle::GeoBlocked),
    ("bot_check", Obstacle::BotCheck),
    ("removed", Obstacle::Removed),
    ("rate_limited", Obstacle::RateLimited),
    ("live", Obstacle::Live),
    ("too_long", Obstacle::TooLong),
    ("too_large", Obstacle::TooLarge),
    ("playlist", Obstacle::Playlist),
    ("forbidden", Obstacle::Forbidden),
    ("tool_missing", Obstacle::ToolMissing),
    ("quota", Obstacle::Quota),
    ("bad_key", Obstacle::BadKey),
    ("unreachable", Obstacle::Unreachable),
];

/// A source that finds any words; those of [`OBSTACLES`] meet one, `rubbish` is no media, `slow` comes when it is let go.
#[derive(Default)]
pub(crate) struct Spring {
    /// Downloads that were begun.
    pub(crate) fetches: AtomicUsize,
    /// Whether `slow` is let go.
    pub(crate) is_let_go: AtomicBool,
    /// Whether it says that it cannot be used.
    pub(crate) is_sick: AtomicBool,
}

impl Spring {
    pub(crate) fn new() -> Arc<Self> {
        Arc::default()
    }
}

fn obstacle_of(word: &str) -> SourceError {
    let known = OBSTACLES.iter().find(|(name, _)| *name == word);
    SourceError::obstacle(known.unwrap().1, format!("the source met {word}"))
}

#[async_trait]
impl Source for Spring {
    async fn find(&self, wish: &str) -> Result<Found, SourceError> {
        if let Some(word) = wish.strip_prefix("blocked ") {
            return Err(obstacle_of(word));
        }
        let id = blake3::hash(wish.as_bytes()).to_hex()[..11].to_owned();
        Ok(Found {
            platform: Platform::Youtube,
            url: format!("https://spring.example/watch?v={id}#{wish}"),
            id,
            title: None,
            duration_ms: None,
            thumbnail_url: None,
        })
    }

    async fn fetch(&self, fetch: Fetch, output: &mut dyn ObjectWriter) -> Result<Fetched, SourceError> {
        self.fetches.fetch_add(1, Ordering::Relaxed);
        let words = fetch.found.url.split_once('#').map_or("", |(_, words)| words).to_owned();
        if let Some(word) = words.strip_prefix("broken ") {
            return Err(obstacle_of(word));
        }
        if words.starts_with("slow") {
            (fetch.progress)(0.5);
            while !self.is_let_go.load(Ordering::Relaxed) {
                if fetch.cancel.is_cancelled() {
                    return Err(SourceError::Cancelled);
                }
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
        let bytes = if words.starts_with("rubbish") { vec![0x5a; 500] } else { wav(500) };
        output.write(Bytes::from(bytes)).await?;
        let title = Some(format!("The {words}"));
        let thumbnail_url = Some("https://spring.example/picture.jpg".to_owned());
        let found = Found { title, duration_ms: Some(500), thumbnail_url, ..fetch.found };
        Ok(Fetched { found, name: format!("The {words}.wav") })
    }

    async fn check(&self) -> Result<(), SourceError> {
        if self.is_sick.load(Ordering::Relaxed) {
            return Err(SourceError::obstacle(Obstacle::ToolMissing, "a program is missing at /opt/secret"));
        }
        Ok(())
    }
}
