//! The video site's contract: gRPC for its backend, and the HTTP routes of its pages.
//!
//! Both speak of the same videos by the same names. What is published everybody may see; whoever changes something
//! proves who they are by a token or an API key in the header, or is a program on this machine that gRPC trusts. No
//! cookie opens this door. An error over HTTP is `{"message": …}` with its status.

mod details;
mod lists;
mod pictures;
mod play;
mod register;
mod rpc;

use axum::body::to_bytes;
use axum::extract::{FromRequestParts, Request};
use axum::http::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderValue};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use reelmill_core::MediaId;
use reelmill_service::{Caller, Error};
use serde::Serialize;
use serde_json::{Value, json};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::http::{App, Problem, bearer, or_panic};

pub(crate) use rpc::router as rpc;

/// The most bytes of a problem document.
const MOST_PROBLEM_BYTES: usize = 64 * 1024;

/// The door's routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(play::router())
        .merge(lists::router())
        .merge(details::router())
        .merge(pictures::router())
        .merge(register::router())
        .layer(from_fn(in_words))
}

/// How it went, in a word or a sentence.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = VideoMessage)]
struct Message {
    /// `success`, or what is wrong.
    message: String,
}

impl Message {
    fn success() -> Self {
        Self { message: "success".to_owned() }
    }
}

/// Somebody whose token or API key came in the header.
struct Bearer(Caller);

impl FromRequestParts<App> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        let Visitor(caller) = Visitor::from_request_parts(parts, app).await?;
        caller
            .map(Self)
            .ok_or_else(|| Problem::unauthenticated("send a token or an API key as Authorization: Bearer"))
    }
}

/// Anybody; where a token or API key came, whose it is.
struct Visitor(Option<Caller>);

impl FromRequestParts<App> for Visitor {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Problem> {
        if !parts.headers.contains_key(AUTHORIZATION) {
            return Ok(Self(None));
        }
        let token = bearer(&parts.headers).ok_or_else(|| {
            Problem::unauthenticated(
                "the header Authorization must be `Bearer` and a token or an API key here",
            )
        })?;
        Ok(Self(Some(app.service.authenticate(token).await?)))
    }
}

/// The video that a name means, with its extension or without. What is no uuid is the name of nothing.
fn video_id(name: &str) -> Result<MediaId, Error> {
    name.strip_suffix(".mp4").unwrap_or(name).parse().map_err(|_| Error::not_found("video"))
}

/// Has every error of these routes, a panic too, told in the door's words.
async fn in_words(request: Request, next: Next) -> Response {
    let response = or_panic(next.run(request)).await.unwrap_or_else(IntoResponse::into_response);
    if !is_problem(response.headers()) {
        return response;
    }
    let (mut parts, body) = response.into_parts();
    let body = to_bytes(body, MOST_PROBLEM_BYTES).await.unwrap_or_default();
    let problem: Value = serde_json::from_slice(&body).unwrap_or_default();
    parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    parts.headers.remove(CONTENT_LENGTH);
    Response::from_parts(parts, json!({"message": problem["detail"]}).to_string().into())
}

fn is_problem(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_TYPE).is_some_and(|value| value == "application/problem+json")
}
