//! A task's files on their way out.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use reelmill_service::Which;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Bearer, ErrorBody, Number, Refusal};
use crate::http::{App, Offer, Problem, Query, respond};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(download)).routes(routes!(file))
}

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// `original` or `converted`; where it is not given, the result once it is there, else the original.
    which: Option<String>,
}

/// Download a task's file.
#[utoipa::path(
    get, path = "/api/download/{id}", tag = "tasks", security(("bearer" = [])),
    params(("id" = i64, Path, description = "The task's number."), Wanted),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The parts that were asked for.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 400, description = "`which` is something else.", body = ErrorBody),
        (status = 401, description = "No token, or a wrong one.", body = ErrorBody),
        (status = 404, description = "`Task not found`, or there is no result.", body = ErrorBody)
    )
)]
async fn download(
    State(app): State<App>,
    Bearer(caller): Bearer,
    Number(number): Number,
    wanted: Result<Query<Wanted>, Problem>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let which = match wanted?.0.which.as_deref() {
        None => Which::Latest,
        Some("original") => Which::Original,
        Some("converted") => Which::Converted,
        Some(other) => {
            return Err(Refusal::bad(&format!("`which` is `{other}`; use `original` or `converted`")));
        }
    };
    let content = app.service.task_content(&caller, number, which).await?;
    Ok(respond(content, &method, &headers, Offer::Attachment).await?)
}

/// Read a file by its name.
///
/// The original or the result of the caller's newest task that has one of that name; where both have it, the original.
#[utoipa::path(
    get, path = "/api/files/{filename}", tag = "tasks", security(("bearer" = [])),
    params(("filename" = String, Path, description = "The file's name.")),
    responses(
        (status = 200, description = "The file.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 206, description = "The parts that were asked for.", body = Vec<u8>, content_type = "application/octet-stream"),
        (status = 401, description = "No token, or a wrong one.", body = ErrorBody),
        (status = 404, description = "`File not found`", body = ErrorBody)
    )
)]
async fn file(
    State(app): State<App>,
    Bearer(caller): Bearer,
    Path(name): Path<String>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let content = app.service.task_file(&caller, &name).await.map_err(|error| match error.problem {
        "not-found" => Refusal::saying("File not found", error),
        _ => error.into(),
    })?;
    Ok(respond(content, &method, &headers, Offer::InPlace).await?)
}
