//! Who calls: a bearer token or API key in the header, else the anonymous account where the operator lets it.
//!
//! No cookie opens this door. A token that is wrong is refused also where none is needed.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::{AUTHORIZATION, SEC_WEBSOCKET_PROTOCOL};
use axum::http::request::Parts;
use reelmill_service::Caller;
use serde::de::DeserializeOwned;

use super::refusal::Refusal;
use crate::http::{App, Peer, Problem, Query, bearer};

/// The WebSocket protocol behind whose name a client that can set no header sends its token.
pub(super) const TOKEN_PROTOCOL: &str = "reelmill.bearer";

/// Somebody who may call.
#[derive(Debug)]
pub(super) struct AudioCaller(pub(super) Caller);

impl FromRequestParts<App> for AudioCaller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let peer = Peer::of(app, &parts.extensions, &parts.headers);
        of_token(app, peer, bearer(&parts.headers), parts.headers.contains_key(AUTHORIZATION)).await
    }
}

/// Somebody who may open a WebSocket. A browser can set no header for one, so that the token may come as the protocol
/// behind [`TOKEN_PROTOCOL`]; in the address it would end up in logs.
#[derive(Debug)]
pub(super) struct SocketCaller(pub(super) Caller);

impl FromRequestParts<App> for SocketCaller {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let peer = Peer::of(app, &parts.extensions, &parts.headers);
        let token = bearer(&parts.headers).or_else(|| protocol_token(&parts.headers));
        let is_given = token.is_some() || parts.headers.contains_key(AUTHORIZATION);
        of_token(app, peer, token, is_given).await.map(|AudioCaller(caller)| Self(caller))
    }
}

async fn of_token(
    app: &App,
    peer: Peer,
    token: Option<&str>,
    is_given: bool,
) -> Result<AudioCaller, Refusal> {
    match token {
        Some(token) => Ok(AudioCaller(app.service.authenticate(token).await?)),
        None if !is_given && app.settings.audio_trust.reaches(peer) => {
            Ok(AudioCaller(app.service.audio_caller().await?))
        }
        None => Err(Problem::unauthenticated("send a token or an API key as Authorization: Bearer").into()),
    }
}

/// The protocol that stands behind [`TOKEN_PROTOCOL`].
fn protocol_token(headers: &HeaderMap) -> Option<&str> {
    let lines = headers.get_all(SEC_WEBSOCKET_PROTOCOL).iter().filter_map(|line| line.to_str().ok());
    let mut protocols = lines.flat_map(|line| line.split(',')).map(str::trim);
    protocols.by_ref().find(|protocol| *protocol == TOKEN_PROTOCOL)?;
    protocols.next()
}

/// The parameters after the question mark.
pub(super) struct Wanted<T>(pub(super) T);

impl<T: DeserializeOwned> FromRequestParts<App> for Wanted<T> {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let Query(value) = Query::from_request_parts(parts, app).await?;
        Ok(Self(value))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn a_token_comes_behind_the_name_of_its_protocol_alone() {
        let of = |lines: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for line in lines {
                headers.append(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(line));
            }
            protocol_token(&headers).map(str::to_owned)
        };
        assert_eq!(of(&["reelmill.bearer, a.b-c_d"]).as_deref(), Some("a.b-c_d"));
        assert_eq!(of(&["chat, reelmill.bearer", "token"]).as_deref(), Some("token"));
        assert_eq!(of(&["chat, token"]), None);
        assert_eq!((of(&["reelmill.bearer"]), of(&[])), (None, None));
    }
}
