//! Who calls: a bearer token or API key in the header, else the session cookie.
//!
//! The header wins where both are there. The cookie is a browser's, so a change that it proves must come from a page
//! of ours; the doors of other contracts never look at it.

use axum::extract::FromRequestParts;
use axum::http::header::{AUTHORIZATION, COOKIE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reelmill_core::Kind;
use reelmill_service::{Caller, Claims};
use secrecy::SecretString;

use super::{App, Problem, browser};

/// The cookie that holds a browser's token.
const COOKIE_NAME: &str = "reelmill_session";

/// Somebody whose token, API key or cookie was taken.
#[derive(Debug)]
pub struct SignedIn(pub Caller);

impl FromRequestParts<App> for SignedIn {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let credential = credential(parts)?;
        Ok(Self(app.service.authenticate(credential).await?))
    }
}

/// Whoever looks at a page, which may be nobody that is known: a session that has ended is one that is not there.
#[derive(Debug)]
pub struct Visitor(pub Option<Caller>);

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Some(cookie) = cookie(&parts.headers) else { return Ok(Self(None)) };
        match app.service.authenticate(cookie).await {
            Ok(caller) => Ok(Self(Some(caller))),
            Err(error) if error.kind == Kind::Unauthenticated => Ok(Self(None)),
            Err(error) => Err(error.into()),
        }
    }
}

/// Somebody whose session's token was taken, from the header or the cookie, with what it says.
#[derive(Debug)]
pub(super) struct InSession(pub(super) Claims);

impl FromRequestParts<App> for InSession {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let credential = credential(parts)?;
        let (_, claims) = app.service.authenticate_token(credential).await?;
        Ok(Self(claims))
    }
}

fn credential(parts: &Parts) -> Result<&str, Problem> {
    if parts.headers.contains_key(AUTHORIZATION) {
        return bearer(&parts.headers).ok_or_else(|| {
            Problem::unauthenticated(
                "the header Authorization must be `Bearer` and a token or an API key here",
            )
        });
    }
    let cookie = cookie(&parts.headers).ok_or_else(|| {
        Problem::unauthenticated("sign in with POST /v1/session, or send an API key as Authorization: Bearer")
    })?;
    browser::must_be_our_page(&parts.method, &parts.headers)?;
    Ok(cookie)
}

/// The token of `Authorization: Bearer`.
#[must_use]
pub fn bearer(headers: &HeaderMap) -> Option<&str> {
    of_scheme(headers, "bearer")
}

/// The name and password of `Authorization: Basic`; `None` where it is absent or of another scheme, `Some(None)` where
/// it is not what RFC 7617 says.
#[must_use]
pub fn basic(headers: &HeaderMap) -> Option<Option<(String, SecretString)>> {
    let encoded = of_scheme(headers, "basic")?;
    let decoded = BASE64.decode(encoded).ok().and_then(|bytes| String::from_utf8(bytes).ok());
    Some(decoded.and_then(|text| {
        let (login, password) = text.split_once(':')?;
        Some((login.to_owned(), SecretString::from(password)))
    }))
}

fn of_scheme<'h>(headers: &'h HeaderMap, scheme: &str) -> Option<&'h str> {
    let (given, rest) = headers.get(AUTHORIZATION)?.to_str().ok()?.split_once(' ')?;
    let rest = rest.trim();
    (given.eq_ignore_ascii_case(scheme) && !rest.is_empty()).then_some(rest)
}

fn cookie(headers: &HeaderMap) -> Option<&str> {
    headers
        .get_all(COOKIE)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(';'))
        .find_map(|pair| pair.trim().strip_prefix(COOKIE_NAME)?.strip_prefix('='))
        .filter(|token| !token.is_empty())
}

/// The header that gives a browser its cookie, or with an empty token takes it away.
pub(super) fn set_cookie(token: &str, max_age_s: u64, is_https: bool) -> Result<HeaderValue, Problem> {
    let secure = if is_https { "; Secure" } else { "" };
    let text = format!("{COOKIE_NAME}={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age_s}{secure}");
    HeaderValue::from_str(&text).map_err(|error| Problem::internal(error.to_string()))
}
