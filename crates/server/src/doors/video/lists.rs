//! What is published: all of it, the newest, and one. The JSON is that of the gRPC messages.

use axum::extract::{Path, State};
use reelmill_core::{Thumbnail, Video};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::video_id;
use crate::http::{App, Json, Problem};

/// How many videos the home page shows.
pub(super) const HOME: u32 = 6;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(home)).routes(routes!(one))
}

/// A video in words.
#[derive(Serialize, ToSchema)]
#[schema(as = VideoListObjects)]
struct Words {
    /// The video's number.
    id: i64,
    /// What it is called.
    title: String,
    /// Where it belongs.
    category: String,
    /// Words to find it by.
    tags: Vec<String>,
    /// What is in it.
    explain: String,
}

impl From<Video> for Words {
    fn from(video: Video) -> Self {
        let Video { number, title, category, tags, explain, .. } = video;
        Self { id: number, title, category, tags, explain }
    }
}

/// Every video.
#[derive(Serialize, ToSchema)]
#[schema(as = VideoListReplay)]
struct List {
    /// The videos, the newest first.
    videolistobject: Vec<Words>,
}

/// A video as the home page shows it.
#[derive(Serialize, ToSchema)]
#[schema(as = VideoHomeListObjects)]
struct Card {
    /// The video.
    uuid: String,
    /// How many bytes it has, as a string.
    size: String,
    /// What it is called.
    title: String,
    /// What is in it.
    explain: String,
    /// Its picture's uuid; empty where there is none.
    imguuid: String,
    /// Its picture's extension, without a dot.
    imgext: String,
}

impl From<Video> for Card {
    fn from(video: Video) -> Self {
        let (imguuid, imgext) = picture_of(video.thumbnail);
        Self {
            uuid: video.id.to_string(),
            size: video.size_bytes.to_string(),
            title: video.title,
            explain: video.explain,
            imguuid,
            imgext,
        }
    }
}

/// The newest videos.
#[derive(Serialize, ToSchema)]
#[schema(as = VideoHomeListReplay)]
struct Home {
    /// The videos, the newest first.
    videohomelistobjects: Vec<Card>,
}

/// The two halves of a picture's name; empty until it is there.
pub(super) fn picture_of(thumbnail: Option<Thumbnail>) -> (String, String) {
    let there = thumbnail.filter(|thumbnail| thumbnail.picture.is_some());
    there.map(|thumbnail| (thumbnail.uuid.to_string(), thumbnail.extension)).unwrap_or_default()
}

/// List every published video, the newest first.
#[utoipa::path(
    get, path = "/api/video/list", tag = "video", security(()),
    responses((status = 200, body = List, description = "The videos."))
)]
async fn list(State(app): State<App>) -> Result<Json<List>, Problem> {
    let videos = app.service.videos(None).await?;
    Ok(Json(List { videolistobject: videos.into_iter().map(Words::from).collect() }))
}

/// List the newest six.
#[utoipa::path(
    get, path = "/api/video/homelist", tag = "video", security(()),
    responses((status = 200, body = Home, description = "The videos."))
)]
async fn home(State(app): State<App>) -> Result<Json<Home>, Problem> {
    let videos = app.service.videos(Some(HOME)).await?;
    Ok(Json(Home { videohomelistobjects: videos.into_iter().map(Card::from).collect() }))
}

/// Look at a published video.
#[utoipa::path(
    get, path = "/api/video/one/{uuid}", tag = "video", security(()),
    params(("uuid" = String, Path, description = "The video's uuid.")),
    responses(
        (status = 200, body = Words, description = "The video."),
        (status = 404, body = super::Message, description = "None is published by this uuid.")
    )
)]
async fn one(State(app): State<App>, Path(uuid): Path<String>) -> Result<Json<Words>, Problem> {
    Ok(Json(app.service.video(video_id(&uuid)?).await?.into()))
}
