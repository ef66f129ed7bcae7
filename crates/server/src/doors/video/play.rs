//! A video played by range.

use axum::extract::{Path, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Visitor, video_id};
use crate::http::{App, Offer, Problem, respond};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(play))
}

/// Play a video.
///
/// A published one is for everybody, another for its owner and administrators. `Range`, `If-Range` and the conditional
/// headers work as RFC 9110 says.
#[utoipa::path(
    get, path = "/api/video/play/{name}/{size}", tag = "video", security((), ("bearer" = [])),
    params(
        ("name" = String, Path, description = "`<uuid>.mp4`"),
        ("size" = String, Path, description = "Not looked at: the size is the file's own.")
    ),
    responses(
        (status = 200, description = "All of it.", body = Vec<u8>, content_type = "video/mp4"),
        (status = 206, description = "The parts that were asked for.", body = Vec<u8>, content_type = "video/mp4"),
        (status = 304, description = "The client has it already."),
        (status = 404, description = "No video that the caller may see.", body = super::Message),
        (status = 416, description = "No part that was asked for lies within.", body = super::Message)
    )
)]
async fn play(
    State(app): State<App>,
    Visitor(caller): Visitor,
    Path((name, _)): Path<(String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content = app.service.video_content(caller.as_ref(), video_id(&name)?).await?;
    respond(content, &method, &headers, Offer::InPlace).await
}
