//! The conversion tasks' contract: accounts of one's own, tasks by number, JSON whose errors are `{"error": …}`.
//!
//! The words are the contract's where it has some; what it has no words for is told in the service's sentence under the
//! same name. Only the header proves who calls: no cookie opens this door.

mod accounts;
mod balancer;
mod board;
mod content;

use axum::extract::{FromRequestParts, Path, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use reelmill_core::Kind;
use reelmill_service::{Caller, Error};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;

use crate::http::{App, Problem, bearer, or_panic};

pub(crate) use balancer::or_success;

/// The door's routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(accounts::router())
        .merge(board::router())
        .merge(content::router())
        .layer(from_fn(in_words))
        .merge(balancer::document())
}

/// An error as this door tells it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TaskError, example = json!({"error": "Task not found"}))]
struct ErrorBody<'a> {
    /// What is wrong.
    error: &'a str,
    /// More about it, where there is more to say.
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<&'a str>,
}

/// Somebody whose token or API key came in the header.
struct Bearer(Caller);

impl FromRequestParts<App> for Bearer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers)
            .ok_or_else(|| Refusal::from(Problem::unauthenticated("Missing Authorization Header")))?;
        let caller = app.service.authenticate(token).await.map_err(|error| match error.kind {
            Kind::Unauthenticated => Refusal::saying("Invalid or expired token", error),
            _ => error.into(),
        })?;
        Ok(Self(caller))
    }
}

/// A task's number in the path. What is no number is the number of no task.
struct Number(i64);

impl FromRequestParts<App> for Number {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let given = Path::<String>::from_request_parts(parts, app).await.ok();
        let number = given.and_then(|Path(text)| text.parse().ok());
        number.map(Self).ok_or_else(|| Error::not_found("task").into())
    }
}

/// A problem in the contract's words.
#[derive(Debug)]
struct Refusal {
    problem: Problem,
    message: Option<String>,
}

impl Refusal {
    /// A request that the contract answers with these words.
    fn bad(words: &str) -> Self {
        Problem::new(StatusCode::BAD_REQUEST, "invalid-request", words).into()
    }

    /// The error in these words instead of its own.
    fn saying(words: &str, error: Error) -> Self {
        Problem { detail: words.to_owned(), ..Problem::from(error) }.into()
    }

    /// The same with more about it.
    fn about(self, message: String) -> Self {
        Self { message: Some(message), ..self }
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        match error.problem {
            "not-found" => Self::saying("Task not found", error),
            "one-file" | "no-name" => {
                let message = error.detail.clone();
                Self::saying("Bad filename", error).about(message)
            }
            _ => Problem::from(error).into(),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self { problem, message: None }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let Self { mut problem, message } = self;
        let words = std::mem::take(&mut problem.detail);
        let body = ErrorBody { error: &words, message: message.as_deref() };
        let body = serde_json::to_vec(&body).unwrap_or_default();
        problem.into_response_with("application/json", body)
    }
}

/// A panic is told in the contract's words, too.
async fn in_words(request: Request, next: Next) -> Result<Response, Refusal> {
    Ok(or_panic(next.run(request)).await?)
}
