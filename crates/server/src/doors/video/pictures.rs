//! The pictures that stand for videos: sent by a form, shown as they are or in another size.

use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use futures_util::stream;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{Bearer, Message};
use crate::http::{App, Json, Offer, Problem, Query, picture_form, respond, show};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(send)).routes(routes!(send_stream)).routes(routes!(picture))
}

/// Send the picture that a video's details announced.
///
/// It is kept as a JPEG or PNG of our own making, turned as its camera was held, without what else the file told.
#[utoipa::path(
    post, path = "/api/video/thumbnail", tag = "video", security(("bearer" = [])),
    request_body(content = Vec<u8>, content_type = "multipart/form-data", description = "The parts `file` and `name`, which is `<uuid>.<extension>`."),
    responses(
        (status = 200, body = Message, description = "`success`"),
        (status = 400, body = Message, description = "No file, or no name."),
        (status = 401, body = Message, description = "No token, or a wrong one."),
        (status = 403, body = Message, description = "A guest."),
        (status = 404, body = Message, description = "No video of the caller's waits for a picture of that name."),
        (status = 409, body = Message, description = "Another picture came under that name before."),
        (status = 413, body = Message, description = "Too many bytes or pixels."),
        (status = 415, body = Message, description = "Not a picture.")
    )
)]
async fn send(
    State(app): State<App>,
    Bearer(caller): Bearer,
    request: Request,
) -> Result<Json<Message>, Problem> {
    let (name, bytes) = picture_form(&app, request).await?;
    app.service.add_picture(&caller, &name, stream::iter([Ok(bytes)])).await?;
    Ok(Json(Message::success()))
}

/// Send the picture that a video's details announced, by the other of its two addresses.
#[utoipa::path(
    post, path = "/api/video/streamthumbnail", tag = "video", security(("bearer" = [])),
    request_body(content = Vec<u8>, content_type = "multipart/form-data", description = "The parts `file` and `name`, which is `<uuid>.<extension>`."),
    responses((status = 200, body = Message, description = "`success`; errors as those of `/api/video/thumbnail`."))
)]
async fn send_stream(app: State<App>, caller: Bearer, request: Request) -> Result<Json<Message>, Problem> {
    send(app, caller, request).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Size {
    /// Pixels across; follows from the other where it is missing.
    #[param(maximum = 8192)]
    width: Option<u32>,
    /// Pixels down.
    #[param(maximum = 8192)]
    heigh: Option<u32>,
    /// The same, spelled out.
    #[param(maximum = 8192)]
    height: Option<u32>,
}

/// Show a picture.
#[utoipa::path(
    get, path = "/api/image/v/{name}", tag = "video", security(()),
    params(("name" = String, Path, description = "`<uuid>.<extension>`"), Size),
    responses(
        (status = 200, description = "The picture.", body = Vec<u8>, content_type = "image/jpeg"),
        (status = 400, body = Message, description = "A size that is not made."),
        (status = 404, body = Message, description = "There is none of that name."),
        (status = 503, body = Message, description = "Too many pictures are drawn just now.")
    )
)]
async fn picture(
    State(app): State<App>,
    Path(name): Path<String>,
    Query(size): Query<Size>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (width, height) = (size.width.unwrap_or(0), size.heigh.or(size.height).unwrap_or(0));
    if (width, height) == (0, 0) {
        return respond(app.service.picture(&name).await?, &method, &headers, Offer::InPlace).await;
    }
    show(app.service.picture_resized(&name, width, height).await?, &name, &headers)
}
