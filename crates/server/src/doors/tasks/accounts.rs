//! Signing up and in at the tasks' door.

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use reelmill_core::{Door, Kind, Role};
use reelmill_service::{Entrance, Error, SignUp};
use secrecy::{ExposeSecret as _, SecretString};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::{ErrorBody, Refusal};
use crate::http::{App, Json, JsonBody, Peer};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_up)).routes(routes!(login))
}

/// An account that somebody wants.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with user, email, password1 and password2")]
#[schema(as = TaskSignUp, example = json!({"user": "ann", "email": "ann@example.org", "password1": "correct horse", "password2": "correct horse"}))]
struct Wanted {
    /// The name to be called by.
    #[schema(required)]
    user: Option<String>,
    /// The same as `user`.
    username: Option<String>,
    /// The address.
    #[schema(required)]
    email: Option<String>,
    /// The password.
    #[schema(required)]
    password1: Option<String>,
    /// The password once more.
    #[schema(required)]
    password2: Option<String>,
}

/// That it was done.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskMessage)]
pub(super) struct Message {
    /// In a sentence.
    pub(super) message: &'static str,
}

/// Make an account.
#[utoipa::path(
    post, path = "/api/auth/signup", tag = "tasks", request_body = Wanted, security(()),
    responses(
        (status = 200, description = "The account is there.", body = Message),
        (status = 400, description = "The first of these that is so: `A user with this email already exists`, `Invalid email`, `A user with this username already exists`, `Passwords don't match`, `Bad request` (with the reason in `message`).", body = ErrorBody),
        (status = 403, description = "Nobody can sign up here.", body = ErrorBody),
        (status = 429, description = "Too many accounts from this address.", body = ErrorBody)
    )
)]
async fn sign_up(State(app): State<App>, peer: Peer, request: Request) -> Result<Json<Message>, Refusal> {
    let Wanted { user, username, email, password1, password2 } = read(request).await?;
    let name = named([user, username]).ok_or_else(|| Refusal::bad("Bad request"))?;
    let wish = SignUp {
        name,
        email: email.unwrap_or_default(),
        password: password1.unwrap_or_default().into(),
        again: Some(password2.unwrap_or_default().into()),
        role: Role::Member,
        peer: peer.address,
    };
    app.service.sign_up(wish).await.map_err(refused)?;
    Ok(Json(Message { message: "User created successfully" }))
}

fn refused(error: Error) -> Refusal {
    let words = match (error.problem, error.kind) {
        ("email-taken", _) => "A user with this email already exists",
        ("invalid-email", _) => "Invalid email",
        ("name-taken", _) => "A user with this username already exists",
        ("passwords-differ", _) => "Passwords don't match",
        (_, Kind::Invalid) => return Refusal::bad("Bad request").about(error.detail),
        _ => return error.into(),
    };
    Refusal::bad(words)
}

/// Who signs in.
#[derive(Deserialize, ToSchema)]
#[serde(expecting = "an object with email and password")]
#[schema(as = TaskLogin, example = json!({"email": "ann@example.org", "password": "correct horse"}))]
struct Login {
    /// The account's address or name. Either this or `username`.
    email: Option<String>,
    /// The same as `email`.
    username: Option<String>,
    /// Its password.
    #[schema(required)]
    password: Option<String>,
}

/// What later requests carry.
#[derive(Serialize, ToSchema)]
#[schema(as = TaskToken)]
struct Token {
    /// As `Authorization: Bearer`; good for 15 minutes.
    token: String,
}

/// Sign in.
#[utoipa::path(
    post, path = "/api/auth/login", tag = "tasks", request_body = Login, security(()),
    responses(
        (status = 200, description = "The token.", body = Token),
        (status = 400, description = "`Bad request`", body = ErrorBody),
        (status = 401, description = "`Bad credentials`", body = ErrorBody),
        (status = 429, description = "Too many sign-ins failed.", body = ErrorBody)
    )
)]
async fn login(State(app): State<App>, peer: Peer, request: Request) -> Result<Json<Token>, Refusal> {
    let Login { email, username, password } = read(request).await?;
    let (Some(login), Some(password)) = (named([email, username]), named([password])) else {
        return Err(Refusal::bad("Bad request"));
    };
    let entrance = Entrance { door: Door::Tasks, peer: peer.address };
    let session = app.service.sign_in(&login, SecretString::from(password), entrance).await;
    let session = session.map_err(|error| match error.kind {
        Kind::Unauthenticated => Refusal::saying("Bad credentials", error),
        _ => error.into(),
    })?;
    Ok(Json(Token { token: session.token.expose_secret().to_owned() }))
}

/// The first that is there and says something.
fn named<const N: usize>(given: [Option<String>; N]) -> Option<String> {
    given.into_iter().flatten().find(|text| !text.trim().is_empty())
}

/// A body in JSON, or the contract's word for what is none.
pub(super) async fn read<T: DeserializeOwned>(request: Request) -> Result<T, Refusal> {
    let body = JsonBody::from_request(request, &()).await;
    body.map(|body: JsonBody<T>| body.value).map_err(|problem| match problem.status {
        StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE => {
            Refusal::bad("Bad request").about(problem.detail)
        }
        _ => problem.into(),
    })
}
