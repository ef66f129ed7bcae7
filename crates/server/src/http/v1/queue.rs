//! The queue as a whole: seen, paused, resumed and cleared of what is old by administrators.

use std::time::Duration;

use axum::extract::State;
use reelmill_core::ports::Census;
use reelmill_service::{Ages, Purged, QueueView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::json::JsonBody;
use crate::http::openapi::AnyProblem;
use crate::http::{App, Json, Problem, SignedIn};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(show))
        .routes(routes!(pause))
        .routes(routes!(resume))
        .routes(routes!(purge))
}

/// The queue as it stands.
#[derive(Serialize, ToSchema)]
#[schema(as = Queue, example = json!({
    "paused": true, "paused_since": "2026-01-31T09:00:00Z",
    "jobs": {"queued": 12, "running": 2, "done": 340, "failed": 3, "cancelled": 1}
}))]
struct QueueBody {
    /// Whether no job is begun.
    paused: bool,
    /// Since when; null where jobs are begun.
    paused_since: Option<String>,
    /// Everybody's jobs by state.
    jobs: Counts,
}

/// Jobs by state.
#[derive(Serialize, ToSchema)]
#[schema(as = JobCounts)]
struct Counts {
    /// They wait.
    queued: u64,
    /// They run, or are being cancelled.
    running: u64,
    /// They have their output.
    done: u64,
    /// They have ended without.
    failed: u64,
    /// Somebody ended them.
    cancelled: u64,
}

impl From<QueueView> for QueueBody {
    fn from(view: QueueView) -> Self {
        let Census { queued, claimed, done, failed, cancelled } = view.jobs;
        Self {
            paused: view.paused_since.is_some(),
            paused_since: view.paused_since.map(|since| since.to_string()),
            jobs: Counts { queued, running: claimed, done, failed, cancelled },
        }
    }
}

/// Look at the queue.
///
/// For administrators: it counts everybody's jobs.
#[utoipa::path(
    get, path = "/v1/queue", tag = "operation",
    responses((status = 200, body = QueueBody, description = "What is in it, and whether it is paused."), AnyProblem)
)]
async fn show(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Json<QueueBody>, Problem> {
    Ok(Json(app.service.queue(&caller).await?.into()))
}

/// Pause the queue.
///
/// No process begins a job any more, within its poll interval. What runs goes on, uploads and jobs are taken in. It lasts,
/// across restarts, until it is resumed. For administrators.
#[utoipa::path(
    post, path = "/v1/queue/pause", tag = "operation",
    responses((status = 200, body = QueueBody, description = "It is paused, perhaps since earlier."), AnyProblem)
)]
async fn pause(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Json<QueueBody>, Problem> {
    Ok(Json(app.service.pause(&caller).await?.into()))
}

/// Resume the queue.
///
/// For administrators.
#[utoipa::path(
    post, path = "/v1/queue/resume", tag = "operation",
    responses((status = 200, body = QueueBody, description = "Jobs are begun again."), AnyProblem)
)]
async fn resume(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Json<QueueBody>, Problem> {
    Ok(Json(app.service.resume(&caller).await?.into()))
}

/// How old what goes has to be. What is left out stays.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"jobs_older_than_ms": 2_592_000_000_u64, "media_older_than_ms": 7_776_000_000_u64}))]
struct Purge {
    /// Jobs that ended so long ago, with their outputs.
    jobs_older_than_ms: Option<u64>,
    /// Media that came so long ago, and that no job stands on (any more).
    media_older_than_ms: Option<u64>,
}

/// What was taken away.
#[derive(Serialize, ToSchema)]
#[schema(as = Purged, example = json!({"jobs": 340, "outputs": 337, "media": 12, "more": false}))]
struct PurgedBody {
    /// Jobs.
    jobs: u64,
    /// Their outputs.
    outputs: u64,
    /// Media.
    media: u64,
    /// Whether it stopped before the end: ask again.
    more: bool,
}

/// Purge what is old.
///
/// The library's songs, tasks, and what is published stay. It goes on for some seconds; `more` says whether to ask again.
/// For administrators.
#[utoipa::path(
    post, path = "/v1/purge", tag = "operation", request_body = Purge,
    responses((status = 200, body = PurgedBody, description = "It is gone."), AnyProblem)
)]
async fn purge(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    JsonBody { value: wanted, .. }: JsonBody<Purge>,
) -> Result<Json<PurgedBody>, Problem> {
    let age = |ms: Option<u64>| ms.map(Duration::from_millis);
    let ages = Ages { jobs: age(wanted.jobs_older_than_ms), media: age(wanted.media_older_than_ms) };
    let Purged { jobs, outputs, media, is_more } = app.service.purge(&caller, ages).await?;
    Ok(Json(PurgedBody { jobs, outputs, media, more: is_more }))
}
