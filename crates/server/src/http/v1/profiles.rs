//! What can be made: profiles, and the formats behind them.

use axum::extract::State;
use reelmill_core::{Format, MediaId, Settings};
use reelmill_service::{Error, ProfileView};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::jobs::Overrides;
use crate::http::openapi::AnyProblem;
use crate::http::query::List;
use crate::http::{App, Json, Problem, Query, SignedIn};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(profiles)).routes(routes!(formats))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ForMedia {
    /// Say what each profile would do with this media.
    media_id: Option<String>,
}

/// A profile.
#[derive(Serialize, ToSchema)]
#[schema(as = Profile, example = json!({
    "name": "mp3", "title": "MP3, 128 kbit/s: plays everywhere", "format": "mp3", "content_type": "audio/mpeg",
    "settings": {"bitrate_kbps": 128}, "plan": "encoded: aac 44.1 kHz stereo to mp3 128 kbit/s", "problem": null
}))]
struct ProfileBody {
    /// What a job calls it.
    name: String,
    /// What it is for.
    title: String,
    /// The format that is written.
    #[schema(value_type = String)]
    format: &'static str,
    /// What that is served as.
    content_type: &'static str,
    /// Its settings.
    #[schema(value_type = Overrides)]
    settings: Settings,
    /// With `media_id`: what would be done and why; null where it cannot be done.
    plan: Option<String>,
    /// With `media_id`: why it cannot be done.
    problem: Option<String>,
}

impl ProfileBody {
    fn of(view: ProfileView, has_media: bool) -> Self {
        let (plan, problem) = match view.plan {
            Ok(plan) => (Some(plan).filter(|_| has_media), None),
            Err(problem) => (None, Some(problem)),
        };
        let format = view.profile.format;
        Self {
            name: view.profile.name,
            title: view.profile.title,
            format: format.name(),
            content_type: format.content_type(),
            settings: view.profile.settings,
            plan,
            problem,
        }
    }
}

/// List the profiles.
#[utoipa::path(
    get, path = "/v1/profiles", tag = "conversion", params(ForMedia),
    responses((status = 200, body = List<ProfileBody>, description = "All of them."), AnyProblem)
)]
async fn profiles(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(query): Query<ForMedia>,
) -> Result<Json<List<ProfileBody>>, Problem> {
    let media: Option<MediaId> = match query.media_id.as_deref().map(str::parse) {
        Some(id) => Some(id.map_err(|_| Error::not_found("media"))?),
        None => None,
    };
    let views = app.service.profiles(&caller, media).await?;
    let show = |view| ProfileBody::of(view, media.is_some());
    Ok(Json(List::whole(views.into_iter().map(show).collect())))
}

/// What is read and written.
#[derive(Serialize, ToSchema)]
#[schema(as = Formats)]
struct FormatsBody {
    /// The formats that results can have.
    writes: Vec<FormatBody>,
    /// Containers and codecs that originals can have.
    reads: Vec<String>,
}

/// A format that is written.
#[derive(Serialize, ToSchema)]
#[schema(as = Format)]
struct FormatBody {
    /// Its name and file extension.
    #[schema(value_type = String, example = "mp3")]
    name: &'static str,
    /// What it is served as.
    #[schema(value_type = String, example = "audio/mpeg")]
    content_type: &'static str,
}

impl From<Format> for FormatBody {
    fn from(format: Format) -> Self {
        Self { name: format.name(), content_type: format.content_type() }
    }
}

/// List the formats that are read and written.
#[utoipa::path(
    get, path = "/v1/formats", tag = "conversion", security(()),
    responses((status = 200, body = FormatsBody, description = "What this build can do."), AnyProblem)
)]
async fn formats(State(app): State<App>) -> Json<FormatsBody> {
    let (writes, reads) = app.service.formats();
    Json(FormatsBody { writes: writes.into_iter().map(FormatBody::from).collect(), reads })
}
