//! Uploads that may be taken up again where they were cut: tus 1.0 with creation, creation-with-upload, termination,
//! expiration and checksum.
//!
//! The protocol lives in headers, and `wire` translates them both ways; what an upload is, the service knows. Every answer
//! carries `Tus-Resumable`, an error too.

mod wire;

use axum::extract::{Request, State};
use axum::http::header::{ALLOW, LOCATION};
use axum::http::{HeaderValue, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use reelmill_core::MediaId;
use reelmill_service::{Caller, NewUpload, UploadView};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::openapi::AnyProblem;
use crate::http::{App, Id, Problem, SignedIn};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(describe, begin))
        .routes(routes!(describe_one, state, proceed, end, instead))
        .layer(from_fn(speak))
}

/// Holds every request to the version, and has every answer say it.
async fn speak(request: Request, next: Next) -> Response {
    let is_spoken = request.method() == Method::OPTIONS || wire::is_spoken(request.headers());
    let mut response =
        if is_spoken { next.run(request).await } else { wire::another_version().into_response() };
    response.headers_mut().insert(wire::RESUMABLE, HeaderValue::from_static(wire::VERSION));
    response
}

/// Ask what of tus is spoken here.
#[utoipa::path(
    options, path = "/v1/uploads", tag = "uploads", security(()),
    responses((status = 204, description = "`Tus-Version`, `Tus-Extension`, `Tus-Max-Size` and `Tus-Checksum-Algorithm`."), AnyProblem)
)]
async fn describe(State(app): State<App>) -> Response {
    (StatusCode::NO_CONTENT, wire::abilities(app.service.options().max_upload_bytes)).into_response()
}

/// Ask what of tus is spoken for an upload.
#[utoipa::path(
    options, path = "/v1/uploads/{id}", tag = "uploads", security(()),
    params(("id" = String, Path, description = "The upload's id.")),
    responses((status = 204, description = "As at /v1/uploads."), AnyProblem)
)]
async fn describe_one(app: State<App>) -> Response {
    describe(app).await
}

/// Begin an upload that may be taken up again where it was cut.
///
/// tus 1.0: `Tus-Resumable: 1.0.0` and `Upload-Length` are needed, and `Upload-Metadata` may name the file (`filename`,
/// in base64). A body of `application/offset+octet-stream` is its first bytes. `Upload-Defer-Length` is not taken.
#[utoipa::path(
    post, path = "/v1/uploads", tag = "uploads",
    request_body(content((Vec<u8> = "application/offset+octet-stream"))),
    responses(
        (status = 201, description = "`Location` names it. With bytes, `Upload-Offset` says where to go on; `Reelmill-Media-Id` names the media where they were all."),
        (status = 412, description = "Another version of tus."),
        (status = 413, description = "Larger than the setting `max_upload_bytes`."),
        AnyProblem
    )
)]
async fn begin(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    request: Request,
) -> Result<Response, Problem> {
    let headers = request.headers();
    let size_bytes = wire::length(headers)?;
    let (metadata, name) = wire::metadata(headers)?;
    let has_bytes = wire::is_portion(headers);
    let mut view = app
        .service
        .begin_upload(&caller, NewUpload { name, size_bytes, metadata })
        .await
        .map_err(wire::problem)?;
    if has_bytes {
        match take(&app, &caller, view.id, 0, request).await {
            Ok(taken) => view = taken,
            Err(problem) => {
                // Nobody was told its address, so nobody can go on with it.
                let _ = app.service.end_upload(&caller, view.id).await;
                return Err(problem);
            }
        }
    }
    let place = format!("/v1/uploads/{}", view.id);
    Ok((StatusCode::CREATED, [(LOCATION, place)], wire::progress(&view)?).into_response())
}

/// Ask where to go on with an upload.
///
/// Whoever still sends for it is asked to stop first, so the answer stands. One whose bytes are all here names its media.
#[utoipa::path(
    head, path = "/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path, description = "The upload's id.")),
    responses(
        (status = 200, description = "`Upload-Offset`, `Upload-Length`, `Upload-Metadata`, `Upload-Expires`."),
        (status = 410, description = "It was given up."),
        (status = 423, description = "Another request works on it and does not let go."),
        AnyProblem
    )
)]
async fn state(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MediaId>,
) -> Result<Response, Problem> {
    let view = app.service.upload_state(&caller, id).await.map_err(wire::problem)?;
    Ok((StatusCode::OK, wire::whole(&view)?).into_response())
}

