//! What people see in a browser: pages rendered here, styles and scripts embedded from `web/`.
//!
//! A page brings structure and words; everything that changes comes from `/v1`, which the scripts call like any other
//! client. The pages of the video site are rendered with what they show, so that a link to a video has its title and a
//! wrong one its 404; they read by the same verbs as `/v1` and have no rights of their own. One file a page, one row in
//! [`router`] or [`site`]; what pages share is in [`layout`].

mod assets;
mod convert;
pub(crate) mod layout;
mod sign_in;
mod trouble;
mod video_admin;
mod video_card;
mod video_edit;
mod videos;
mod watch;
mod words;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum::routing::get;

use crate::http::App;

/// The name of the session's cookie.
const COOKIE_NAME: &str = "reelmill_session";

/// The pages and what they load.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(convert::show))
        .route("/assets/{build}/{file}", get(assets::show))
        .route("/favicon.ico", get(assets::favicon))
}

/// The pages of the video site.
pub(crate) fn site() -> Router<App> {
    Router::new()
        .route("/videos", get(videos::show))
        .route("/watch", get(watch::show))
        .route("/sign-in", get(sign_in::show))
        .route("/register", get(sign_in::show_register))
        .route("/upload-video", get(video_edit::show_upload))
        .route("/edit-video", get(video_edit::show_edit))
        .route("/admin/videos", get(video_admin::show))
}

/// Whether the browser brings a session: a guess for the first picture, so that a page needs no look into the catalog.
/// Whether the session is any good is said by the first call to `/v1`.
pub(crate) fn seems_signed_in(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.any(|(name, value)| name.trim() == COOKIE_NAME && !value.trim().is_empty())
}
