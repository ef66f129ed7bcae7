//! The one shape of an error, RFC 9457, and the one mapping of a kind of error to a status.
//!
//! What a user may read and what the log gets part here: the cause travels beside the answer to the observer, which
//! logs it once with the request's id.

use axum::body::Body;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use reelmill_core::{FailureKind, Kind};
use reelmill_service::Error;
use serde::Serialize;
use utoipa::ToSchema;

use super::problems;

/// An error on its way to the client.
#[derive(Debug)]
pub struct Problem {
    /// The answer's status.
    pub status: StatusCode,
    /// The problem's short name, a row of the table that `/problems` explains.
    pub name: &'static str,
    /// One sentence for the user.
    pub detail: String,
    /// What only the log may have.
    pub cause: Option<String>,
    /// Headers that go with it.
    pub headers: Vec<(HeaderName, HeaderValue)>,
}

/// A problem's cause, beside the answer for the observer.
#[derive(Debug, Clone)]
pub(crate) struct Cause(pub(crate) String);

/// A problem as it is sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({"type": "/problems/not-found", "title": "Not found", "status": 404, "detail": "there is no such job"}))]
pub(super) struct ProblemBody<'a> {
    /// Where the problem is explained.
    #[serde(rename = "type")]
    kind: String,
    /// What sort of problem it is.
    title: &'a str,
    /// The status of the answer.
    status: u16,
    /// What is wrong here, and what to do.
    detail: &'a str,
}

impl Problem {
    /// A problem of the table.
    #[must_use]
    pub fn new(status: StatusCode, name: &'static str, detail: impl Into<String>) -> Self {
        Self { status, name, detail: detail.into(), cause: None, headers: Vec::new() }
    }

    /// A request that is wrong in itself.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Error::invalid(detail).into()
    }

    /// A request of nobody's.
    #[must_use]
    pub fn unauthenticated(detail: impl Into<String>) -> Self {
        Error::new(Kind::Unauthenticated, "not-signed-in", detail).into()
    }

    /// A fault of ours.
    #[must_use]
    pub fn internal(cause: impl Into<String>) -> Self {
        let detail = "something went wrong here; the operator's log says more";
        Self { cause: Some(cause.into()), ..Self::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", detail) }
    }

    /// The same problem with a header.
    #[must_use]
    pub fn with(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.push((name, value));
        self
    }

    /// An answer of this problem's status and headers, its cause beside it.
    pub fn into_response_with(self, content_type: &'static str, body: impl Into<Body>) -> Response {
        let mut response = (self.status, body.into()).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        headers.extend(self.headers);
        if let Some(cause) = self.cause {
            response.extensions_mut().insert(Cause(cause));
        }
        response
    }
}

/// The status of a kind of error.
fn status_of(kind: Kind) -> StatusCode {
    match kind {
        Kind::Invalid => StatusCode::BAD_REQUEST,
        Kind::Unauthenticated => StatusCode::UNAUTHORIZED,
        Kind::Forbidden => StatusCode::FORBIDDEN,
        Kind::NotFound => StatusCode::NOT_FOUND,
        Kind::Conflict => StatusCode::CONFLICT,
        Kind::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Kind::NotMedia => StatusCode::UNSUPPORTED_MEDIA_TYPE,
        Kind::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
        Kind::Timeout => StatusCode::REQUEST_TIMEOUT,
        Kind::TooMany => StatusCode::TOO_MANY_REQUESTS,
        Kind::Busy | Kind::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        Kind::Upstream => StatusCode::BAD_GATEWAY,
        Kind::Internal => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

/// The status and problem of a job that failed while somebody waited for its result.
pub(super) fn of_failure(kind: FailureKind) -> (StatusCode, &'static str) {
    match kind {
        FailureKind::Unsupported => (StatusCode::UNPROCESSABLE_ENTITY, "unsupported"),
        FailureKind::Corrupt => (StatusCode::UNPROCESSABLE_ENTITY, "corrupt"),
        FailureKind::Limit => (StatusCode::UNPROCESSABLE_ENTITY, "limit"),
        FailureKind::Source => (StatusCode::BAD_GATEWAY, "source"),
        FailureKind::Timeout => (StatusCode::GATEWAY_TIMEOUT, "deadline"),
        FailureKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let problem =
            Self { cause: error.cause, ..Self::new(status_of(error.kind), error.problem, error.detail) };
        let retry_after = error.retry_after.map_or(5, |wait| wait.as_secs().max(1));
        match error.kind {
            Kind::Unauthenticated => problem.with(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer")),
            Kind::Busy | Kind::Unavailable | Kind::TooMany => {
                problem.with(RETRY_AFTER, HeaderValue::from(retry_after))
            }
            _ => problem,
        }
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = ProblemBody {
            kind: format!("/problems/{}", self.name),
            title: problems::title(self.name),
            status: self.status.as_u16(),
            detail: &self.detail,
        };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        self.into_response_with("application/problem+json", body)
    }
}

pub(super) async fn no_route(uri: Uri) -> Problem {
    let detail = format!("there is nothing at {}; /docs lists what there is", uri.path());
    Problem::new(StatusCode::NOT_FOUND, "not-found", detail)
}

pub(super) async fn no_method(method: Method, uri: Uri) -> Problem {
    let detail = format!("{} does not take {method}; the header Allow says what it takes", uri.path());
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
}
