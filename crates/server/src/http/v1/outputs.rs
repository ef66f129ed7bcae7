//! Results.

use axum::extract::State;
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use reelmill_core::{Output, OutputId};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::openapi::AnyProblem;
use crate::http::{App, Id, Json, Problem, SignedIn, hand_out};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(show)).routes(routes!(read, read_head))
}

/// A result.
#[derive(Serialize, ToSchema)]
#[schema(as = Output)]
struct OutputView {
    /// Its id.
    id: String,
    /// What the converter's `/download` calls it.
    fid: String,
    /// The job that made it.
    job_id: String,
    /// What it was made from.
    media_id: String,
    /// The file name that a download is offered under.
    name: String,
    /// The format's name.
    #[schema(value_type = String, example = "mp3")]
    format: &'static str,
    /// What it is.
    content_type: &'static str,
    /// How many bytes there are.
    size_bytes: u64,
    /// How long it plays.
    duration_ms: u64,
    /// When it was made.
    created_at: String,
}

impl From<Output> for OutputView {
    fn from(output: Output) -> Self {
        Self {
            id: output.id.to_string(),
            fid: output.fid,
            job_id: output.job_id.to_string(),
            media_id: output.media_id.to_string(),
            name: output.name,
            format: output.format.name(),
            content_type: output.format.content_type(),
            size_bytes: output.size_bytes,
            duration_ms: output.duration_ms,
            created_at: output.created_at.to_string(),
        }
    }
}

/// Look at an output.
#[utoipa::path(
    get, path = "/v1/outputs/{id}", tag = "outputs", params(("id" = String, Path, description = "The output's id.")),
    responses((status = 200, body = OutputView, description = "What is known of it."), AnyProblem)
)]
async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<OutputId>,
) -> Result<Json<OutputView>, Problem> {
    Ok(Json(app.service.output(&caller, id).await?.into()))
}

/// Read an output's bytes.
///
/// `Range`, `If-Range` and the conditional headers work as RFC 9110 says.
#[utoipa::path(
    get, path = "/v1/outputs/{id}/content", tag = "outputs",
    params(("id" = String, Path, description = "The output's id.")),
    responses(
        (status = 200, description = "All of it.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The parts that were asked for.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 304, description = "The client has it already."),
        (status = 307, description = "The store itself serves it, at an address that is good for some minutes: no token is needed there."),
        (status = 416, description = "No part that was asked for lies within."),
        AnyProblem
    )
)]
async fn read(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<OutputId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content = app.service.output_content(&caller, id).await?;
    hand_out(&app, content, &method, &headers).await
}

/// Look at an output's bytes without reading them.
#[utoipa::path(
    head, path = "/v1/outputs/{id}/content", tag = "outputs",
    params(("id" = String, Path, description = "The output's id.")),
    responses((status = 200, description = "The headers that GET would answer with."), AnyProblem)
)]
async fn read_head(
    app: State<App>,
    caller: SignedIn,
    id: Id<OutputId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    read(app, caller, id, Method::HEAD, headers).await
}
