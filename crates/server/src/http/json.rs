//! JSON bodies: read whole, since they are small, and refused by name where a field is wrong.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use axum::http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use axum::http::{HeaderMap, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use bytes::BytesMut;
use futures_util::StreamExt;
use reelmill_core::Kind;
use reelmill_service::Error;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::Problem;

/// The most bytes of a JSON body.
const MOST_BYTES: usize = 64 * 1024;

/// How long a JSON body may take to arrive.
const PATIENCE: Duration = Duration::from_secs(20);

/// An answer in JSON.
#[derive(Debug, Clone, Copy)]
pub struct Json<T>(pub T);

impl<T: Serialize> IntoResponse for Json<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => {
                ([(CONTENT_TYPE, "application/json"), (axum::http::header::CACHE_CONTROL, "no-store")], body)
                    .into_response()
            }
            Err(error) => Problem::internal(error.to_string()).into_response(),
        }
    }
}

/// A request's body, read from JSON.
pub(crate) struct JsonBody<T> {
    /// What it says.
    pub(crate) value: T,
    /// BLAKE3 of its bytes, lower-case hex.
    pub(crate) hash: String,
}

impl<T: DeserializeOwned, S: Sync> FromRequest<S> for JsonBody<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let (parts, body) = request.into_parts();
        must_be_json(&parts.headers)?;
        let bytes = timeout(PATIENCE, collect(&parts.headers, body)).await.map_err(|_| {
            Error::new(Kind::Timeout, "too-slow", "the JSON body did not arrive in 20 s; send it again")
        })??;
        let value = serde_json::from_slice(&bytes)
            .map_err(|error| Problem::invalid(format!("the JSON body is wrong: {error}")))?;
        Ok(Self { value, hash: blake3::hash(&bytes).to_hex().to_string() })
    }
}

fn must_be_json(headers: &HeaderMap) -> Result<(), Problem> {
    let given = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = given.split(';').next().unwrap_or_default().trim();
    if essence.eq_ignore_ascii_case("application/json") {
        return Ok(());
    }
    let detail = format!("the body must be `Content-Type: application/json`, not `{essence}`");
    Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "wrong-content-type", detail))
}

async fn collect(headers: &HeaderMap, body: Body) -> Result<Bytes, Problem> {
    let declared = declared_bytes(headers);
    if declared.is_some_and(|declared| declared > MOST_BYTES as u64) {
        return Err(too_large());
    }
    let mut collected = BytesMut::new();
    let mut pieces = body.into_data_stream();
    while let Some(piece) = pieces.next().await {
        let piece = piece.map_err(|_| Error::new(Kind::Invalid, "cut-off", "the JSON body was cut"))?;
        if collected.len() + piece.len() > MOST_BYTES {
            return Err(too_large());
        }
        collected.extend_from_slice(&piece);
    }
    Ok(collected.freeze())
}

fn too_large() -> Problem {
    let detail = format!("a JSON body has at most {MOST_BYTES} bytes here");
    Error::new(Kind::TooLarge, "too-large", detail).into()
}

/// What the client announced in Content-Length.
pub(super) fn declared_bytes(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH).and_then(|value: &HeaderValue| value.to_str().ok()?.parse().ok())
}
