//! Conversions: asked for, followed, steered.

use axum::extract::State;
use axum::http::header::LOCATION;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use reelmill_core::{
    Door, Failure, JobId, MediaId, Obstacle, Output, Priority, Settings, State as JobState, StateName,
};
use reelmill_service::{Error, JobView, JobWish, Retried, Submission};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::json::JsonBody;
use crate::http::openapi::AnyProblem;
use crate::http::query::{List, page_query};
use crate::http::{App, Id, Json, Problem, Query, SignedIn};

/// The longest Idempotency-Key.
const MOST_KEY_BYTES: usize = 255;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(submit, list))
        .routes(routes!(show))
        .routes(routes!(cancel))
        .routes(routes!(retry))
        .routes(routes!(retry_failed))
}

/// A conversion that is wished.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"media_id": "0193a1b2-0000-7000-8000-000000000002", "profile": "mp3", "overrides": {"bitrate_kbps": 192}}))]
struct NewJob {
    /// What is converted.
    media_id: String,
    /// What it becomes; `GET /v1/profiles` lists the names.
    profile: String,
    /// What is laid over the profile's settings.
    #[serde(default)]
    #[schema(value_type = Option<Overrides>)]
    overrides: Settings,
    /// Who goes first.
    #[serde(default)]
    #[schema(value_type = Option<String>, pattern = "^(interactive|normal|bulk)$")]
    priority: Priority,
}

/// Settings of a conversion; what is left out is the profile's.
#[derive(ToSchema)]
#[expect(
    dead_code,
    reason = "the document's picture of the core's own settings, which a test compares it with"
)]
pub(super) struct Overrides {
    /// Constant bit rate, in kbit/s.
    bitrate_kbps: Option<u32>,
    /// Average bit rate, in kbit/s. Excludes the other rates.
    average_bitrate_kbps: Option<u32>,
    /// Variable bit rate by quality, 0 (best) to 9. Excludes the other rates.
    quality: Option<u8>,
    /// The encoder's effort, 0 (most) to 9.
    effort: Option<u8>,
    /// Frames a second.
    sample_rate_hz: Option<u32>,
    /// Channels.
    channels: Option<u8>,
    /// Bits a sample: 16 or 24.
    bits_per_sample: Option<u8>,
    /// How loud the whole of it is made, in LUFS as EBU R 128 measures it, with true peaks up to -1 dBTP; -40 to -5.
    loudness_lufs: Option<f64>,
    /// Whether packets that the format can carry as they are may be kept; where nothing is said, unless a rate is
    /// asked for.
    copy: Option<bool>,
    /// Where to start, in milliseconds of the original.
    start_ms: Option<u64>,
    /// Where to end, in milliseconds of the original.
    end_ms: Option<u64>,
}

/// A conversion.
#[derive(Serialize, ToSchema)]
#[schema(as = Job, example = json!({
    "id": "0193a1b2-0000-7000-8000-000000000003", "state": "done", "stage": null, "progress": 1.0,
    "media_id": "0193a1b2-0000-7000-8000-000000000002", "profile": "mp3",
    "plan": "encoded: aac 44.1 kHz stereo to mp3 128 kbit/s", "attempt": 1, "max_attempts": 3,
    "output": {"id": "0193a1b2-0000-7000-8000-000000000004", "fid": "0193a1b2-0000-7000-8000-000000000004",
        "content_type": "audio/mpeg", "size_bytes": 321_000, "duration_ms": 20_032},
    "error": null, "created_at": "2026-01-31T09:00:00Z", "started_at": "2026-01-31T09:00:00.1Z",
    "finished_at": "2026-01-31T09:00:01Z"
}))]
pub(super) struct JobBody {
    /// Its id.
    id: String,
    /// What is true of it.
    #[schema(value_type = String, pattern = "^(queued|running|cancelling|done|failed|cancelled)$")]
    state: &'static str,
    /// What a running job is at: `fetch`, `convert` or `store`.
    #[schema(value_type = Option<String>)]
    stage: Option<&'static str>,
    /// How much is done, 0 to 1.
    progress: f64,
    /// What is converted; null until it is fetched.
    media_id: Option<String>,
    /// The profile's name.
    profile: String,
    /// What is done and why; null where it cannot be done, or is not known before the media is fetched.
    plan: Option<String>,
    /// Which try it is.
    attempt: u32,
    /// How often it is tried at most.
    max_attempts: u32,
    /// What it made; null until it is done, and after that was deleted.
    output: Option<JobOutput>,
    /// Why it failed.
    error: Option<JobError>,
    /// When it was asked for.
    created_at: String,
    /// When it was first begun.
    started_at: Option<String>,
    /// When it ended.
    finished_at: Option<String>,
}

