//! API keys: made, listed without their secrets, deleted.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use reelmill_core::{ApiKey, ApiKeyId};
use secrecy::ExposeSecret as _;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::json::JsonBody;
use crate::http::openapi::AnyProblem;
use crate::http::query::List;
use crate::http::{App, Id, Json, Problem, SignedIn};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(add, list)).routes(routes!(remove))
}

/// A key that is wished.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "backup script"}))]
struct NewKey {
    /// What to know it by.
    name: String,
}

/// An API key without its secret.
#[derive(Serialize, ToSchema)]
#[schema(as = ApiKey)]
struct KeyView {
    /// Its id.
    id: String,
    /// What its owner calls it.
    name: String,
    /// When it was made.
    created_at: String,
}

/// An API key that was just made.
#[derive(Serialize, ToSchema)]
#[schema(as = NewApiKey)]
struct NewKeyView {
    #[serde(flatten)]
    key: KeyView,
    /// The key itself. It is shown this once.
    secret: String,
}

impl From<ApiKey> for KeyView {
    fn from(key: ApiKey) -> Self {
        Self { id: key.id.to_string(), name: key.name, created_at: key.created_at.to_string() }
    }
}

/// Make an API key.
#[utoipa::path(
    post, path = "/v1/keys", tag = "session", request_body = NewKey,
    responses((status = 201, body = NewKeyView, description = "The key, shown this once."), AnyProblem)
)]
async fn add(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    body: JsonBody<NewKey>,
) -> Result<impl IntoResponse, Problem> {
    let made = app.service.add_api_key(&caller, &body.value.name).await?;
    Ok((
        StatusCode::CREATED,
        Json(NewKeyView { key: made.key.into(), secret: made.secret.expose_secret().to_owned() }),
    ))
}

/// List the caller's API keys.
#[utoipa::path(
    get, path = "/v1/keys", tag = "session",
    responses((status = 200, body = List<KeyView>, description = "All of them; there are at most 100."), AnyProblem)
)]
async fn list(State(app): State<App>, SignedIn(caller): SignedIn) -> Result<Json<List<KeyView>>, Problem> {
    let keys = app.service.api_keys(&caller).await?;
    Ok(Json(List::whole(keys.into_iter().map(KeyView::from).collect())))
}

/// Delete an API key.
#[utoipa::path(
    delete, path = "/v1/keys/{id}", tag = "session", params(("id" = String, Path, description = "The key's id.")),
    responses((status = 204, description = "From now on it is refused."), AnyProblem)
)]
async fn remove(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    Id(id): Id<ApiKeyId>,
) -> Result<StatusCode, Problem> {
    app.service.remove_api_key(&caller, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
