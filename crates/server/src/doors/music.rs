//! The music bot's contract: a song is asked for by title or address, made in the background, and asked after.
//!
//! The library is shared by all who call. Every sentence is the contract's, or one of ours in its language; nothing of
//! what goes on inside is told. Without a token, programs on this machine act as one account, where the operator
//! lets them.

mod caller;
mod health;
mod library;
mod refusal;
mod socket;
mod status;
mod words;

use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn};
use axum::response::Response;
use reelmill_core::{Door, OperationId, Profile, Settings};
use reelmill_service::{Error, JobWish};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::{App, or_panic};
use caller::{AudioCaller, Wanted};
use refusal::{Answer, Refusal, RefusalBody};
use status::StatusAnswer;

/// The door's routes: each at the address of the first clients and under `/api/v1`.
pub(crate) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(start))
        .routes(routes!(start_v1))
        .routes(routes!(show))
        .routes(routes!(show_v1))
        .routes(routes!(show_operation_v1))
        .merge(health::router())
        .merge(library::router())
        .merge(socket::router())
        .layer(from_fn(in_words))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct SongAsked {
    /// The song's title, or its address.
    #[param(required)]
    song: Option<String>,
}

/// An operation that was begun.
#[derive(Serialize, ToSchema)]
struct Started {
    /// What to ask after.
    operation_id: String,
    /// The source's id of the song.
    song_id: String,
}

/// Ask for a song.
///
/// It is answered at once; the work goes on in the background, once for all who ask for the same song.
#[utoipa::path(
    post, path = "/api/audio/start", tag = "music", security((), ("bearer" = [])), params(SongAsked),
    responses(
        (status = 200, body = Started, description = "It is made, or is there already."),
        (status = 400, body = RefusalBody, description = "`Falta el parametro 'song'`"),
        (status = 401, body = RefusalBody, description = "A token is needed here."),
        (status = 404, body = RefusalBody, description = "Nothing was found."),
        (status = 422, body = RefusalBody, description = "It cannot be had from there."),
        (status = 502, body = RefusalBody, description = "The source refuses this installation."),
        (status = 503, body = RefusalBody, description = "The source cannot be reached now.")
    )
)]
async fn start(
    State(app): State<App>,
    AudioCaller(caller): AudioCaller,
    Wanted(asked): Wanted<SongAsked>,
) -> Result<Answer<Started>, Refusal> {
    let song = given(asked.song).ok_or_else(|| Refusal::of_request(words::SONG_MISSING))?;
    let operation = app.service.start_song(&caller, &song, wish(&app)).await?;
    Ok(Answer(Started { operation_id: operation.id.to_string(), song_id: operation.song }))
}

/// Ask for a song, at its later address.
#[utoipa::path(
    post, path = "/api/v1/audio/start", tag = "music", security((), ("bearer" = [])), params(SongAsked),
    responses((status = 200, body = Started, description = "As `/api/audio/start`."))
)]
async fn start_v1(
    app: State<App>,
    caller: AudioCaller,
    asked: Wanted<SongAsked>,
) -> Result<Answer<Started>, Refusal> {
    start(app, caller, asked).await
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct OperationAsked {
    /// The operation's id.
    #[param(required)]
    operation_id: Option<String>,
    /// The song's id, as the start answered it.
    #[param(required)]
    song_id: Option<String>,
}

/// Ask what became of a song.
#[utoipa::path(
    get, path = "/api/audio/status", tag = "music", security((), ("bearer" = [])), params(OperationAsked),
    responses(
        (status = 200, body = StatusAnswer, description = "`iniciando`, `success` or `failed`; a failed one says why."),
        (status = 400, body = RefusalBody, description = "`Faltan los parámetros 'operationID' y/o 'songID'`"),
        (status = 401, body = RefusalBody, description = "A token is needed here."),
        (status = 404, body = RefusalBody, description = "`error al obtener la operación: resultado de operación no encontrado`")
    )
)]
async fn show(
    State(app): State<App>,
    AudioCaller(caller): AudioCaller,
    Wanted(asked): Wanted<OperationAsked>,
) -> Result<Answer<StatusAnswer>, Refusal> {
    let ids = given(asked.operation_id).zip(given(asked.song_id));
    let (id, song) = ids.ok_or_else(|| Refusal::of_request(words::IDS_MISSING))?;
    let id: OperationId = id.parse().map_err(|_| Error::not_found("operation"))?;
    Ok(Answer(app.service.operation(&caller, id, &song).await?.into()))
}

/// Ask what became of a song, at its later address.
#[utoipa::path(
    get, path = "/api/v1/audio/status", tag = "music", security((), ("bearer" = [])), params(OperationAsked),
    responses((status = 200, body = StatusAnswer, description = "As `/api/audio/status`."))
)]
async fn show_v1(
    app: State<App>,
    caller: AudioCaller,
    asked: Wanted<OperationAsked>,
) -> Result<Answer<StatusAnswer>, Refusal> {
    show(app, caller, asked).await
}

/// Ask what became of an operation.
#[utoipa::path(
    get, path = "/api/v1/operations/status", tag = "music", security((), ("bearer" = [])), params(OperationAsked),
    responses((status = 200, body = StatusAnswer, description = "As `/api/audio/status`."))
)]
async fn show_operation_v1(
    app: State<App>,
    caller: AudioCaller,
    asked: Wanted<OperationAsked>,
) -> Result<Answer<StatusAnswer>, Refusal> {
    show(app, caller, asked).await
}

/// A parameter that says something.
fn given(parameter: Option<String>) -> Option<String> {
    parameter.filter(|text| !text.trim().is_empty())
}

/// What songs become. The configured bit rate is for those that cannot be copied, so that it forbids no copy.
fn wish(app: &App) -> JobWish {
    let wish = JobWish::plain(&app.settings.audio_profile, Door::Music);
    let preset_kbps = Profile::named(&wish.profile).and_then(|profile| profile.settings.bitrate_kbps);
    let bitrate_kbps = Some(app.settings.audio_bitrate_kbps);
    if preset_kbps.is_none() || preset_kbps == bitrate_kbps {
        return wish;
    }
    JobWish { overrides: Settings { bitrate_kbps, copy: Some(true), ..Settings::default() }, ..wish }
}

/// A panic is told in the contract's shape, too.
async fn in_words(request: Request, next: Next) -> Result<Response, Refusal> {
    Ok(or_panic(next.run(request)).await?)
}
