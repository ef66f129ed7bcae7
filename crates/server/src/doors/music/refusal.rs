//! What is answered, and what is refused: JSON in the contract's shapes, with the charset that its clients expect.

use axum::http::StatusCode;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use reelmill_service::Error;
use serde::Serialize;
use utoipa::ToSchema;

use super::words;
use crate::http::Problem;

/// What every body of this door is.
pub(super) const JSON: &str = "application/json; charset=utf-8";

/// An answer.
#[derive(Debug)]
pub(super) struct Answer<T>(pub(super) T);

impl<T: Serialize> IntoResponse for Answer<T> {
    fn into_response(self) -> Response {
        match serde_json::to_vec(&self.0) {
            Ok(body) => ([(CONTENT_TYPE, JSON), (CACHE_CONTROL, "no-store")], body).into_response(),
            Err(error) => Refusal::from(Problem::internal(error.to_string())).into_response(),
        }
    }
}

/// A problem in a sentence of the contract's language.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) problem: Problem,
    pub(super) words: &'static str,
}

/// An error as this door sends it.
#[derive(Serialize, ToSchema)]
#[schema(as = MusicError)]
pub(super) struct RefusalBody {
    /// What is wrong.
    #[schema(value_type = String)]
    error: &'static str,
}

impl Refusal {
    /// The request is wrong in itself.
    pub(super) fn of_request(words: &'static str) -> Self {
        Self { problem: Problem::new(StatusCode::BAD_REQUEST, "invalid-request", words), words }
    }

    /// A refusal of that status.
    pub(super) fn of(status: StatusCode, words: &'static str) -> Self {
        Self { problem: Problem::new(status, "invalid-request", words), words }
    }

    /// The same refusal in another sentence.
    pub(super) fn saying(self, words: &'static str) -> Self {
        Self { words, ..self }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        let words = match error.obstacle {
            Some(obstacle) => words::of_obstacle(obstacle),
            None => words::of_kind(error.kind),
        };
        let mut problem = Problem::from(error);
        if problem.status.is_server_error() && problem.cause.is_none() {
            // The sentence in the contract's language says less than the operator needs.
            problem.cause = Some(problem.detail.clone());
        }
        Self { problem, words }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let words = words::of_status(problem.status);
        Self { problem, words }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&RefusalBody { error: self.words }).unwrap_or_default();
        self.problem.into_response_with(JSON, body)
    }
}
