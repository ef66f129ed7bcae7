//! Originals: taken in, listed, read, deleted.

use axum::extract::{Request, State};
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, Method, StatusCode};
use axum::response::{IntoResponse, Response};
use reelmill_core::{AudioInfo, Media, MediaId};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::openapi::AnyProblem;
use crate::http::query::{List, PageParams};
use crate::http::{App, Id, Json, Problem, Query, SignedIn, hand_out, upload};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add, list))
        .routes(routes!(show, remove))
        .routes(routes!(read, read_head))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Named {
    /// The file's name; a multipart body brings its own.
    name: Option<String>,
}

/// An original.
#[derive(Serialize, ToSchema)]
#[schema(as = Media)]
struct MediaView {
    /// Its id.
    id: String,
    /// The file's name, without any folder.
    name: String,
    /// What it is, by our own probe.
    content_type: String,
    /// How many bytes there are.
    size_bytes: u64,
    /// BLAKE3 of the bytes, in hex.
    blake3: String,
    /// The container's short name.
    #[schema(example = "mp4")]
    container: String,
    /// How long it plays, where the container says so.
    duration_ms: Option<u64>,
    /// The audio track that would be converted.
    audio: Option<AudioView>,
    /// Why there is none; null where there is.
    unreadable: Option<String>,
    /// Title, artist and the like.
    tags: Vec<TagView>,
    /// Whether it carries a cover picture.
    has_cover: bool,
    /// When it was taken in.
    created_at: String,
}

/// An audio track.
#[derive(Serialize, ToSchema)]
#[schema(as = Audio)]
struct AudioView {
    /// The codec's short name.
    #[schema(example = "aac")]
    codec: String,
    /// Frames a second.
    sample_rate_hz: u32,
    /// Channels.
    channels: u32,
    /// Bits a sample, where the codec keeps every sample.
    bits_per_sample: Option<u8>,
    /// Bits a second, where known.
    bit_rate_bps: Option<u64>,
}

/// A tag.
#[derive(Serialize, ToSchema)]
#[schema(as = Tag)]
struct TagView {
    /// What it is, as `title`.
    name: String,
    /// What it says.
    value: String,
}

impl From<Media> for MediaView {
    fn from(media: Media) -> Self {
        let info = media.info;
        Self {
            id: media.id.to_string(),
            name: media.name,
            content_type: media.content_type,
            size_bytes: media.size_bytes,
            blake3: media.blake3,
            container: info.container,
            duration_ms: info.duration_ms,
            audio: info.audio.map(AudioView::from),
            unreadable: info.unreadable,
            tags: info.tags.into_iter().map(|(name, value)| TagView { name, value }).collect(),
            has_cover: info.has_cover,
            created_at: media.created_at.to_string(),
        }
    }
}

impl From<AudioInfo> for AudioView {
    fn from(audio: AudioInfo) -> Self {
        let AudioInfo { codec, sample_rate_hz, channels, bit_rate_bps, bits_per_sample, .. } = audio;
        Self { codec, sample_rate_hz, channels, bits_per_sample, bit_rate_bps }
    }
}

/// Take a file in.
///
/// The body is the file itself, or multipart with exactly one file part. It is streamed to the store, and nothing is
/// kept of one that is refused.
#[utoipa::path(
    post, path = "/v1/media", tag = "media", params(Named),
    request_body(content(
        (Vec<u8> = "application/octet-stream"),
        (Vec<u8> = "multipart/form-data")
    )),
    responses(
        (status = 201, body = MediaView, description = "Taken in; `Location` names it."),
        (status = 413, description = "Larger than the setting `max_upload_bytes`."),
        (status = 415, description = "Not media."),
        AnyProblem
    )
)]
async fn add(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(named): Query<Named>,
    request: Request,
) -> Result<Response, Problem> {
    let upload = upload::any(&app, request, named.name).await?;
    let media = app.service.ingest(&caller, upload, None).await?.media;
    let place = format!("/v1/media/{}", media.id);
    Ok((StatusCode::CREATED, [(LOCATION, place)], Json(MediaView::from(media))).into_response())
}

/// List the caller's media, newest first.
///
/// An administrator's list has everybody's.
#[utoipa::path(
    get, path = "/v1/media", tag = "media", params(PageParams),
    responses((status = 200, body = List<MediaView>, description = "A part of the list."), AnyProblem)
)]
async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(page): Query<PageParams>,
) -> Result<Json<List<MediaView>>, Problem> {
    let media = app.service.media_list(&caller, page.query()?).await?;
    Ok(Json(List::of(media, MediaView::from)))
}

/// Look at a media.
#[utoipa::path(
    get, path = "/v1/media/{id}", tag = "media", params(("id" = String, Path, description = "The media's id.")),
    responses((status = 200, body = MediaView, description = "What is known of it."), AnyProblem)
)]
async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MediaId>,
) -> Result<Json<MediaView>, Problem> {
    Ok(Json(app.service.media(&caller, id).await?.into()))
}

/// Delete a media.
///
/// Its jobs end, and its outputs are deleted with it.
#[utoipa::path(
    delete, path = "/v1/media/{id}", tag = "media", params(("id" = String, Path, description = "The media's id.")),
    responses((status = 204, description = "It is gone."), AnyProblem)
)]
async fn remove(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MediaId>,
) -> Result<StatusCode, Problem> {
    app.service.delete_media(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Read a media's bytes.
///
/// `Range`, `If-Range` and the conditional headers work as RFC 9110 says.
#[utoipa::path(
    get, path = "/v1/media/{id}/content", tag = "media", params(("id" = String, Path, description = "The media's id.")),
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
    Id(id): Id<MediaId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let content = app.service.media_content(&caller, id).await?;
    hand_out(&app, content, &method, &headers).await
}

/// Look at a media's bytes without reading them.
#[utoipa::path(
    head, path = "/v1/media/{id}/content", tag = "media", params(("id" = String, Path, description = "The media's id.")),
    responses((status = 200, description = "The headers that GET would answer with."), AnyProblem)
)]
async fn read_head(
    app: State<App>,
    caller: SignedIn,
    id: Id<MediaId>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    read(app, caller, id, Method::HEAD, headers).await
}
