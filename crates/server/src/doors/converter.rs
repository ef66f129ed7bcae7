//! The mp4 to mp3 converter's contract: login, upload, download, validate, in words of plain text.
//!
//! The words are the contract's, wherever they come from inside; what it has no words for is told in the service's
//! sentence. Only the header proves who calls: no cookie opens this door.

use axum::extract::{FromRequestParts, Query, Request, State};
use axum::http::header::LOCATION;
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, Method, StatusCode};
use axum::middleware::{Next, from_fn};
use axum::response::{IntoResponse, Response};
use reelmill_core::Door;
use reelmill_service::{Caller, Entrance, Error, JobWish};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{App, Json, Offer, Peer, Problem, basic, bearer, one_file, or_panic, respond};

/// The door's routes.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(login))
        .routes(routes!(upload))
        .routes(routes!(download))
        .routes(routes!(validate))
        .layer(from_fn(in_words))
}

/// What the contract's auth role answers.
pub(crate) fn auth_router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(login)).routes(routes!(validate)).layer(from_fn(in_words))
}

/// Sign in.
#[utoipa::path(
    post, path = "/login", tag = "converter", security(("basic" = [])),
    responses(
        (status = 200, description = "The token.", body = String, content_type = "text/plain"),
        (status = 401, description = "`missing credentials` or `invalid credentials`", body = String, content_type = "text/plain")
    )
)]
async fn login(State(app): State<App>, peer: Peer, headers: HeaderMap) -> Result<String, Refusal> {
    let given = basic(&headers).ok_or_else(missing)?;
    let (login, password) =
        given.ok_or_else(|| Refusal::of(StatusCode::UNAUTHORIZED, "invalid credentials"))?;
    let entrance = Entrance { door: Door::Converter, peer: peer.address };
    let session = app.service.sign_in(&login, password, entrance).await.map_err(|error| {
        let problem = Problem::from(error);
        match problem.status {
            StatusCode::UNAUTHORIZED => {
                Refusal(Problem { detail: "invalid credentials".to_owned(), ..problem })
            }
            _ => Refusal::from(problem),
        }
    })?;
    Ok(session.token.expose_secret().to_owned())
}

