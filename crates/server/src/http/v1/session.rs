//! Signing in and out, and who is signed in.

use axum::extract::{FromRequest, Request, State};
use axum::http::StatusCode;
use axum::http::header::SET_COOKIE;
use axum::response::{IntoResponse, Response};
use reelmill_core::{Door, User};
use reelmill_service::Entrance;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::http::caller::{InSession, set_cookie};
use crate::http::json::JsonBody;
use crate::http::openapi::AnyProblem;
use crate::http::{App, Json, Peer, Problem, SignedIn, basic};

pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new().routes(routes!(sign_in, sign_out)).routes(routes!(me, change_me))
}

/// A sign-in.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Login, example = json!({"login": "me@example.org", "password": "correct horse battery staple"}))]
struct SignIn {
    /// The account's address or name. Either this or `email`.
    login: Option<String>,
    /// The same as `login`.
    email: Option<String>,
    /// Its password.
    password: String,
}

/// A session that has begun.
#[derive(Serialize, ToSchema)]
#[schema(as = Session)]
struct SessionView {
    /// What later requests carry as `Authorization: Bearer`.
    token: String,
    /// When it ends.
    expires_at: String,
    /// Who signed in.
    user: UserView,
}

/// An account.
#[derive(Serialize, ToSchema)]
#[schema(as = User, example = json!({"id": "0193a1b2-0000-7000-8000-000000000001", "email": "me@example.org", "name": "me", "role": "member", "email_notifications": false}))]
pub(super) struct UserView {
    /// Its id.
    id: String,
    /// Its address.
    email: String,
    /// The name to be called by.
    name: String,
    /// What it may do.
    #[schema(value_type = String, pattern = "^(guest|member|admin)$")]
    role: &'static str,
    /// Whether it is written to when one of its jobs ends. The converter's and the tasks' doors write in any case.
    email_notifications: bool,
}

impl From<User> for UserView {
    fn from(user: User) -> Self {
        Self {
            id: user.id.to_string(),
            email: user.email,
            name: user.name,
            role: user.role.as_str(),
            email_notifications: user.email_notifications,
        }
    }
}

/// What is to change about the caller's account.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AccountChange, example = json!({"email_notifications": true}))]
struct Change {
    /// Whether to be written to when a job ends.
    email_notifications: bool,
}

/// Sign in.
///
/// By JSON or by `Authorization: Basic`. Browsers are given the token as a cookie, too.
#[utoipa::path(
    post, path = "/v1/session", tag = "session", request_body = SignIn, security((), ("basic" = [])),
    responses((status = 200, body = SessionView, description = "The session has begun."), AnyProblem)
)]
async fn sign_in(State(app): State<App>, request: Request) -> Result<Response, Problem> {
    let peer = Peer::of(&app, request.extensions(), request.headers());
    let (login, password) = credentials(request).await?;
    let entrance = Entrance { door: Door::V1, peer: peer.address };
    let session = app.service.sign_in(&login, password, entrance).await?;
    let lifetime_s = app.service.options().session.as_secs();
    let cookie = set_cookie(session.token.expose_secret(), lifetime_s, app.settings.is_https)?;
    let view = SessionView {
        token: session.token.expose_secret().to_owned(),
        expires_at: session.expires_at.to_string(),
        user: session.caller.user.into(),
    };
    Ok(([(SET_COOKIE, cookie)], Json(view)).into_response())
}

async fn credentials(request: Request) -> Result<(String, SecretString), Problem> {
    if let Some(given) = basic(request.headers()) {
        return given.ok_or_else(|| {
            Problem::unauthenticated("the header Authorization is no Basic that can be read")
        });
    }
    let JsonBody { value: SignIn { login, email, password }, .. } =
        JsonBody::from_request(request, &()).await?;
    match (login, email) {
        (Some(login), None) | (None, Some(login)) => Ok((login, SecretString::from(password))),
        _ => Err(Problem::invalid("the JSON body is wrong: give one of `login` and `email`")),
    }
}

/// Sign out.
///
/// Ends the token that the request carries, and takes the cookie away.
#[utoipa::path(
    delete, path = "/v1/session", tag = "session",
    responses((status = 204, description = "The session has ended."), AnyProblem)
)]
async fn sign_out(State(app): State<App>, InSession(claims): InSession) -> Result<Response, Problem> {
    app.service.sign_out(&claims).await?;
    Ok((StatusCode::NO_CONTENT, [(SET_COOKIE, set_cookie("", 0, app.settings.is_https)?)]).into_response())
}

/// Who is signed in.
#[utoipa::path(
    get, path = "/v1/me", tag = "session",
    responses((status = 200, body = UserView, description = "The caller's account."), AnyProblem)
)]
async fn me(SignedIn(caller): SignedIn) -> Json<UserView> {
    Json(caller.user.into())
}

/// Change the caller's account.
///
/// Where the notifier is a mail server, it writes to an account of its jobs once the account has said so here; what is
/// converted at the converter's or the tasks' door is written of in any case, as their contracts promise.
#[utoipa::path(
    patch, path = "/v1/me", tag = "session", request_body = Change,
    responses((status = 200, body = UserView, description = "The account as it is now."), AnyProblem)
)]
async fn change_me(
    State(app): State<App>,
    SignedIn(caller): SignedIn,
    JsonBody { value: change, .. }: JsonBody<Change>,
) -> Result<Json<UserView>, Problem> {
    let user = app.service.set_email_notifications(&caller, change.email_notifications).await?;
    Ok(Json(user.into()))
}
