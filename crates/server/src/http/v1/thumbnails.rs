//! The picture that stands for a video: read by everybody, in the size that a page has room for, and given by whose the
//! video is.

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header::{CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use reelmill_core::MediaId;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::videos::VideoView;
use crate::http::openapi::AnyProblem;
use crate::http::{App, Id, Json, Offer, Problem, Query, SignedIn, respond, upload};

/// The widest picture that is drawn.
const MOST_WIDTH_PX: u32 = 1920;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(read, replace))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Drawing {
    /// At most so many pixels across, 1 to 1920; the picture as it is kept where nothing is said.
    #[param(minimum = 1, maximum = 1920)]
    width: Option<u32>,
}

/// Read a published video's picture.
///
/// As it is kept, or with `width` drawn at most so wide. Either has an ETag.
#[utoipa::path(
    get, path = "/v1/videos/{id}/thumbnail", tag = "videos", security(()),
    params(("id" = String, Path, description = "The media's id."), Drawing),
    responses(
        (status = 200, description = "The picture, JPEG or PNG.", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 304, description = "The client has it already."),
        AnyProblem
    )
)]
async fn read(
    State(app): State<App>,
    Id(id): Id<MediaId>,
    Query(Drawing { width }): Query<Drawing>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content = app.service.thumbnail(id).await?;
    let Some(width_px) = width else {
        return respond(content, &Method::GET, &headers, Offer::InPlace).await;
    };
    if !(1..=MOST_WIDTH_PX).contains(&width_px) {
        return Err(Problem::invalid(format!("width is {width_px}; 1 to {MOST_WIDTH_PX} are possible")));
    }
    // A kept picture never changes, so that its tag and the width say all, before anything is drawn.
    let etag = format!("\"{}-{width_px}\"", content.etag);
    let common = [(ETAG, value(&etag)?), (CACHE_CONTROL, HeaderValue::from_static("private, no-cache"))];
    if is_known(&headers, &etag) {
        return Ok((StatusCode::NOT_MODIFIED, common).into_response());
    }
    let drawn = app.service.thumbnail_drawn(id, width_px).await?;
    let own = [
        (CONTENT_TYPE, HeaderValue::from_static(drawn.content_type)),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox; default-src 'none'")),
    ];
    Ok((common, own, Body::from(drawn.bytes)).into_response())
}

/// Whether the client names the tag among those that it has: RFC 9110, section 13.1.2.
fn is_known(headers: &HeaderMap, etag: &str) -> bool {
    let lists = headers.get_all(IF_NONE_MATCH).iter().filter_map(|value| value.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|one| one.trim().trim_start_matches("W/") == etag)
}

fn value(text: &str) -> Result<HeaderValue, Problem> {
    HeaderValue::from_str(text).map_err(|error| Problem::internal(error.to_string()))
}

/// Give a published video a picture.
///
/// The body is the picture itself: JPEG, PNG, GIF or WebP, of 16 MiB at most. It is drawn anew, at most 1920 pixels wide,
/// and takes the place of the one before.
#[utoipa::path(
    put, path = "/v1/videos/{id}/thumbnail", tag = "videos",
    params(("id" = String, Path, description = "The media's id.")),
    request_body(content((Vec<u8> = "application/octet-stream"))),
    responses(
        (status = 200, body = VideoView, description = "It stands for the video now."),
        (status = 415, description = "Not a picture."),
        AnyProblem
    )
)]
async fn replace(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MediaId>,
    request: Request,
) -> Result<Json<VideoView>, Problem> {
    let picture = upload::any(&app, request, None).await?;
    app.service.set_thumbnail(&caller, id, picture.bytes).await?;
    Ok(Json(app.service.video_shown(id).await?.into()))
}
