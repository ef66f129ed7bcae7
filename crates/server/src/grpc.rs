//! gRPC beside HTTP: the services on the same router, and what they share.
//!
//! A call passes what every request passes (the observer, the rules for browsers) and then [`speak`], which sees to
//! it that whatever comes back, from a refused Host to a panic, is a gRPC status.

mod health;
mod speak;
mod speaker;
mod status;
pub(crate) mod wire;

use std::convert::Infallible;

use axum::Router;
use axum::body::Body;
use axum::http::{Request, Response};
use axum::middleware::from_fn;
use tonic::server::NamedService;
use tower::Service;

pub(crate) use speak::speak;
pub(crate) use speaker::Speaker;
pub(crate) use status::refusal;

use crate::http::App;

/// The services of a process that answers clients.
pub(crate) fn router(app: &App) -> Router<App> {
    crate::doors::video::rpc(app).merge(health_router(app)).merge(health::reflection())
}

/// What every process answers by gRPC: how it is.
pub(crate) fn health_router(app: &App) -> Router<App> {
    health::router(app)
}

/// A service's methods as routes, a metric's series each.
pub(crate) fn methods_of<S: Mounted>(descriptors: &[u8], service: S) -> Router<App> {
    some_methods_of(descriptors, service, |_| true)
}

/// Those of a service's methods whose names `which` takes, as routes.
#[expect(clippy::needless_pass_by_value, reason = "made where it is given")]
pub(crate) fn some_methods_of<S: Mounted>(
    descriptors: &[u8],
    service: S,
    which: impl Fn(&str) -> bool,
) -> Router<App> {
    let methods = wire::methods(descriptors, S::NAME).into_iter().filter(|method| which(method));
    let mount = |router: Router<App>, method: String| {
        router.route_service(&format!("/{}/{method}", S::NAME), service.clone())
    };
    methods.fold(Router::new(), mount).layer(from_fn(speak::only_grpc))
}

/// A service as the protos' code has it.
pub(crate) trait Mounted:
    Service<Request<Body>, Response = Response<tonic::body::Body>, Error = Infallible, Future: Send + 'static>
    + NamedService
    + Clone
    + Send
    + Sync
    + 'static
{
}

impl<S> Mounted for S where
    S: Service<
            Request<Body>,
            Response = Response<tonic::body::Body>,
            Error = Infallible,
            Future: Send + 'static,
        > + NamedService
        + Clone
        + Send
        + Sync
        + 'static
{
}
