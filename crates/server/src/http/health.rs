//! Whether the process lives, and whether it can do its work.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{App, Json};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(live)).routes(routes!(ready))
}

/// Whether requests can be answered.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"status": "degraded", "parts": {"catalog": "ok", "objects": "ok", "doorbell": "unavailable", "notifier": "ok"}}))]
struct Readiness {
    /// `ready`, `degraded` where something is missing that requests can do without, `unavailable` or `draining`.
    #[schema(value_type = String)]
    status: &'static str,
    /// Each part, `ok` or `unavailable`.
    #[schema(value_type = BTreeMap<String, String>)]
    parts: BTreeMap<&'static str, &'static str>,
}

/// Ask whether the process lives.
///
/// Orchestrators restart by this alone, so nothing behind the process matters to it.
#[utoipa::path(
    get, path = "/healthz", tag = "operation", security(()),
    responses((status = 200, description = "`ok`", body = String, content_type = "text/plain"))
)]
async fn live() -> &'static str {
    "ok"
}

/// Ask whether requests can be answered.
///
/// Every part is tried. Why one cannot be used is in the log, since anybody may ask here.
#[utoipa::path(
    get, path = "/readyz", tag = "operation", security(()),
    responses(
        (status = 200, description = "They can.", body = Readiness),
        (status = 503, description = "Catalog or objects cannot be used, or the process drains.", body = Readiness)
    )
)]
async fn ready(State(app): State<App>) -> Response {
    let readiness = app.service.readiness().await;
    let (code, status) = if app.draining.is_cancelled() {
        (StatusCode::SERVICE_UNAVAILABLE, "draining")
    } else if !readiness.is_ready() {
        (StatusCode::SERVICE_UNAVAILABLE, "unavailable")
    } else if readiness.is_degraded() {
        (StatusCode::OK, "degraded")
    } else {
        (StatusCode::OK, "ready")
    };
    let state = |wrong: Option<String>| if wrong.is_none() { "ok" } else { "unavailable" };
    let parts = readiness.parts.into_iter().map(|(part, _, wrong)| (part, state(wrong))).collect();
    (code, Json(Readiness { status, parts })).into_response()
}
