//! HTTP: the router, its rules for browsers and content, and the one mapping of errors.
//!
//! A request passes, from the outside in: the observer (request id, log, metrics, panics), the rules for browsers, and
//! its handler, which extracts, calls the service once, and converts. Every answer that is an error is a [`Problem`].

mod browser;
mod caller;
mod content;
mod docs;
mod form;
mod health;
mod json;
pub(crate) mod line;
mod metrics;
mod multipart;
mod observe;
mod openapi;
mod peer;
mod problem;
mod problems;
mod query;
mod range;
mod serve;
mod socket;
mod upload;
mod v1;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::routing::get;
use reelmill_service::Service;
use tokio_util::sync::CancellationToken;

pub use caller::{SignedIn, Visitor, basic, bearer};
pub use content::{Offer, respond};
pub(crate) use content::{hand_out, show};
pub(crate) use form::{Fields, Form};
pub use json::Json;
pub(crate) use json::JsonBody;
pub use metrics::Metrics;
pub use observe::or_panic;
pub use peer::{Peer, Trust};
pub(crate) use problem::Cause;
pub use problem::Problem;
pub use query::{Id, Query};
pub(crate) use serve::Held;
pub use serve::serve;
pub(crate) use upload::picture_form;
pub use upload::{Incoming, one_file};
pub use v1::webhook_body;

/// What the server can be told, apart from what the service is told.
#[derive(Clone)]
pub struct Settings {
    /// Whether it listens on loopback only, so that another name in Host is a browser that was lied to.
    pub is_loopback: bool,
    /// Host names served besides loopback's, in lower case and without ports.
    pub hosts: Vec<String>,
    /// Whether clients come by https, so that cookies may insist on it.
    pub is_https: bool,
    /// Peers that read /metrics without a token, besides loopback.
    pub metrics_peer: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// Peers whose X-Forwarded-For names the caller.
    pub trusted_proxy: Arc<dyn Fn(IpAddr) -> bool + Send + Sync>,
    /// Who may call the music bot's door without a token.
    pub audio_trust: Trust,
    /// The profile of the music bot's songs.
    pub audio_profile: String,
    /// The bit rate of songs that cannot be copied, in kbit/s.
    pub audio_bitrate_kbps: u32,
    /// Who may say for whom they upload through the video site's gRPC.
    pub video_trust: Trust,
    /// The most bytes of a body of `POST /v1/convert`: the setting `convert_limit`.
    pub convert_limit_bytes: u64,
    /// Whether content on `/v1` is read from the store itself, where it has addresses for that.
    pub redirects_content: bool,
    /// How long `POST /v1/convert` waits for its job.
    pub convert_wait: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            is_loopback: true,
            hosts: Vec::new(),
            is_https: false,
            metrics_peer: Arc::new(|_| false),
            trusted_proxy: Arc::new(|_| false),
            audio_trust: Trust::ThisMachine,
            audio_profile: "dca".to_owned(),
            audio_bitrate_kbps: 64,
            video_trust: Trust::ThisMachine,
            convert_limit_bytes: 64 * 1024 * 1024,
            redirects_content: false,
            convert_wait: Duration::from_mins(10),
        }
    }
}

/// What every handler has. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct App {
    /// The verbs.
    pub service: Service,
    /// What the server was told.
    pub settings: Arc<Settings>,
    /// Set while the process drains: `/readyz` then says so.
    pub draining: CancellationToken,
    /// What is counted.
    pub metrics: Arc<Metrics>,
}

impl App {
    /// The application over its service.
    #[must_use]
    pub fn new(service: Service, settings: Settings, draining: CancellationToken) -> Self {
        Self { service, settings: Arc::new(settings), draining, metrics: Arc::default() }
    }
}

/// Every route with its rules around it.
pub fn router(app: App) -> Router {
    let (api, document) = openapi::split(
        v1::router()
            .merge(crate::doors::converter::router())
            .merge(crate::doors::tasks::router())
            .merge(crate::doors::music::router())
            .merge(crate::doors::video::router())
            .merge(health::router())
            .merge(metrics::router()),
    );
    let document: Arc<str> = document.into();
    let docs: Arc<str> = docs::content(&document).into();
    let routes = Router::new()
        .merge(api)
        .merge(crate::grpc::router(&app))
        .merge(crate::pages::router().layer(from_fn(crate::doors::tasks::or_success)))
        .merge(crate::pages::site())
        .route("/problems", get(problems::list))
        .route("/problems/{name}", get(problems::explain))
        .route("/openapi.json", get(move || std::future::ready(openapi::answer(&document))))
        .route("/docs", get(move |headers| std::future::ready(docs::answer(&docs, &headers))));
    with_rules(routes, app)
}

/// The routes of a process that signs in and does nothing else for clients.
pub fn auth_router(app: App) -> Router {
    let (routes, _) = openapi::split(
        v1::session_router()
            .merge(crate::doors::converter::auth_router())
            .merge(health::router())
            .merge(metrics::router()),
    );
    with_rules(routes.merge(crate::grpc::health_router(&app)), app)
}

/// The routes of a process that has no clients: for orchestrators and monitoring.
pub fn health_router(app: App) -> Router {
    let (routes, _) = openapi::split(health::router().merge(metrics::router()));
    with_rules(routes.merge(crate::grpc::health_router(&app)), app)
}

/// What a listener for gRPC alone answers.
pub fn grpc_router(app: App) -> Router {
    with_rules(crate::grpc::router(&app), app)
}

fn with_rules(routes: Router<App>, app: App) -> Router {
    routes
        .fallback(problem::no_route)
        .method_not_allowed_fallback(problem::no_method)
        .layer(from_fn_with_state(app.clone(), browser::same_origin))
        .layer(from_fn_with_state(app.clone(), browser::known_host))
        .layer(from_fn(browser::safe_headers))
        .layer(from_fn_with_state(app.clone(), crate::grpc::speak))
        .layer(from_fn_with_state(app.clone(), observe::observe))
        .with_state(app)
}
