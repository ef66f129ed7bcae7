//! Webhooks: made, listed, given a new secret, deleted; what they were sent, and sending it once more.

use axum::extract::{FromRequestParts, Path, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use reelmill_core::{Delivery, DeliveryId, DeliveryState, Timestamp, Try, Webhook, WebhookEvent, WebhookId};
use reelmill_service::{Error, JobView, NewWebhook, Replayed};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::jobs::JobBody;
use crate::http::json::JsonBody;
use crate::http::openapi::AnyProblem;
use crate::http::query::{List, PageParams};
use crate::http::{App, Id, Json, Problem, Query, SignedIn};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .routes(routes!(add, list))
        .routes(routes!(remove))
        .routes(routes!(rotate))
        .routes(routes!(enable))
        .routes(routes!(deliveries))
        .routes(routes!(replay))
        .routes(routes!(replay_failed))
}

/// A webhook that is wished.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewWebhook, example = json!({"url": "https://example.org/hook", "events": ["job.done", "job.failed"]}))]
struct Wish {
    /// Where it is: an `https://` or `http://` address on the public internet, or one that the operator allows.
    url: String,
    /// What it is told of: `job.done`, `job.failed`, `job.cancelled`; all where nothing is said.
    #[serde(default)]
    #[schema(value_type = Option<Vec<String>>)]
    events: Vec<WebhookEvent>,
}

/// A webhook without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = Webhook)]
struct WebhookView {
    /// Its id.
    id: String,
    /// Where it is.
    url: String,
    /// What it is told of.
    #[schema(value_type = Vec<String>)]
    events: Vec<WebhookEvent>,
    /// Whether it is told at all.
    #[schema(value_type = String, pattern = "^(enabled|disabled)$")]
    state: &'static str,
    /// Why it is not, and since when.
    disabled: Option<DisabledView>,
    /// When it was made.
    created_at: String,
}

/// The end of a webhook's use.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookDisabled)]
struct DisabledView {
    /// One sentence.
    reason: String,
    /// When it was.
    at: String,
}

/// A webhook with its newest secret.
#[derive(Serialize, ToSchema)]
#[schema(as = WebhookWithSecret)]
struct SecretView {
    #[serde(flatten)]
    webhook: WebhookView,
    /// What its deliveries are signed with, as Standard Webhooks has it. It is shown this once.
    #[schema(example = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")]
    secret: String,
}

/// What a webhook was sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Delivery)]
struct DeliveryView {
    /// Its id, the header `webhook-id` of every try.
    id: String,
    /// Of what.
    #[schema(value_type = String)]
    event: WebhookEvent,
    /// The job that ended.
    job_id: String,
    /// Where it stands.
    #[schema(value_type = String, pattern = "^(waiting|delivered|given_up)$")]
    state: &'static str,
    /// When it is tried next.
    next_try_at: Option<String>,
    /// The tries, the first one first; the last 40 of them.
    tries: Vec<TryView>,
    /// When it was made.
    created_at: String,
}

/// One try.
#[derive(Serialize, ToSchema)]
#[schema(as = DeliveryTry)]
struct TryView {
    /// When it began.
    at: String,
    /// The HTTP status that the receiver answered, where it did.
    status: Option<u16>,
    /// What was wrong.
    error: Option<String>,
}

impl From<Webhook> for WebhookView {
    fn from(webhook: Webhook) -> Self {
        let disabled = webhook
            .disabled
            .map(|disabled| DisabledView { reason: disabled.reason, at: disabled.at.to_string() });
        Self {
            id: webhook.id.to_string(),
            url: webhook.url,
            events: webhook.events,
            state: if disabled.is_some() { "disabled" } else { "enabled" },
            disabled,
            created_at: webhook.created_at.to_string(),
        }
    }
}

impl From<Webhook> for SecretView {
    fn from(webhook: Webhook) -> Self {
        let secret = webhook.secrets.first().map(|newest| newest.expose().to_owned()).unwrap_or_default();
        Self { webhook: webhook.into(), secret }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(delivery: Delivery) -> Self {
        let next_try_at = delivery.due_at().map(|at| at.to_string());
        Self {
            id: delivery.id.to_string(),
            event: delivery.event,
            job_id: delivery.job.to_string(),
            state: match delivery.state {
                DeliveryState::Waiting { .. } => "waiting",
                DeliveryState::Delivered => "delivered",
                DeliveryState::GivenUp => "given_up",
            },
            next_try_at,
            tries: delivery.tries.into_iter().map(TryView::from).collect(),
            created_at: delivery.created_at.to_string(),
        }
    }
}

impl From<Try> for TryView {
    fn from(tried: Try) -> Self {
        Self { at: tried.at.to_string(), status: tried.status, error: tried.error }
    }
}

/// What a webhook is sent: the job as `GET /v1/jobs/{id}` shows it.
#[derive(Serialize)]
struct Body {
    #[serde(rename = "type")]
    event: WebhookEvent,
    timestamp: String,
    data: JobBody,
}

/// The words of a delivery.
///
/// # Panics
/// Never: names and numbers are JSON.
#[must_use]
pub fn webhook_body(event: WebhookEvent, at: Timestamp, job: JobView) -> String {
    let body = Body { event, timestamp: at.to_string(), data: job.into() };
    serde_json::to_string(&body).expect("names and numbers are JSON")
}

/// The ids of a webhook and of one of its deliveries.
struct Ids(WebhookId, DeliveryId);

impl<S: Send + Sync> FromRequestParts<S> for Ids {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Problem> {
        let Path((webhook, delivery)) = Path::<(String, String)>::from_request_parts(parts, state)
            .await
            .map_err(|error| Problem::invalid(error.body_text()))?;
        match (webhook.parse(), delivery.parse()) {
            (Ok(webhook), Ok(delivery)) => Ok(Self(webhook, delivery)),
            _ => Err(Error::not_found("delivery").into()),
        }
    }
}

/// Make a webhook.
///
/// From now on it is told, by POST, of the ends of the account's jobs: `{"type","timestamp","data"}`, where `data` is the
/// job. It is signed as Standard Webhooks says, tried for 24 hours, and has the same `webhook-id` at every try.
#[utoipa::path(
    post, path = "/v1/webhooks", tag = "webhooks", request_body = Wish,
    responses(
        (status = 201, body = SecretView, description = "The webhook, and its secret, shown this once."),
        (status = 400, description = "Nothing is sent to such an address."),
        (status = 409, description = "There are as many as there may be."),
        AnyProblem
    )
)]
async fn add(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    JsonBody { value: Wish { url, events }, .. }: JsonBody<Wish>,
) -> Result<impl IntoResponse, Problem> {
    let webhook = app.service.add_webhook(&caller, NewWebhook { url, events }).await?;
    Ok((StatusCode::CREATED, Json(SecretView::from(webhook))))
}

