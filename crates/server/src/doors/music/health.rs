//! Whether the parts behind the door work, each by name.
//!
//! Anybody may ask, so the answer says that a part cannot be used and the log says why. A part that requests can do
//! without is told as sick, but the answer stays 200: a balancer must not take the process out for it.

use std::collections::BTreeMap;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::refusal::Answer;
use super::words;
use crate::http::App;

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(health)).routes(routes!(health_v1))
}

/// The parts and how they are.
#[derive(Serialize, ToSchema)]
#[schema(as = MusicHealth, example = json!({"services": {"catalog": "saludable", "objects": "saludable"}, "status": "Todos los servicios son saludables."}))]
struct Health {
    /// Each part: `saludable`, or `indisponible: ` and why.
    #[schema(value_type = BTreeMap<String, String>)]
    services: BTreeMap<&'static str, String>,
    /// All of it in a sentence.
    #[schema(value_type = String)]
    status: &'static str,
}

/// Ask whether the service works.
#[utoipa::path(
    get, path = "/api/health", tag = "music", security(()),
    responses(
        (status = 200, body = Health, description = "It does; a part that it can do without may be `indisponible`."),
        (status = 503, body = Health, description = "A part that it needs does not, or it is being stopped.")
    )
)]
async fn health(State(app): State<App>) -> Response {
    let readiness = app.service.readiness().await;
    let is_draining = app.draining.is_cancelled();
    let (is_ready, is_whole) =
        (readiness.is_ready() && !is_draining, !readiness.is_degraded() && !is_draining);
    let mut services = BTreeMap::new();
    for (part, needed, wrong) in readiness.parts {
        services.insert(
            part,
            wrong.map_or_else(|| words::HEALTHY.to_owned(), |_| words::sick(needed).to_owned()),
        );
    }
    let process = if is_draining { words::STOPPING } else { words::HEALTHY };
    services.insert("process", process.to_owned());
    let status = if is_whole { words::ALL_HEALTHY } else { words::SOME_SICK };
    let code = if is_ready { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (code, Answer(Health { services, status })).into_response()
}

/// Ask whether the service works, at its later address.
#[utoipa::path(
    get, path = "/api/v1/health", tag = "music", security(()),
    responses((status = 200, body = Health, description = "As `/api/health`."))
)]
async fn health_v1(app: State<App>) -> Response {
    health(app).await
}
