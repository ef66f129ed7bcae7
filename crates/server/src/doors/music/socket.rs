//! An operation followed live: its status at once and at each change, and the end of the connection behind the last.
//!
//! What is sent is looked up each time, so a change is never lost, only late by a look; whoever reads too slowly
//! misses what was between, and is left when it does not read at all.

use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::extract::State;
use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{WebSocketUpgrade, close_code};
use axum::http::StatusCode;
use axum::response::Response;
use reelmill_core::{Job, OperationId, Stage};
use reelmill_service::{Caller, Deaf, Error, Listener, OperationView};
use serde::{Deserialize, Serialize};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, sleep_until, timeout_at};
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::caller::{SocketCaller, TOKEN_PROTOCOL, Wanted};
use super::refusal::{Refusal, RefusalBody};
use super::status::StatusAnswer;
use super::{given, words};
use crate::http::App;
use crate::http::line::{HungUp, Line};

/// Sockets at once.
const MOST_SOCKETS: usize = 512;

/// Between two messages at least: four a second.
const BETWEEN: Duration = Duration::from_millis(250);

/// Between two looks at most, where nothing changes.
const LONGEST_LOOK: Duration = Duration::from_secs(1);

/// How much of the way is done once the original is here.
const FETCHED: f64 = 0.7;

pub(super) fn router() -> OpenApiRouter<App> {
    let places = Arc::new(Semaphore::new(MOST_SOCKETS));
    OpenApiRouter::new().routes(routes!(follow)).routes(routes!(follow_v1)).layer(Extension(places))
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct Followed {
    /// The operation's id.
    #[param(required)]
    operation_id: Option<String>,
}

/// Follow an operation by WebSocket.
///
/// It sends the answer of `/api/audio/status` with `"progress"` (0 to 1) added, at once and at each change, at most four
/// a second, and closes with 1000 behind the last. A token comes in `Authorization`, or as the protocol behind
/// `reelmill.bearer` in `Sec-WebSocket-Protocol`.
#[utoipa::path(
    get, path = "/api/audio/ws", tag = "music", security((), ("bearer" = [])), params(Followed),
    responses(
        (status = 101, description = "The WebSocket is open."),
        (status = 400, body = RefusalBody, description = "No operation was named, or no WebSocket is asked for."),
        (status = 401, body = RefusalBody, description = "A token is needed here."),
        (status = 404, body = RefusalBody, description = "There is no such operation."),
        (status = 503, body = RefusalBody, description = "Too many follow at once.")
    )
)]
async fn follow(
    State(app): State<App>,
    Extension(places): Extension<Arc<Semaphore>>,
    SocketCaller(caller): SocketCaller,
    Wanted(asked): Wanted<Followed>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    let id = given(asked.operation_id).ok_or_else(|| Refusal::of_request(words::OPERATION_MISSING))?;
    let id: OperationId = id.parse().map_err(|_| Error::not_found("operation"))?;
    let operation = app.service.operation_by_id(&caller, id).await?;
    let listener = app.service.listen_to(&operation);
    let upgrade = upgrade.map_err(|rejection| Refusal::of(rejection.status(), words::NO_UPGRADE))?;
    let place = places.try_acquire_owned();
    let place = place.map_err(|_| Refusal::of(StatusCode::SERVICE_UNAVAILABLE, words::SOCKETS_FULL))?;
    let draining = app.draining.clone();
    let following = Following { app, caller, id, listener, place };
    Ok(Line::open(upgrade.protocols([TOKEN_PROTOCOL]), draining, |line| following.run(line)))
}

