//! What a video's page says of it.

use axum::extract::State;
use reelmill_core::Video;
use reelmill_service::VideoDetails;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Bearer, video_id};
use crate::http::{App, Json, JsonBody, Problem};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(save))
}

/// What a video's page shall say.
#[derive(Deserialize, ToSchema)]
#[schema(as = VideoDetailForm)]
struct Form {
    /// The video.
    uuid: String,
    /// What it is called.
    #[serde(default)]
    title: String,
    /// What is in it.
    #[serde(default)]
    explain: String,
    /// Where it belongs.
    #[serde(default)]
    category: String,
    /// Words to find it by.
    #[serde(default)]
    tags: Vec<String>,
    /// The extension of the picture that will be sent; empty where none will.
    #[serde(default)]
    extension: String,
    /// Whether that picture is large.
    #[serde(default)]
    sizeover: bool,
}

/// Where the picture goes.
#[derive(Serialize, ToSchema)]
#[schema(as = VideoDetailReply)]
struct Saved {
    /// The uuid under which the picture is expected; where none was announced, the video's.
    uuid: String,
}

/// Say what a video is.
///
/// It is published by that. A picture that is announced replaces the one before.
#[utoipa::path(
    post, path = "/api/video/detail", tag = "video", security(("bearer" = [])), request_body = Form,
    responses(
        (status = 200, body = Saved, description = "It is saved."),
        (status = 400, body = super::Message, description = "A field is wrong."),
        (status = 401, body = super::Message, description = "No token, or a wrong one."),
        (status = 403, body = super::Message, description = "A guest."),
        (status = 404, body = super::Message, description = "No video of the caller's.")
    )
)]
async fn save(
    State(app): State<App>,
    Bearer(caller): Bearer,
    body: JsonBody<Form>,
) -> Result<Json<Saved>, Problem> {
    let Form { uuid, title, explain, category, tags, extension, sizeover } = body.value;
    let details = VideoDetails { title, explain, tags, category, extension, oversize: sizeover };
    let is_announced = !details.extension.is_empty();
    let video = app.service.publish(&caller, video_id(&uuid)?, details).await?;
    Ok(Json(Saved { uuid: expected_uuid(&video, is_announced) }))
}

/// The uuid that the answer to details names: the picture's that they announced, else the video's.
pub(super) fn expected_uuid(video: &Video, is_announced: bool) -> String {
    match &video.thumbnail {
        Some(thumbnail) if is_announced => thumbnail.uuid.to_string(),
        _ => video.id.to_string(),
    }
}
