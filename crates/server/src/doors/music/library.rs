//! The library: a song by its platform's id, songs by the beginning of their title.
//!
//! Its clients parse dates as dates: where there is none yet, they are sent the zero of their own clock.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use reelmill_service::SongView;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{AudioCaller, Wanted};
use super::refusal::{Answer, JSON, Refusal};
use super::status::Progress;
use super::{given, words};
use crate::http::App;

/// No date at all, as the clients' language writes it.
const NO_DATE: &str = "0001-01-01T00:00:00Z";

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(media)).routes(routes!(search))
}

/// A song of the library.
#[derive(Serialize, ToSchema)]
#[schema(as = Song)]
struct Media {
    /// The platform's id.
    video_id: String,
    /// The title that is searched by.
    title_lower: String,
    /// `iniciando`, `success` or `failed`.
    #[schema(value_type = String, pattern = "^(iniciando|success|failed)$")]
    status: &'static str,
    /// What happened, in a sentence; empty while it goes on.
    #[schema(value_type = String)]
    message: &'static str,
    /// What is known of the song.
    metadata: Metadata,
    /// Where its file is; empty where there is none.
    file_data: FileData,
    /// When it was made or given up; the year 1 before.
    processing_date: String,
    /// Whether the file is there.
    success: bool,
    /// How often it was tried.
    attempts: u32,
    /// How often that failed.
    failures: u32,
    /// When it was first asked for.
    created_at: String,
    /// When its record was last written.
    updated_at: String,
    /// How often it was asked for once it was there.
    play_count: u64,
}

/// What is known of a song.
#[derive(Serialize, ToSchema)]
#[schema(as = SongMetadata)]
struct Metadata {
    title: String,
    /// 0 where it is not known.
    duration_ms: u64,
    url: String,
    thumbnail_url: String,
    #[schema(value_type = String)]
    platform: &'static str,
}

/// A song's file.
#[derive(Default, Serialize, ToSchema)]
#[schema(as = SongFile)]
struct FileData {
    /// Where it is, as other programs name it.
    #[serde(rename = "file_path")]
    path: String,
    /// How many bytes it has, in decimal digits.
    #[serde(rename = "file_size")]
    size: String,
    /// Its media type.
    #[serde(rename = "file_type")]
    #[schema(value_type = String)]
    kind: &'static str,
}

impl From<SongView> for Media {
    fn from(view: SongView) -> Self {
        let progress = Progress::of(view.job.as_ref(), view.file.is_some());
        let success = progress.is_success();
        let file_data = view.file.map_or_else(FileData::default, |(output, uri)| FileData {
            path: uri,
            size: output.size_bytes.to_string(),
            kind: output.format.content_type(),
        });
        let song = view.song;
        Self {
            title_lower: song.title_lower(),
            status: progress.status,
            message: progress.message,
            file_data,
            processing_date: progress.processing_date.unwrap_or_else(|| NO_DATE.to_owned()),
            success,
            attempts: progress.attempts,
            failures: progress.failures,
            created_at: song.created_at.to_string(),
            updated_at: song.updated_at.to_string(),
            play_count: song.plays,
            video_id: song.found.id,
            metadata: Metadata {
                title: song.found.title.unwrap_or_default(),
                duration_ms: song.found.duration_ms.unwrap_or(0),
                url: song.found.url,
                thumbnail_url: song.found.thumbnail_url.unwrap_or_default(),
                platform: song.found.platform.as_str(),
            },
        }
    }
}

/// A song, or songs.
#[derive(Serialize, ToSchema)]
struct Library<T> {
    /// What was asked for.
    data: T,
    /// Always true.
    success: bool,
}

impl<T> Library<T> {
    fn of(data: T) -> Answer<Self> {
        Answer(Self { data, success: true })
    }
}

/// A refusal in the library's own shape.
struct NotInLibrary {
    refusal: Refusal,
    video_id: String,
}

/// An error of the library.
#[derive(Serialize, ToSchema)]
#[schema(as = LibraryError)]
struct NotInLibraryBody {
    /// What is wrong.
    error: ErrorDetail,
    /// Always false.
    success: bool,
}

