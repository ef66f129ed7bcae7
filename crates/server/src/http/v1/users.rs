//! Accounts that people make themselves, where the operator lets them.

use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode};
use reelmill_core::Role;
use reelmill_service::SignUp;
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::session::UserView;
use crate::http::json::JsonBody;
use crate::http::openapi::AnyProblem;
use crate::http::{App, Json, Peer, Problem};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(register))
}

/// An account that somebody wants.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"name": "ann", "email": "ann@example.org", "password": "correct horse battery staple"}))]
struct Registration {
    /// The name to be called by; empty, the address is taken.
    #[serde(default)]
    name: String,
    /// The address. It and the name are both unique, and either signs in.
    email: String,
    /// The password, of 8 characters at least.
    password: String,
}

/// Make an account for oneself.
///
/// Possible where the setting `signup` is `open`. The account is a guest's: it watches, and an administrator can make
/// more of it.
#[utoipa::path(
    post, path = "/v1/users", tag = "session", request_body = Registration, security(()),
    responses(
        (status = 201, body = UserView, description = "The account is there; sign in with it."),
        (status = 403, description = "Sign-up is off here."),
        (status = 409, description = "The address or the name is taken."),
        AnyProblem
    )
)]
async fn register(
    State(app): State<App>,
    extensions: Extensions,
    headers: HeaderMap,
    JsonBody { value: wanted, .. }: JsonBody<Registration>,
) -> Result<(StatusCode, Json<UserView>), Problem> {
    let sign_up = SignUp {
        name: wanted.name,
        email: wanted.email,
        password: SecretString::from(wanted.password),
        again: None,
        role: Role::Guest,
        peer: Peer::of(&app, &extensions, &headers).address,
    };
    let user = app.service.sign_up(sign_up).await?;
    Ok((StatusCode::CREATED, Json(user.into())))
}
