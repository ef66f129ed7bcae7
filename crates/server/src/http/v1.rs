//! Our own API: JSON over the service, one module a noun.

mod convert;
mod jobs;
mod keys;
mod media;
mod outputs;
mod profiles;
mod session;

use utoipa_axum::router::OpenApiRouter;

use super::App;

/// Every route of `/v1`, documented.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(session::router())
        .merge(keys::router())
        .merge(media::router())
        .merge(jobs::router())
        .merge(outputs::router())
        .merge(profiles::router())
        .merge(convert::router())
}

/// Signing in and out alone.
pub(super) fn session_router() -> OpenApiRouter<App> {
    session::router()
}
