//! Accounts that visitors of the site make themselves.

use axum::extract::State;
use reelmill_core::Role;
use reelmill_service::{Error, SignUp};
use secrecy::SecretString;
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Message;
use crate::http::{App, Json, JsonBody, Peer, Problem};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(register))
}

/// A newcomer.
#[derive(Deserialize, ToSchema)]
#[schema(as = VideoRegisterForm)]
struct Form {
    /// What to be called.
    name: String,
    /// The address.
    email: String,
    /// The password.
    #[schema(format = Password)]
    password: String,
    /// Ignored: a newcomer is a guest.
    #[expect(dead_code, reason = "taken so that it is documented, and never looked at")]
    role: Option<String>,
}

/// Make an account.
#[utoipa::path(
    post, path = "/api/user/register", tag = "video", security(()), request_body = Form,
    responses(
        (status = 200, body = Message, description = "`success` or `already exists`"),
        (status = 400, body = Message, description = "No address, or a password that is too short."),
        (status = 403, body = Message, description = "Nobody can sign up here."),
        (status = 429, body = Message, description = "Too many accounts from this address.")
    )
)]
async fn register(
    State(app): State<App>,
    peer: Peer,
    body: JsonBody<Form>,
) -> Result<Json<Message>, Problem> {
    let Form { name, email, password, .. } = body.value;
    let password = SecretString::from(password);
    let wish = SignUp { name, email, password, again: None, role: Role::Guest, peer: peer.address };
    Ok(Json(Message { message: outcome(app.service.sign_up(wish).await)?.to_owned() }))
}

/// A sign-up in the contract's words; what it has no words for is an error.
pub(super) fn outcome<T>(signed_up: Result<T, Error>) -> Result<&'static str, Error> {
    match signed_up {
        Ok(_) => Ok("success"),
        Err(error) if matches!(error.problem, "email-taken" | "name-taken" | "account-exists") => {
            Ok("already exists")
        }
        Err(error) => Err(error),
    }
}
