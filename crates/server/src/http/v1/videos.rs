//! Published videos: listed, looked at and played by everybody; published and edited by whose they are.

use axum::extract::State;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::Response;
use reelmill_core::{MediaId, Video};
use reelmill_service::VideoDetails;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::json::JsonBody;
use crate::http::openapi::AnyProblem;
use crate::http::query::{List, PageParams};
use crate::http::{App, Id, Json, Problem, Query, SignedIn, hand_out};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(show, publish, unpublish))
        .routes(routes!(read, read_head))
}

/// A published video.
#[derive(Serialize, ToSchema)]
#[schema(as = Video)]
pub(super) struct VideoView {
    /// Its media's id.
    id: String,
    /// What it is called.
    title: String,
    /// What is in it.
    explain: String,
    /// Words to find it by.
    tags: Vec<String>,
    /// Where it belongs.
    category: String,
    /// How many bytes there are.
    size_bytes: u64,
    /// How long it plays, where the container says so; lists and single videos have it.
    duration_ms: Option<u64>,
    /// The picture that stands for it, where there is one.
    thumbnail: Option<ThumbnailView>,
    /// When it was published.
    published_at: String,
}

/// A video's picture.
#[derive(Serialize, ToSchema)]
#[schema(as = Thumbnail)]
struct ThumbnailView {
    /// Pixels across.
    width_px: u32,
    /// Pixels down.
    height_px: u32,
    /// How many bytes there are.
    size_bytes: u64,
    /// What it is, by our own look.
    content_type: String,
}

impl From<reelmill_service::VideoView> for VideoView {
    fn from(view: reelmill_service::VideoView) -> Self {
        let Video { id, title, explain, tags, category, size_bytes, thumbnail, published_at, .. } =
            view.video;
        let picture = thumbnail.and_then(|thumbnail| thumbnail.picture);
        Self {
            id: id.to_string(),
            title,
            explain,
            tags,
            category,
            size_bytes,
            duration_ms: view.duration_ms,
            thumbnail: picture.map(|picture| ThumbnailView {
                width_px: picture.width_px,
                height_px: picture.height_px,
                size_bytes: picture.size_bytes,
                content_type: picture.content_type,
            }),
            published_at: published_at.to_string(),
        }
    }
}

/// What a video's page says of it; what is left out is empty.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"title": "The mill at work", "explain": "A day at the stones.", "tags": ["mill", "craft"], "category": "Craft"}))]
struct Details {
    /// What it is called; at most 200 characters.
    title: String,
    /// What is in it; at most 10,000 characters.
    #[serde(default)]
    explain: String,
    /// Words to find it by; at most 50.
    #[serde(default)]
    tags: Vec<String>,
    /// Where it belongs; at most 200 characters.
    #[serde(default)]
    category: String,
}

/// List published videos, newest first.
#[utoipa::path(
    get, path = "/v1/videos", tag = "videos", params(PageParams), security(()),
    responses((status = 200, body = List<VideoView>, description = "A part of the list."), AnyProblem)
)]
async fn list(
    State(app): State<App>,
    Query(page): Query<PageParams>,
) -> Result<Json<List<VideoView>>, Problem> {
    let videos = app.service.video_page(page.query()?).await?;
    Ok(Json(List::of(videos, VideoView::from)))
}

/// Look at a published video.
#[utoipa::path(
    get, path = "/v1/videos/{id}", tag = "videos", params(("id" = String, Path, description = "The media's id.")),
    security(()),
    responses((status = 200, body = VideoView, description = "What its page says of it."), AnyProblem)
)]
async fn show(State(app): State<App>, Id(id): Id<MediaId>) -> Result<Json<VideoView>, Problem> {
    Ok(Json(app.service.video_shown(id).await?.into()))
}

/// Publish a media of the caller's, or say anew what a video is.
///
/// From then on everybody may watch it. Its picture stays as it is.
#[utoipa::path(
    put, path = "/v1/videos/{id}", tag = "videos", params(("id" = String, Path, description = "The media's id.")),
    request_body = Details,
    responses((status = 200, body = VideoView, description = "It is published."), AnyProblem)
)]
async fn publish(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MediaId>,
    JsonBody { value: Details { title, explain, tags, category }, .. }: JsonBody<Details>,
) -> Result<Json<VideoView>, Problem> {
    let details = VideoDetails { title, explain, tags, category, ..VideoDetails::default() };
    app.service.publish(&caller, id, details).await?;
    Ok(Json(app.service.video_shown(id).await?.into()))
}

/// Take a video from the public again.
///
/// What its page said of it and its picture are gone; the media stays its owner's. `DELETE /v1/media/{id}` deletes all.
#[utoipa::path(
    delete, path = "/v1/videos/{id}", tag = "videos", params(("id" = String, Path, description = "The media's id.")),
    responses((status = 204, description = "It is not published any more."), AnyProblem)
)]
async fn unpublish(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MediaId>,
) -> Result<StatusCode, Problem> {
    app.service.unpublish(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read a published video's bytes.
///
/// `Range`, `If-Range` and the conditional headers work as RFC 9110 says.
#[utoipa::path(
    get, path = "/v1/videos/{id}/content", tag = "videos", security(()),
    params(("id" = String, Path, description = "The media's id.")),
    responses(
        (status = 200, description = "All of it.", body = Vec<u8>, content_type = "video/mp4"),
        (status = 206, description = "The parts that were asked for.", body = Vec<u8>, content_type = "video/mp4"),
        (status = 304, description = "The client has it already."),
        (status = 307, description = "The store itself serves it, at an address that is good for some minutes: no token is needed there."),
        (status = 416, description = "No part that was asked for lies within."),
        AnyProblem
    )
)]
async fn read(
    State(app): State<App>,
    Id(id): Id<MediaId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content = app.service.video_file(id).await?;
    hand_out(&app, content, &method, &headers).await
}

/// Look at a published video's bytes without reading them.
#[utoipa::path(
    head, path = "/v1/videos/{id}/content", tag = "videos", security(()),
    params(("id" = String, Path, description = "The media's id.")),
    responses((status = 200, description = "The headers that GET would answer with."), AnyProblem)
)]
async fn read_head(app: State<App>, id: Id<MediaId>, headers: HeaderMap) -> Result<Response, Problem> {
    read(app, id, Method::HEAD, headers).await
}