/// What a job made.
#[derive(Serialize, ToSchema)]
struct JobOutput {
    /// The output's id.
    id: String,
    /// What the converter's `/download` calls it.
    fid: String,
    /// What it is.
    content_type: &'static str,
    /// How many bytes there are.
    size_bytes: u64,
    /// How long it plays.
    duration_ms: u64,
}

/// Why a job failed.
#[derive(Serialize, ToSchema)]
struct JobError {
    /// The class of the reason.
    #[schema(value_type = String, pattern = "^(unsupported|corrupt|limit|source|timeout|internal)$")]
    kind: &'static str,
    /// One sentence.
    message: String,
    /// What kept the source from giving the media, as `private` or `too_long`; only there where it was the source.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    reason: Option<Obstacle>,
}

impl From<JobView> for JobBody {
    fn from(view: JobView) -> Self {
        let JobView { job, output } = view;
        let (error, finished_at) = match job.state {
            JobState::Failed { ref failure, at } => (Some(JobError::from(failure)), Some(at)),
            JobState::Done { at, .. } | JobState::Cancelled { at } => (None, Some(at)),
            JobState::Queued { .. } | JobState::Running { .. } | JobState::Cancelling { .. } => (None, None),
        };
        let state = job.state.name();
        Self {
            id: job.id.to_string(),
            state: state.as_str(),
            stage: job.claim().and(job.pulse.stage).map(reelmill_core::Stage::as_str),
            progress: match state {
                StateName::Done => 1.0,
                StateName::Queued => 0.0,
                _ => job.pulse.progress,
            },
            media_id: job.media_id.map(|id| id.to_string()),
            profile: job.profile.name,
            plan: job.plan,
            attempt: job.attempt,
            max_attempts: job.max_attempts,
            output: output.map(JobOutput::from),
            error,
            created_at: job.created_at.to_string(),
            started_at: job.started_at.map(|at| at.to_string()),
            finished_at: finished_at.map(|at| at.to_string()),
        }
    }
}

impl From<Output> for JobOutput {
    fn from(output: Output) -> Self {
        Self {
            id: output.id.to_string(),
            fid: output.fid,
            content_type: output.format.content_type(),
            size_bytes: output.size_bytes,
            duration_ms: output.duration_ms,
        }
    }
}

impl From<&Failure> for JobError {
    fn from(failure: &Failure) -> Self {
        Self { kind: failure.kind.as_str(), message: failure.message.clone(), reason: failure.obstacle }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct ListParams {
    /// Only jobs in this state: `queued`, `running`, `cancelling`, `done`, `failed` or `cancelled`.
    state: Option<String>,
    /// At most so many items, 1 to 200.
    #[param(default = 50, minimum = 1, maximum = 200)]
    limit: Option<u32>,
    /// The `next` of the list before.
    cursor: Option<String>,
}

/// Ask for a conversion.
///
/// With the header `Idempotency-Key`, the same request sent again within 24 hours finds the job that it made before.
#[utoipa::path(
    post, path = "/v1/jobs", tag = "jobs", request_body = NewJob,
    params(("Idempotency-Key" = Option<String>, Header, description = "Any text of 1 to 255 characters, fresh for every wish.")),
    responses(
        (status = 202, body = JobBody, description = "It waits for a worker; `Location` names it."),
        (status = 422, description = "The media cannot become that, or the key came with another body before."),
        AnyProblem
    )
)]
async fn submit(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    headers: HeaderMap,
    body: JsonBody<NewJob>,
) -> Result<Response, Problem> {
    let submission = submission("POST /v1/jobs", &headers, body.hash)?;
    let NewJob { media_id, profile, overrides, priority } = body.value;
    let media: MediaId = media_id.parse().map_err(|_| Error::not_found("media"))?;
    let wish = JobWish { profile, overrides, priority, door: Door::V1, submission };
    let view = app.service.submit(&caller, media, wish).await?;
    let place = format!("/v1/jobs/{}", view.job.id);
    Ok((StatusCode::ACCEPTED, [(LOCATION, place)], Json(JobBody::from(view))).into_response())
}

/// What makes a request of this route the same as one sent before.
pub(super) fn submission(
    route: &'static str,
    headers: &HeaderMap,
    body_hash: String,
) -> Result<Option<Submission>, Problem> {
    let Some(value) = headers.get("idempotency-key") else { return Ok(None) };
    let key = value.to_str().unwrap_or_default();
    if key.is_empty() || key.len() > MOST_KEY_BYTES {
        let detail = format!("the header Idempotency-Key must be 1 to {MOST_KEY_BYTES} characters of ASCII");
        return Err(Problem::invalid(detail));
    }
    Ok(Some(Submission { route, key: key.to_owned(), body_hash }))
}

