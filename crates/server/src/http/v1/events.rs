//! Live events: every change of the caller's jobs, by WebSocket or as server-sent events.
//!
//! A stream begins with what was missed behind a cursor, and goes on with what happens. It may bring a version of a job
//! twice, never leave out an end: clients go by the job's id and version.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::extract::ws::close_code;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, UPGRADE};
use axum::http::{HeaderMap, HeaderName, StatusCode};
use axum::response::{IntoResponse, Response};
use futures_util::{StreamExt, stream};
use reelmill_service::{Caller, Change, Cursor, Deaf, Error, JobView, Listener, Missed};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep, sleep_until};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::jobs::JobBody;
use crate::http::line::{HungUp, Line};
use crate::http::openapi::AnyProblem;
use crate::http::{App, Problem, Query, SignedIn};

/// Streams at once.
const MOST_STREAMS: usize = 4096;

/// How often it is looked whether the caller still has an account and a session.
const LOOK_AT_CALLER: Duration = Duration::from_mins(1);

/// How often a silent stream of server-sent events shows that it lives.
const SIGN_OF_LIFE: Duration = Duration::from_secs(15);

/// What a WebSocket is closed with where the client read too slowly, and where its session ended.
const TOO_SLOW: u16 = 4008;
const SIGNED_OUT: u16 = 4001;

pub(super) fn router() -> OpenApiRouter<App> {
    let places = Arc::new(Semaphore::new(MOST_STREAMS));
    OpenApiRouter::new().routes(routes!(events)).layer(Extension(places))
}

#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct Resumed {
    /// The last `cursor` that was heard: the stream begins with what changed since, and a little before it.
    cursor: Option<String>,
}

/// Something that happened.
#[derive(Serialize, ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Event {
    /// A job was written: made, begun, ended, cancelled.
    Job {
        /// Where to go on behind it.
        cursor: String,
        /// Counted up by every write: an event with a version that was seen is a copy.
        version: u64,
        /// The job as it is now.
        job: Box<JobBody>,
    },
    /// A running job is further.
    Progress {
        /// Which.
        job_id: String,
        /// The version that is under way.
        version: u64,
        /// What is being done: `fetch`, `convert` or `store`.
        #[schema(value_type = String)]
        stage: &'static str,
        /// How much of it, 0 to 1.
        progress: f64,
    },
    /// What was missed is told; from here on it is live.
    Ready {
        /// Where to go on where nothing happens.
        cursor: String,
    },
}

impl Event {
    const fn name(&self) -> &'static str {
        match self {
            Self::Job { .. } => "job",
            Self::Progress { .. } => "progress",
            Self::Ready { .. } => "ready",
        }
    }

    fn cursor(&self) -> Option<&str> {
        match self {
            Self::Job { cursor, .. } | Self::Ready { cursor } => Some(cursor),
            Self::Progress { .. } => None,
        }
    }

    /// As JSON, which cannot fail: there is neither a map nor a number that it could not hold.
    fn json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }
}

impl From<JobView> for Event {
    fn from(view: JobView) -> Self {
        let (cursor, version) = (Cursor::of(&view.job).to_string(), view.job.version);
        Self::Job { cursor, version, job: Box::new(view.into()) }
    }
}

impl From<&Change> for Event {
    fn from(change: &Change) -> Self {
        match change {
            Change::Written(view) => JobView::clone(view).into(),
            Change::Progress { job, version, stage, progress, .. } => Self::Progress {
                job_id: job.to_string(),
                version: *version,
                stage: stage.as_str(),
                progress: (progress * 1000.0).round() / 1000.0,
            },
        }
    }
}

/// Follow all jobs.
///
/// A WebSocket where the request asks for one, else server-sent events. An administrator hears of everybody's jobs. Each
/// event is a JSON object; `cursor` of the last one (for server-sent events, the browser's own `Last-Event-ID`) resumes the
/// stream. A client that reads too slowly is cut off (WebSocket code 4008) and resumes.
#[utoipa::path(
    get, path = "/v1/events", tag = "jobs",
    params(Resumed, ("Last-Event-ID" = Option<String>, Header, description = "Stands for `cursor`, and goes before it.")),
    responses(
        (status = 200, content_type = "text/event-stream", body = Event, description = "Events named as their `type`."),
        (status = 101, description = "The WebSocket is open; each message is an event."),
        AnyProblem
    )
)]
async fn events(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Extension(places): Extension<Arc<Semaphore>>,
    Query(resumed): Query<Resumed>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let last = headers.get("last-event-id").and_then(|value| value.to_str().ok());
    let cursor = last.or(resumed.cursor.as_deref()).map(cursor_of).transpose()?;
    let place = places.try_acquire_owned().map_err(|_| {
        let detail = "too many follow events at once; try again later";
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
    })?;
    let told = Told::new(app, caller, cursor, place);
    if headers.contains_key(UPGRADE) {
        let upgrade = upgrade.map_err(|rejection| Problem::invalid(rejection.body_text()))?;
        let draining = told.app.draining.clone();
        return Ok(Line::open(upgrade, draining, |line| told.speak(line)));
    }
    Ok(told.into_stream())
}

fn cursor_of(text: &str) -> Result<Cursor, Problem> {
    let detail = || format!("the cursor is `{text}`; take one that an event of this stream carried, or none");
    Cursor::parse(text).ok_or_else(|| Problem::invalid(detail()))
}

