//! Our own API: JSON over the service, one module a noun.

mod convert;
mod events;
mod imports;
mod jobs;
mod keys;
mod media;
mod outputs;
mod profiles;
mod queue;
mod session;
mod thumbnails;
mod uploads;
mod users;
mod videos;
mod webhooks;

use utoipa_axum::router::OpenApiRouter;

use super::App;

pub use webhooks::webhook_body;

/// Every route of `/v1`, documented.
pub(super) fn router() -> OpenApiRouter<App> {
    OpenApiRouter::new()
        .merge(session::router())
        .merge(keys::router())
        .merge(media::router())
        .merge(uploads::router())
        .merge(imports::router())
        .merge(jobs::router())
        .merge(queue::router())
        .merge(events::router())
        .merge(outputs::router())
        .merge(profiles::router())
        .merge(convert::router())
        .merge(users::router())
        .merge(videos::router())
        .merge(webhooks::router())
        .merge(thumbnails::router())
}

/// Signing in and out alone.
pub(super) fn session_router() -> OpenApiRouter<App> {
    session::router()
}