/// Send a file to become an mp3.
#[utoipa::path(
    post, path = "/upload", tag = "converter", security(("bearer" = [])),
    request_body(content = Vec<u8>, content_type = "multipart/form-data", description = "Exactly one file part, under any name."),
    responses(
        (status = 200, description = "`success!`: file and job are kept.", body = String, content_type = "text/plain",
            headers(("Location" = String, description = "The job on /v1."), ("X-Job-Id" = String, description = "The job's id."))),
        (status = 400, description = "`exactly 1 file required`", body = String, content_type = "text/plain"),
        (status = 401, description = "`missing credentials`", body = String, content_type = "text/plain"),
        (status = 403, description = "`not authorized`", body = String, content_type = "text/plain"),
        (status = 413, description = "Too large.", body = String, content_type = "text/plain"),
        (status = 415, description = "Not media.", body = String, content_type = "text/plain"),
        (status = 500, description = "`internal server error`", body = String, content_type = "text/plain")
    )
)]
async fn upload(
    State(app): State<App>,
    Bearer(caller): Bearer,
    request: Request,
) -> Result<Response, Refusal> {
    let wish = JobWish::plain("mp3", Door::Converter);
    let file = one_file(&app, request).await?;
    let job = app.service.ingest(&caller, file, Some(wish)).await?.job;
    let job = job.ok_or_else(|| Problem::internal("an upload with a wish made no job"))?;
    let job_header = HeaderName::from_static("x-job-id");
    let headers = [(LOCATION, format!("/v1/jobs/{}", job.id)), (job_header, job.id.to_string())];
    Ok((headers, "success!").into_response())
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Wanted {
    /// The result's file id, which the notification and the job name.
    #[param(required)]
    fid: Option<String>,
}

/// Read a result.
#[utoipa::path(
    get, path = "/download", tag = "converter", security(("bearer" = [])), params(Wanted),
    responses(
        (status = 200, description = "The mp3.", body = Vec<u8>, content_type = "audio/mpeg"),
        (status = 206, description = "The parts that were asked for.", body = Vec<u8>, content_type = "audio/mpeg"),
        (status = 400, description = "`fid is required`", body = String, content_type = "text/plain"),
        (status = 401, description = "`missing credentials`", body = String, content_type = "text/plain"),
        (status = 403, description = "`not authorized`", body = String, content_type = "text/plain"),
        (status = 404, description = "`not found`", body = String, content_type = "text/plain"),
        (status = 416, description = "No part that was asked for lies within.", body = String, content_type = "text/plain")
    )
)]
async fn download(
    State(app): State<App>,
    Bearer(caller): Bearer,
    Query(wanted): Query<Wanted>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, Refusal> {
    let fid = wanted.fid.filter(|fid| !fid.is_empty());
    let fid = fid.ok_or_else(|| Refusal::of(StatusCode::BAD_REQUEST, "fid is required"))?;
    let output = app.service.output_by_fid(&caller, &fid).await?;
    let content = app.service.content_of(output);
    Ok(respond(content, &method, &headers, Offer::Attachment).await?)
}

/// What a token says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TokenClaims)]
struct Validated {
    /// Whether the account is an administrator's.
    admin: bool,
    /// When the token ends, in seconds since 1970.
    exp: i64,
    /// When it was made, in seconds since 1970.
    iat: i64,
    /// The account's address.
    username: String,
}

/// Ask what a token says.
#[utoipa::path(
    post, path = "/validate", tag = "converter", security(("bearer" = [])),
    responses(
        (status = 200, description = "It is good.", body = Validated),
        (status = 401, description = "`missing credentials`", body = String, content_type = "text/plain"),
        (status = 403, description = "`not authorized`", body = String, content_type = "text/plain")
    )
)]
async fn validate(State(app): State<App>, headers: HeaderMap) -> Result<Json<Validated>, Refusal> {
    let token = bearer(&headers).ok_or_else(missing)?;
    let (caller, claims) = app.service.authenticate_token(token).await.map_err(unproven)?;
    let admin = caller.is_admin();
    Ok(Json(Validated { admin, exp: claims.exp, iat: claims.iat, username: caller.user.email }))
}

/// Somebody whose token or API key came in the header.
struct Bearer(Caller);

impl FromRequestParts<App> for Bearer {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, app: &App) -> Result<Self, Refusal> {
        let token = bearer(&parts.headers).ok_or_else(missing)?;
        Ok(Self(app.service.authenticate(token).await.map_err(unproven)?))
    }
}

/// A problem in the contract's words.
#[derive(Debug)]
pub(crate) struct Refusal(Problem);

impl Refusal {
    fn of(status: StatusCode, words: &'static str) -> Self {
        Self(Problem::new(status, "invalid-request", words))
    }
}

fn missing() -> Refusal {
    Refusal::of(StatusCode::UNAUTHORIZED, "missing credentials")
}

/// A token that is wrong is no missing one: the contract answers 403.
fn unproven(error: Error) -> Refusal {
    let problem = Problem::from(error);
    match problem.status {
        StatusCode::UNAUTHORIZED => Refusal::of(StatusCode::FORBIDDEN, "not authorized"),
        _ => Refusal::from(problem),
    }
}

impl From<Error> for Refusal {
    fn from(error: Error) -> Self {
        Problem::from(error).into()
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        let words = match problem.status {
            StatusCode::FORBIDDEN => "not authorized",
            StatusCode::NOT_FOUND => "not found",
            StatusCode::INTERNAL_SERVER_ERROR => "internal server error",
            _ => return Self(problem),
        };
        Self(Problem { detail: words.to_owned(), ..problem })
    }
}

impl IntoResponse for Refusal {
    fn into_response(mut self) -> Response {
        let words = std::mem::take(&mut self.0.detail);
        self.0.into_response_with("text/plain; charset=utf-8", words)
    }
}

/// A panic is told in the contract's words, too.
async fn in_words(request: Request, next: Next) -> Result<Response, Refusal> {
    Ok(or_panic(next.run(request)).await?)
}