/// List the caller's jobs, newest first.
///
/// An administrator's list has everybody's.
#[utoipa::path(
    get, path = "/v1/jobs", tag = "jobs", params(ListParams),
    responses((status = 200, body = List<JobBody>, description = "A part of the list."), AnyProblem)
)]
async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(params): Query<ListParams>,
) -> Result<Json<List<JobBody>>, Problem> {
    let state = params.state.as_deref().map(state_of).transpose()?;
    let query = page_query(params.limit, params.cursor.as_deref())?;
    let page = app.service.jobs(&caller, state, query).await?;
    Ok(Json(List::of(page, JobBody::from)))
}

fn state_of(name: &str) -> Result<StateName, Problem> {
    StateName::from_name(name).ok_or_else(|| {
        let names = StateName::ALL.map(StateName::as_str).join(", ");
        Problem::invalid(format!("state is `{name}`; it can be {names}"))
    })
}

/// Look at a job.
#[utoipa::path(
    get, path = "/v1/jobs/{id}", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses((status = 200, body = JobBody, description = "What is true of it now."), AnyProblem)
)]
async fn show(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<JobId>,
) -> Result<Json<JobBody>, Problem> {
    Ok(Json(app.service.job(&caller, id).await?.into()))
}

/// Cancel a job.
///
/// One that waits ends at once, one that runs within two seconds.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/cancel", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses(
        (status = 200, body = JobBody, description = "It is `cancelled` or `cancelling`."),
        (status = 409, description = "It is over."),
        AnyProblem
    )
)]
async fn cancel(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<JobId>,
) -> Result<Json<JobBody>, Problem> {
    Ok(Json(app.service.cancel(&caller, id).await?.into()))
}

/// Begin a failed or cancelled job anew.
#[utoipa::path(
    post, path = "/v1/jobs/{id}/retry", tag = "jobs", params(("id" = String, Path, description = "The job's id.")),
    responses(
        (status = 202, body = JobBody, description = "It waits for a worker."),
        (status = 409, description = "It has not failed."),
        AnyProblem
    )
)]
async fn retry(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<JobId>,
) -> Result<Response, Problem> {
    let view = app.service.retry(&caller, id).await?;
    Ok((StatusCode::ACCEPTED, Json(JobBody::from(view))).into_response())
}

/// Which failed jobs.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct RetryParams {
    /// Everybody's; for administrators.
    #[serde(default)]
    #[param(default = false)]
    all: bool,
}

/// What was begun anew.
#[derive(Serialize, ToSchema)]
#[schema(as = Retried, example = json!({"retried": 12, "more": false}))]
struct RetriedBody {
    /// How many jobs.
    retried: u64,
    /// Whether there may be more: ask again.
    more: bool,
}

/// Begin all failed jobs of the caller anew.
///
/// One call begins about a thousand at most; `more` says whether to ask again.
#[utoipa::path(
    post, path = "/v1/jobs/retry-failed", tag = "jobs", params(RetryParams),
    responses((status = 202, body = RetriedBody, description = "They wait for workers."), AnyProblem)
)]
async fn retry_failed(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Query(params): Query<RetryParams>,
) -> Result<Response, Problem> {
    let Retried { jobs, is_more } = app.service.retry_failed(&caller, params.all).await?;
    Ok((StatusCode::ACCEPTED, Json(RetriedBody { retried: jobs, more: is_more })).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documents_picture_of_the_settings_is_the_settings() {
        let all = serde_json::json!({
            "bitrate_kbps": 1, "average_bitrate_kbps": 1, "quality": 1, "effort": 1, "sample_rate_hz": 1,
            "channels": 1, "bits_per_sample": 16, "loudness_lufs": -16.0, "copy": true, "start_ms": 1, "end_ms": 2
        });
        let settings: Settings = serde_json::from_value(all.clone()).unwrap();
        assert_eq!(serde_json::to_value(settings).unwrap(), all);
        let schema = serde_json::to_value(<Overrides as utoipa::PartialSchema>::schema()).unwrap();
        let fields = |value: &serde_json::Value| {
            value.as_object().unwrap().keys().cloned().collect::<std::collections::BTreeSet<_>>()
        };
        assert_eq!(fields(&schema["properties"]), fields(&all));
    }
}