/// What is wrong.
#[derive(Serialize, ToSchema)]
#[schema(as = LibraryErrorDetail)]
struct ErrorDetail {
    /// One word for programs.
    #[schema(value_type = String)]
    code: &'static str,
    /// One sentence.
    #[schema(value_type = String)]
    message: &'static str,
    /// The id that was asked for; empty where none was.
    video_id: String,
}

impl<T: Into<Refusal>> From<T> for NotInLibrary {
    fn from(refused: T) -> Self {
        Self { refusal: refused.into(), video_id: String::new() }
    }
}

impl IntoResponse for NotInLibrary {
    fn into_response(self) -> Response {
        let Refusal { problem, words } = self.refusal;
        let code = match problem.status {
            StatusCode::BAD_REQUEST => "invalid_request",
            StatusCode::UNAUTHORIZED => "unauthenticated",
            StatusCode::FORBIDDEN => "forbidden",
            StatusCode::NOT_FOUND => "media_not_found",
            StatusCode::SERVICE_UNAVAILABLE => "unavailable",
            _ => "internal",
        };
        let error = ErrorDetail { code, message: words, video_id: self.video_id };
        let body = serde_json::to_vec(&NotInLibraryBody { error, success: false }).unwrap_or_default();
        problem.into_response_with(JSON, body)
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct VideoAsked {
    /// The platform's id of the song.
    #[param(required)]
    video_id: Option<String>,
}

/// Look a song up.
#[utoipa::path(
    get, path = "/api/v1/media", tag = "music", security((), ("bearer" = [])), params(VideoAsked),
    responses(
        (status = 200, body = Library<Media>, description = "The song."),
        (status = 400, body = NotInLibraryBody, description = "None was named."),
        (status = 404, body = NotInLibraryBody, description = "The library does not have it.")
    )
)]
async fn media(
    State(app): State<App>,
    who: Result<AudioCaller, Refusal>,
    asked: Result<Wanted<VideoAsked>, Refusal>,
) -> Result<Answer<Library<Media>>, NotInLibrary> {
    let (AudioCaller(caller), Wanted(asked)) = (who?, asked?);
    let video_id = given(asked.video_id).ok_or_else(|| Refusal::of_request(words::VIDEO_MISSING))?;
    let found = app.service.song(&caller, &video_id).await;
    let view = found.map_err(|error| {
        let refusal = Refusal::from(error);
        let is_unknown = refusal.problem.status == StatusCode::NOT_FOUND;
        let refusal = if is_unknown { refusal.saying(words::VIDEO_UNKNOWN) } else { refusal };
        NotInLibrary { refusal, video_id }
    })?;
    Ok(Library::of(view.into()))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct TitleAsked {
    /// The beginning of the title, in any case; 3 bytes or more.
    #[param(required)]
    title: Option<String>,
}

/// Search the library by title.
#[utoipa::path(
    get, path = "/api/v1/media/search", tag = "music", security((), ("bearer" = [])), params(TitleAsked),
    responses(
        (status = 200, body = Library<Vec<Media>>, description = "At most 100 songs, by title."),
        (status = 400, body = NotInLibraryBody, description = "Less than 3 bytes.")
    )
)]
async fn search(
    State(app): State<App>,
    who: Result<AudioCaller, Refusal>,
    asked: Result<Wanted<TitleAsked>, Refusal>,
) -> Result<Answer<Library<Vec<Media>>>, NotInLibrary> {
    let (AudioCaller(caller), Wanted(asked)) = (who?, asked?);
    let songs = app.service.songs(&caller, &asked.title.unwrap_or_default()).await;
    let songs = songs.map_err(|error| {
        let refusal = Refusal::from(error);
        let is_short = refusal.problem.status == StatusCode::BAD_REQUEST;
        if is_short { refusal.saying(words::TITLE_SHORT) } else { refusal }
    })?;
    Ok(Library::of(songs.into_iter().map(Media::from).collect()))
}