/// Send an upload's next bytes.
///
/// They begin at `Upload-Offset`. A request that is cut keeps what arrived; one with `Upload-Checksum` (sha1 or sha256)
/// keeps all of it or nothing. The answer to the last one names the media in `Reelmill-Media-Id`.
#[utoipa::path(
    patch, path = "/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path, description = "The upload's id.")),
    request_body(content((Vec<u8> = "application/offset+octet-stream"))),
    responses(
        (status = 204, description = "Taken; `Upload-Offset` says where to go on."),
        (status = 409, description = "The upload does not stand at `Upload-Offset`."),
        (status = 410, description = "It was given up."),
        (status = 412, description = "Another version of tus."),
        (status = 413, description = "More bytes than `Upload-Length` said."),
        (status = 415, description = "Not `application/offset+octet-stream`; or all bytes are here and are not media."),
        (status = 423, description = "Another request works on it, or has taken it over."),
        (status = 460, description = "The bytes are not those of the checksum."),
        AnyProblem
    )
)]
async fn proceed(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MediaId>,
    request: Request,
) -> Result<Response, Problem> {
    if !wire::is_portion(request.headers()) {
        return Err(wire::no_portion());
    }
    let offset = wire::offset(request.headers())?;
    let view = take(&app, &caller, id, offset, request).await?;
    Ok((StatusCode::NO_CONTENT, wire::progress(&view)?).into_response())
}

/// Give an upload up.
///
/// What came is deleted. The media that it may have become stays.
#[utoipa::path(
    delete, path = "/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path, description = "The upload's id.")),
    responses((status = 204, description = "It is gone."), (status = 410, description = "It was given up before."), AnyProblem)
)]
async fn end(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<MediaId>,
) -> Result<StatusCode, Problem> {
    app.service.end_upload(&caller, id).await.map_err(wire::problem)?;
    Ok(StatusCode::NO_CONTENT)
}

/// Do what `X-HTTP-Method-Override` says.
///
/// For clients whose surroundings know GET and POST alone: `PATCH`, `DELETE` and `HEAD` are understood.
#[utoipa::path(
    post, path = "/v1/uploads/{id}", tag = "uploads",
    params(("id" = String, Path, description = "The upload's id.")),
    responses((status = 405, description = "No such method."), AnyProblem)
)]
async fn instead(
    app: State<App>,
    caller: SignedIn,
    id: Id<MediaId>,
    request: Request,
) -> Result<Response, Problem> {
    match wire::meant(request.headers()) {
        Some("PATCH") => proceed(app, caller, id, request).await,
        Some("DELETE") => end(app, caller, id).await.map(IntoResponse::into_response),
        Some("HEAD") => state(app, caller, id).await,
        _ => {
            let detail =
                "an upload takes HEAD, PATCH and DELETE, or POST with one of them in X-HTTP-Method-Override";
            let problem = Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail);
            Err(problem.with(ALLOW, HeaderValue::from_static("HEAD, PATCH, DELETE, OPTIONS")))
        }
    }
}

async fn take(
    app: &App,
    caller: &Caller,
    id: MediaId,
    offset_bytes: u64,
    request: Request,
) -> Result<UploadView, Problem> {
    let portion = wire::portion(app, offset_bytes, request)?;
    app.service.continue_upload(caller, id, portion).await.map_err(wire::problem)
}

#[cfg(test)]
mod tests {
    use reelmill_core::Kind;
    use reelmill_service::Error;

    use super::wire;

    #[test]
    fn what_is_locked_damaged_or_gone_has_the_status_that_tus_gives_it() {
        for (kind, problem, status) in [
            (Kind::Busy, "upload-locked", 423),
            (Kind::Invalid, "checksum-mismatch", 460),
            (Kind::NotFound, "upload-expired", 410),
            (Kind::Conflict, "wrong-offset", 409),
        ] {
            assert_eq!(wire::problem(Error::new(kind, problem, "")).status.as_u16(), status);
        }
    }
}
