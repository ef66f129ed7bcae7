//! Imports: what nobody uploads is fetched from its source, by title or address, and converted.

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use reelmill_core::{Door, Priority, Settings};
use reelmill_service::JobWish;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::jobs::{JobBody, Overrides, submission};
use crate::http::json::JsonBody;
use crate::http::openapi::AnyProblem;
use crate::http::{App, Json, Problem, SignedIn};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(import))
}

/// A media that is to be fetched, and what it becomes.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"source": "https://example.org/talk.mp4", "profile": "mp3"}))]
struct NewImport {
    /// A title, or an address.
    source: String,
    /// What it becomes; `GET /v1/profiles` lists the names.
    profile: String,
    /// What is laid over the profile's settings.
    #[serde(default)]
    #[schema(value_type = Option<Overrides>)]
    overrides: Settings,
    /// Who goes first.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(interactive|normal|bulk)$")]
    priority: Priority,
}

/// Fetch and convert.
///
/// The job's stage is `fetch` while the original is on its way; `media_id` is null until it is there. With the header
/// `Idempotency-Key`, the same request sent again within 24 hours finds the job that it made before.
#[utoipa::path(
    post, path = "/v1/imports", tag = "jobs", request_body = NewImport,
    params(("Idempotency-Key" = Option<String>, Header, description = "Any text of 1 to 255 characters, fresh for every wish.")),
    responses(
        (status = 202, body = JobBody, description = "It waits for a worker; `Location` names it."),
        (status = 404, description = "Nothing was found."),
        (status = 422, description = "It cannot be had from there, or the key came with another body before."),
        (status = 502, description = "The source refuses this installation."),
        (status = 503, description = "The source cannot be reached now."),
        AnyProblem
    )
)]
async fn import(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    headers: HeaderMap,
    body: JsonBody<NewImport>,
) -> Result<Response, Problem> {
    let submission = submission("POST /v1/imports", &headers, body.hash)?;
    let NewImport { source, profile, overrides, priority } = body.value;
    let wish = JobWish { profile, overrides, priority, door: Door::V1, submission };
    let view = app.service.import(&caller, &source, wish).await?;
    let place = format!("/v1/jobs/{}", view.job.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, place)], Json(JobBody::from(view))).into_response())
}
