//! YouTube's Data API, version 3: the best match for a title, and what is known of a video.
//!
//! The key travels in the query, as the API wants it, so nothing that holds an address of ours is ever shown or
//! logged: failures are told in words of our own.

mod answer;
mod duration;

use std::time::Duration;

use reelmill_core::{Found, Obstacle, Platform};
use reqwest::{Client, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;
use url::Url;

use super::client;
use super::name;
use super::proxy::retry_after;
use super::trouble::Trouble;
use answer::{Items, Match, Video};

/// The longest answer; a video's whole description fits many times.
const MAX_ANSWER_BYTES: usize = 1024 * 1024;
/// Questions at a time.
const MAX_ASKING: usize = 16;

/// The API with our key.
pub(super) struct Youtube {
    client: Client,
    base: Url,
    key: SecretString,
    max_duration: Duration,
    places: Semaphore,
}

/// An address that cannot be the API's.
#[derive(Debug, thiserror::Error)]
pub(super) enum BadApi {
    /// The base address is none.
    #[error("the base address of YouTube's API is to be an http:// or https:// address")]
    Base,
    /// No client.
    #[error("{0}")]
    Client(String),
}

impl Youtube {
    pub(super) fn new(
        base: &str,
        key: SecretString,
        timeout: Duration,
        max_duration: Duration,
    ) -> Result<Self, BadApi> {
        let base = Url::parse(base.trim_end_matches('/')).map_err(|_| BadApi::Base)?;
        if !matches!(base.scheme(), "http" | "https") || base.query().is_some() {
            return Err(BadApi::Base);
        }
        let client =
            client::of_operator(timeout).map_err(|trouble| BadApi::Client(format!("{trouble:?}")))?;
        Ok(Self { client, base, key, max_duration, places: Semaphore::new(MAX_ASKING) })
    }

    /// The best match for a title, checked as [`Self::details`] does.
    pub(super) async fn search(&self, title: &str) -> Result<Found, Trouble> {
        let questions = [("part", "id"), ("q", title), ("type", "video"), ("maxResults", "1")];
        let found: Items<Match> = self.ask("search", &questions).await?;
        let id = found.items.into_iter().find_map(|found| found.id.video_id);
        let id = id.ok_or_else(|| {
            Trouble::new(Obstacle::NotFound, format!("nothing was found for `{}`", shortened(title)))
        })?;
        self.details(&id).await
    }

    /// What is known of a video, where it is one that may be taken: not on air, not too long.
    pub(super) async fn details(&self, id: &str) -> Result<Found, Trouble> {
        let questions = [("part", "snippet,contentDetails"), ("id", id)];
        let found: Items<Video> = self.ask("videos", &questions).await?;
        let video = found.items.into_iter().next();
        let video = video.ok_or_else(|| {
            Trouble::new(Obstacle::NotFound, "YouTube has no such video, or its owner keeps it private")
        })?;
        if video.is_live() {
            return Err(Trouble::live());
        }
        let duration_ms = video.content_details.duration.as_deref().and_then(duration::milliseconds);
        let limit_ms = u64::try_from(self.max_duration.as_millis()).unwrap_or(u64::MAX);
        if let Some(too_long) = duration_ms.filter(|ms| *ms > limit_ms) {
            return Err(Trouble::too_long(too_long, self.max_duration));
        }
        Ok(Found {
            platform: Platform::Youtube,
            id: id.to_owned(),
            url: watch_url(id),
            thumbnail_url: video.snippet.best_thumbnail(),
            title: Some(name::title(&video.snippet.title)).filter(|title| !title.is_empty()),
            duration_ms,
        })
    }

    async fn ask<T: DeserializeOwned>(&self, what: &str, questions: &[(&str, &str)]) -> Result<T, Trouble> {
        let unreachable = || Trouble::new(Obstacle::Unreachable, "YouTube's API cannot be reached");
        let _place = self.places.acquire().await.map_err(|_| unreachable())?;
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(what);
        }
        url.query_pairs_mut().extend_pairs(questions).append_pair("key", self.key.expose_secret());
        // The client's errors hold the address with the key, so only their kind is looked at.
        let mut response = self.client.get(url).send().await.map_err(|error| {
            let kind = if error.is_timeout() { "did not answer in time" } else { "cannot be reached" };
            Trouble::new(Obstacle::Unreachable, format!("YouTube's API {kind}"))
        })?;
        let status = response.status();
        let wait = retry_after(response.headers());
        let mut body = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(|_| unreachable())? {
            if body.len() + piece.len() > MAX_ANSWER_BYTES {
                return Err(Trouble::new(Obstacle::Unreachable, "YouTube's API answers without end"));
            }
            body.extend_from_slice(&piece);
        }
        if status != StatusCode::OK {
            return Err(answer::failure(status, wait, &body));
        }
        serde_json::from_slice(&body).map_err(|_| {
            Trouble::new(Obstacle::Unreachable, "what YouTube's API answers is not what it documents")
        })
    }
}

/// A video's address, as it is passed on and kept.
pub(super) fn watch_url(id: &str) -> String {
    format!("https://www.youtube.com/watch?v={id}")
}

/// A wish as it is repeated in a message.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 100;
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}
