//! The API's answers, as far as they are read.

use std::collections::HashMap;
use std::time::Duration;

use reelmill_core::Obstacle;
use reqwest::StatusCode;
use serde::Deserialize;

use crate::source::web::trouble::Trouble;

/// A list.
#[derive(Deserialize)]
pub(super) struct Items<T> {
    #[serde(default = "Vec::new")]
    pub(super) items: Vec<T>,
}

/// An entry of `search`.
#[derive(Deserialize)]
pub(super) struct Match {
    pub(super) id: MatchId,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct MatchId {
    #[serde(default)]
    pub(super) video_id: Option<String>,
}

/// An entry of `videos`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Video {
    pub(super) snippet: Snippet,
    #[serde(default)]
    pub(super) content_details: ContentDetails,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Snippet {
    #[serde(default)]
    pub(super) title: String,
    #[serde(default)]
    live_broadcast_content: Option<String>,
    #[serde(default)]
    thumbnails: HashMap<String, Thumbnail>,
}

#[derive(Deserialize)]
struct Thumbnail {
    url: String,
    #[serde(default)]
    width: u32,
}

#[derive(Deserialize, Default)]
pub(super) struct ContentDetails {
    #[serde(default)]
    pub(super) duration: Option<String>,
}

impl Video {
    /// Whether it is on air, or will be.
    pub(super) fn is_live(&self) -> bool {
        matches!(self.snippet.live_broadcast_content.as_deref(), Some("live" | "upcoming"))
    }
}

impl Snippet {
    /// The widest picture.
    pub(super) fn best_thumbnail(&self) -> Option<String> {
        let widest = self.thumbnails.values().max_by_key(|thumbnail| thumbnail.width)?;
        Some(widest.url.clone())
    }
}

/// The body of an error, <https://developers.google.com/youtube/v3/docs/errors>.
#[derive(Deserialize, Default)]
struct Failed {
    #[serde(default)]
    error: Details,
}

#[derive(Deserialize, Default)]
struct Details {
    #[serde(default)]
    message: String,
    #[serde(default)]
    status: String,
    #[serde(default)]
    errors: Vec<Reason>,
}

#[derive(Deserialize)]
struct Reason {
    #[serde(default)]
    reason: String,
}

/// What an error of the API means. Its own words may repeat the key, so none of them are passed on.
pub(super) fn failure(status: StatusCode, wait: Option<Duration>, body: &[u8]) -> Trouble {
    let Failed { error } = serde_json::from_slice(body).unwrap_or_default();
    let has = |reason: &str| error.errors.iter().any(|given| given.reason == reason);
    let retry_after_ms = wait.map(|wait| u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
    // A newer form of the daily quota's end has the reason of a passing limit.
    let is_daily = has("quotaExceeded") || has("dailyLimitExceeded") || error.message.contains("per day");
    if !is_daily && (has("rateLimitExceeded") || has("userRateLimitExceeded")) {
        return Trouble::rate_limited("YouTube's API", retry_after_ms);
    }
    if is_daily {
        return Trouble::new(
            Obstacle::Quota,
            "the daily quota of this installation's YouTube API key is used up; it is renewed at midnight Pacific time",
        );
    }
    let is_key = ["keyInvalid", "keyExpired", "forbidden", "accessNotConfigured", "ipRefererBlocked"];
    let names_key = error.message.contains("API key") || error.message.contains("API Key");
    if is_key.iter().any(|reason| has(reason))
        || names_key
        || matches!(status, StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN)
    {
        return Trouble::new(
            Obstacle::BadKey,
            "YouTube's API does not take this installation's key; the operator has to look at YOUTUBE_API_KEY",
        );
    }
    if status == StatusCode::TOO_MANY_REQUESTS || error.status == "RESOURCE_EXHAUSTED" {
        return Trouble::rate_limited("YouTube's API", retry_after_ms);
    }
    if status == StatusCode::NOT_FOUND && has("videoNotFound") {
        return Trouble::new(Obstacle::NotFound, "YouTube has no such video");
    }
    Trouble::new(Obstacle::Unreachable, format!("YouTube's API answers {}", status.as_u16()))
}