/// List the caller's webhooks.
#[utoipa::path(
    get, path = "/v1/webhooks", tag = "webhooks",
    responses((status = 200, body = List<WebhookView>, description = "All of them; there are at most 10."), AnyProblem)
)]
async fn list(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
) -> Result<Json<List<WebhookView>>, Problem> {
    let webhooks = app.service.webhooks(&caller).await?;
    Ok(Json(List::whole(webhooks.into_iter().map(WebhookView::from).collect())))
}

/// Delete a webhook.
#[utoipa::path(
    delete, path = "/v1/webhooks/{id}", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 204, description = "Nothing more is sent, and what was is forgotten."), AnyProblem)
)]
async fn remove(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<WebhookId>,
) -> Result<StatusCode, Problem> {
    app.service.remove_webhook(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a webhook a new secret.
///
/// For 24 hours both the new one and the one before sign, each delivery with two signatures.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/rotate", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 200, body = SecretView, description = "The new secret, shown this once."), AnyProblem)
)]
async fn rotate(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<WebhookId>,
) -> Result<Json<SecretView>, Problem> {
    Ok(Json(app.service.rotate_webhook(&caller, id).await?.into()))
}

/// Use a webhook again that was disabled.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/enable", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id.")),
    responses((status = 200, body = WebhookView, description = "It is told again."), AnyProblem)
)]
async fn enable(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<WebhookId>,
) -> Result<Json<WebhookView>, Problem> {
    Ok(Json(app.service.enable_webhook(&caller, id).await?.into()))
}

/// List what a webhook was sent, newest first.
///
/// Deliveries are kept for 7 days.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks",
    params(("id" = String, Path, description = "The webhook's id."), PageParams),
    responses((status = 200, body = List<DeliveryView>, description = "A part of the list."), AnyProblem)
)]
async fn deliveries(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<WebhookId>,
    Query(params): Query<PageParams>,
) -> Result<Json<List<DeliveryView>>, Problem> {
    let page = app.service.deliveries(&caller, id, params.query()?).await?;
    Ok(Json(List::of(page, DeliveryView::from)))
}

/// Send a delivery once more.
///
/// Under the same `webhook-id`, and for another 24 hours where it has to be.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/deliveries/{delivery}/replay", tag = "webhooks",
    params(
        ("id" = String, Path, description = "The webhook's id."),
        ("delivery" = String, Path, description = "The delivery's id.")
    ),
    responses(
        (status = 202, body = DeliveryView, description = "It will be sent at once."),
        (status = 409, description = "The webhook is disabled."),
        AnyProblem
    )
)]
async fn replay(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Ids(webhook, delivery): Ids,
) -> Result<impl IntoResponse, Problem> {
    let delivery = app.service.replay_delivery(&caller, webhook, delivery).await?;
    Ok((StatusCode::ACCEPTED, Json(DeliveryView::from(delivery))))
}

/// What is sent once more.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Replay, example = json!({"since": "2026-01-31T09:00:00Z"}))]
struct Since {
    /// Deliveries made since then; where nothing is said, all that are remembered.
    since: Option<String>,
}

/// How much is sent once more.
#[derive(Serialize, ToSchema)]
#[schema(as = Replayed, example = json!({"replayed": 12, "more": false}))]
struct ReplayedView {
    /// How many deliveries.
    replayed: u64,
    /// Whether there may be more: ask again.
    more: bool,
}

/// Send once more what was sent in vain.
///
/// What was given up, or waits long for its next try; about a thousand a call. Each delivery keeps its `webhook-id`.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", tag = "webhooks", request_body = Since,
    params(("id" = String, Path, description = "The webhook's id.")),
    responses(
        (status = 202, body = ReplayedView, description = "They will be sent at once."),
        (status = 409, description = "The webhook is disabled."),
        AnyProblem
    )
)]
async fn replay_failed(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<WebhookId>,
    JsonBody { value: Since { since }, .. }: JsonBody<Since>,
) -> Result<impl IntoResponse, Problem> {
    let since = since.as_deref().map_or(Ok(Timestamp::default()), moment)?;
    let Replayed { deliveries, is_more } = app.service.replay_failed(&caller, id, since).await?;
    Ok((StatusCode::ACCEPTED, Json(ReplayedView { replayed: deliveries, more: is_more })))
}

fn moment(text: &str) -> Result<Timestamp, Problem> {
    Timestamp::from_rfc3339(text).ok_or_else(|| {
        Problem::invalid(format!("since is `{text}`; it must be as `2026-01-31T09:00:00Z` (RFC 3339)"))
    })
}
