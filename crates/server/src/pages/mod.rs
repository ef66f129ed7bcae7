//! What people see in a browser: pages rendered here, styles and scripts embedded from `web/`.
//!
//! A page brings structure and words; everything that changes comes from `/v1`, which the scripts call like any other
//! client. So a page needs no state of the server and has no rights of its own. One file a page, one row in
//! [`router`]; what pages share is in [`layout`].

mod assets;
mod convert;
pub(crate) mod layout;

#[cfg(test)]
mod tests;

use axum::Router;
use axum::http::HeaderMap;
use axum::http::header::COOKIE;
use axum::routing::get;

/// The name of the session's cookie.
const COOKIE_NAME: &str = "reelmill_session";

/// The pages and what they load.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route("/", get(convert::show))
        .route("/assets/{build}/{file}", get(assets::show))
        .route("/favicon.ico", get(assets::favicon))
}

/// Whether the browser brings a session: a guess for the first picture, so that a page needs no look into the catalog.
/// Whether the session is any good is said by the first call to `/v1`.
pub(crate) fn seems_signed_in(headers: &HeaderMap) -> bool {
    let cookies = headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut pairs = cookies.flat_map(|value| value.split(';')).filter_map(|pair| pair.split_once('='));
    pairs.any(|(name, value)| name.trim() == COOKIE_NAME && !value.trim().is_empty())
}