/// What a client is told, in its order.
struct Told {
    app: App,
    caller: Caller,
    listener: Listener,
    stage: Stage,
    look_at_caller: Instant,
    #[expect(dead_code, reason = "held for as long as the stream is open")]
    place: OwnedSemaphorePermit,
}

/// How far the client has been told.
enum Stage {
    /// What it missed is being read.
    Missed { rest: Missed, read: VecDeque<JobView> },
    /// It is told that it knows all.
    Ready,
    /// It hears what happens.
    Live,
    /// It hears no more.
    Over,
}

/// Why a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    TooSlow,
    SignedOut,
    Draining,
    Broken,
}

impl Told {
    fn new(app: App, caller: Caller, cursor: Option<Cursor>, place: OwnedSemaphorePermit) -> Self {
        let listener = app.service.listen(&caller);
        let stage = match cursor {
            Some(cursor) => {
                let rest = app.service.missed(&caller, cursor);
                Stage::Missed { rest, read: VecDeque::new() }
            }
            None => Stage::Ready,
        };
        let look_at_caller = Instant::now() + LOOK_AT_CALLER;
        Self { app, caller, listener, stage, look_at_caller, place }
    }

    /// The next event.
    async fn next(&mut self) -> Result<Event, End> {
        loop {
            match &mut self.stage {
                Stage::Missed { rest, read } => {
                    if let Some(view) = read.pop_front() {
                        return Ok(view.into());
                    }
                    *read = self.app.service.next_missed(rest).await.map_err(|error| broken(&error))?.into();
                    if read.is_empty() {
                        self.stage = Stage::Ready;
                    }
                }
                Stage::Ready => {
                    let cursor = self.app.service.cursor().await.map_err(|error| broken(&error))?;
                    self.stage = Stage::Live;
                    return Ok(Event::Ready { cursor: cursor.to_string() });
                }
                Stage::Live => {
                    tokio::select! {
                        change = self.listener.next() => return match change {
                            Ok(change) => Ok(Event::from(&*change)),
                            Err(Deaf::TooSlow) => Err(End::TooSlow),
                            Err(Deaf::Ended) => Err(End::Draining),
                        },
                        () = sleep_until(self.look_at_caller) => {
                            self.look_at_caller = Instant::now() + LOOK_AT_CALLER;
                            // A catalog that cannot be asked now signs nobody out.
                            if let Ok(false) = self.app.service.is_still_let_in(&self.caller).await {
                                return Err(End::SignedOut);
                            }
                        }
                    }
                }
                Stage::Over => return std::future::pending().await,
            }
        }
    }

    async fn speak(mut self, mut line: Line) {
        let end = loop {
            match line.until(self.next()).await {
                Ok(Ok(event)) => match line.say(event.json()).await {
                    Ok(()) => {}
                    // It does not read: what it misses, it resumes.
                    Err(_) => return,
                },
                Ok(Err(end)) => break end,
                Err(HungUp::Draining) => break End::Draining,
                Err(HungUp::Gone) => return,
            }
        };
        let (code, reason) = match end {
            End::TooSlow => (TOO_SLOW, "events were read too slowly; resume with the last cursor"),
            End::SignedOut => (SIGNED_OUT, "the session has ended; sign in again"),
            End::Draining => (close_code::AWAY, "this process is being stopped; resume with the last cursor"),
            End::Broken => (close_code::AGAIN, "events cannot be read now; resume with the last cursor"),
        };
        line.close(code, reason).await;
    }

    fn into_stream(self) -> Response {
        // A browser that is cut off comes again after a second.
        let hello = stream::iter([Bytes::from_static(b"retry: 1000\n\n")]);
        let events = stream::unfold(self, |mut told| async move {
            if matches!(told.stage, Stage::Over) {
                return None;
            }
            let draining = told.app.draining.clone();
            let piece = tokio::select! {
                next = told.next() => match next {
                    Ok(event) => written(&event),
                    Err(end) => told.last_words(end)?,
                },
                () = draining.cancelled() => return None,
                () = sleep(SIGN_OF_LIFE) => Bytes::from_static(b":\n\n"),
            };
            Some((piece, told))
        });
        let body = Body::from_stream(hello.chain(events).map(Ok::<_, std::convert::Infallible>));
        let headers = [
            (CONTENT_TYPE, "text/event-stream"),
            (CACHE_CONTROL, "no-store"),
            // Proxies of the kind that gather answers leave this one alone.
            (HeaderName::from_static("x-accel-buffering"), "no"),
        ];
        (headers, body).into_response()
    }

    /// What the stream ends with. A browser resumes by itself, but where it has to sign in again.
    fn last_words(&mut self, end: End) -> Option<Bytes> {
        self.stage = Stage::Over;
        (end == End::SignedOut).then(|| Bytes::from_static(b"event: signed_out\ndata: {}\n\n"))
    }
}

/// An event as it goes over a stream of server-sent events.
fn written(event: &Event) -> Bytes {
    let id = event.cursor().map(|cursor| format!("id: {cursor}\n")).unwrap_or_default();
    Bytes::from(format!("{id}event: {}\ndata: {}\n\n", event.name(), event.json()))
}

fn broken(error: &Error) -> End {
    tracing::warn!(?error, "events could not be read");
    End::Broken
}
