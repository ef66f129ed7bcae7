//! Styles, scripts and pictures, embedded from `web/`.
//!
//! The address carries a hash of all of them, so that a browser keeps them for good and modules find each other by
//! relative names. An address of another build (a page that outlived an upgrade, a second node) gets what is here, not kept.

use std::sync::LazyLock;

use axum::extract::Path;
use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use axum::response::{IntoResponse, Response};

/// The wheel; also drawn into the navigation, where it turns while something is converted.
pub(super) const LOGO: &str = include_str!("../../../../web/logo.svg");

const CSS: &str = "text/css; charset=utf-8";
const JS: &str = "text/javascript; charset=utf-8";
const SVG: &str = "image/svg+xml";

macro_rules! embedded {
    ($($name:literal as $content_type:expr),+ $(,)?) => {
        &[$(($name, $content_type, include_str!(concat!("../../../../web/", $name)))),+]
    };
}

/// Name, media type, content.
pub(super) static FILES: &[(&str, &str, &str)] = embedded![
    "api.js" as JS,
    "base.css" as CSS,
    "convert.css" as CSS,
    "docs.css" as CSS,
    "elements.js" as JS,
    "jobs.js" as JS,
    "live.js" as JS,
    "logo.svg" as SVG,
    "main.js" as JS,
    "profiles.js" as JS,
    "queue.js" as JS,
    "register.js" as JS,
    "session.js" as JS,
    "upload.js" as JS,
    "video-admin.js" as JS,
    "video-editor.js" as JS,
    "video-frame.js" as JS,
    "videos.css" as CSS,
    "videos.js" as JS,
    "wheel.svg" as SVG,
    "words.js" as JS,
];

/// Changes whenever any file does.
static BUILD: LazyLock<String> = LazyLock::new(|| {
    let mut hasher = blake3::Hasher::new();
    for (name, _, content) in FILES {
        hasher.update(name.as_bytes()).update(content.as_bytes());
    }
    hasher.finalize().to_hex()[..16].to_owned()
});

/// The address of a file in `web/`.
pub(super) fn url(name: &str) -> String {
    format!("/assets/{}/{name}", *BUILD)
}

/// `GET /assets/{build}/{file}`
pub(super) async fn show(Path((build, file)): Path<(String, String)>) -> Response {
    let Some((_, content_type, content)) = FILES.iter().find(|(name, ..)| *name == file) else {
        return StatusCode::NOT_FOUND.into_response();
    };
    let keeping = if build == *BUILD { "public, max-age=31536000, immutable" } else { "no-cache" };
    let headers =
        [(CONTENT_TYPE, *content_type), (CACHE_CONTROL, keeping), (X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (headers, *content).into_response()
}

/// `GET /favicon.ico`, which browsers ask for where an answer is no page of ours and names no icon.
pub(super) async fn favicon() -> Response {
    ([(CONTENT_TYPE, SVG), (CACHE_CONTROL, "public, max-age=86400")], LOGO).into_response()
}