/// Follow an operation by WebSocket, at its later address.
#[utoipa::path(
    get, path = "/api/v1/audio/ws", tag = "music", security((), ("bearer" = [])), params(Followed),
    responses((status = 101, description = "As `/api/audio/ws`."))
)]
async fn follow_v1(
    app: State<App>,
    places: Extension<Arc<Semaphore>>,
    caller: SocketCaller,
    asked: Wanted<Followed>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Refusal> {
    follow(app, places, caller, asked, upgrade).await
}

/// A message.
#[derive(Debug, PartialEq, Serialize)]
struct Told {
    #[serde(flatten)]
    answer: StatusAnswer,
    progress: f64,
}

/// A client that follows an operation.
struct Following {
    app: App,
    caller: Caller,
    id: OperationId,
    listener: Listener,
    #[expect(dead_code, reason = "held for as long as the socket is open")]
    place: OwnedSemaphorePermit,
}

/// Why the connection ends.
enum End {
    /// The last status was sent.
    Over,
    /// It cannot be looked up any more.
    Broken,
    /// Nobody hears.
    HungUp(HungUp),
}

impl From<HungUp> for End {
    fn from(hung_up: HungUp) -> Self {
        Self::HungUp(hung_up)
    }
}

impl Following {
    async fn run(mut self, mut line: Line) {
        let (code, reason) = match self.tell(&mut line).await {
            End::Over => (close_code::NORMAL, "la operación terminó"),
            End::HungUp(HungUp::Draining) => (close_code::AWAY, "el proceso se está deteniendo"),
            End::Broken => (close_code::AGAIN, "intenta de nuevo más tarde"),
            End::HungUp(HungUp::Gone) => return,
        };
        line.close(code, reason).await;
    }

    /// Sends what changes, to the end.
    async fn tell(&mut self, line: &mut Line) -> End {
        let mut last: Option<Told> = None;
        let mut pace = Pace::new();
        loop {
            let view = match self.app.service.operation_by_id(&self.caller, self.id).await {
                Ok(view) => view,
                Err(error) => {
                    tracing::warn!(operation.id = %self.id, ?error, "a followed operation could not be read");
                    return End::Broken;
                }
            };
            let is_over = view.is_over();
            let told = pace.told(view);
            if last.as_ref() != Some(&told) {
                let Ok(text) = serde_json::to_string(&told) else { return End::Broken };
                if let Err(hung_up) = line.say(text).await {
                    return hung_up.into();
                }
                pace.sent();
                last = Some(told);
            }
            if is_over {
                return End::Over;
            }
            if let Err(hung_up) = line.until(self.change(&mut pace)).await {
                return hung_up.into();
            }
        }
    }

    /// Waits until something has changed and may be sent, or it is time to look.
    async fn change(&mut self, pace: &mut Pace) {
        let look_at = Instant::now() + pace.next_look();
        // Whoever was too slow looks what is true now.
        if let Ok(Err(Deaf::Ended)) = timeout_at(look_at, self.listener.next()).await {
            sleep_until(look_at).await;
        }
        sleep_until(pace.may_send_at).await;
    }
}

/// When to look and to send, and how far the operation is.
struct Pace {
    may_send_at: Instant,
    look: Duration,
    /// The attempt that was told of, and how far it was.
    furthest: (u32, f64),
}

impl Pace {
    fn new() -> Self {
        Self { may_send_at: Instant::now(), look: BETWEEN, furthest: (0, 0.0) }
    }

    fn sent(&mut self) {
        self.may_send_at = Instant::now() + BETWEEN;
        self.look = BETWEEN;
    }

    /// How long to wait for a change: longer each time where nothing happens.
    fn next_look(&mut self) -> Duration {
        let look = self.look;
        self.look = (look * 2).min(LONGEST_LOOK);
        look
    }

    /// The message of how it stands. Within an attempt it never goes back.
    fn told(&mut self, view: OperationView) -> Told {
        let (attempt, done) = view.job.as_ref().map_or((0, 0.0), |job| (job.attempt, share(job)));
        let done = if attempt == self.furthest.0 { done.max(self.furthest.1) } else { done };
        let done = if view.is_success() { 1.0 } else { (done * 1000.0).round() / 1000.0 };
        self.furthest = (attempt, done);
        Told { answer: view.into(), progress: done }
    }
}

/// How much of the way from the wish to the result a running job has behind it.
fn share(job: &Job) -> f64 {
    let base = if job.media_id.is_some() { FETCHED } else { 0.0 };
    match (job.claim().and(job.pulse.stage), job.media_id) {
        (Some(Stage::Fetch), _) => FETCHED * job.pulse.progress,
        (Some(Stage::Convert | Stage::Store), Some(_)) => base + (1.0 - base) * job.pulse.progress,
        _ => base,
    }
}
