//! Health by gRPC, in the standard's words and in the video site's, which are the same: what /readyz says, at once or
//! for as long as somebody watches. And reflection, by which a client finds out what there is.

use std::pin::Pin;
use std::time::Duration;

use axum::Router;
use futures_util::{Stream, StreamExt, stream};
use tonic::{Request, Response, Status};
use tonic_health::pb as standard;

use super::wire::{self, healthcheck as ours};
use super::{methods_of, status};
use crate::http::App;

/// Between two looks for somebody who watches.
const LOOK: Duration = Duration::from_secs(1);

/// The services whose health can be asked for; the whole server's is that of the empty name.
const SERVICES: [&str; 6] = [
    "s3video.Videotransporter",
    "s3image.Imagetransporter",
    "user.Profile",
    "healthcheck.Greeter",
    "healthcheck.Health",
    "grpc.health.v1.Health",
];

pub(super) fn router(app: &App) -> Router<App> {
    let health = Health { app: app.clone() };
    let ours = ours::health_server::HealthServer::new(health.clone());
    let standard = standard::health_server::HealthServer::new(health);
    methods_of(wire::DESCRIPTORS, ours).merge(methods_of(tonic_health::pb::FILE_DESCRIPTOR_SET, standard))
}

/// Reflection in both its versions: clients still ask for the old one.
pub(super) fn reflection() -> Router<App> {
    use tonic_reflection::pb::{v1, v1alpha};
    let builder = || {
        tonic_reflection::server::Builder::configure()
            .register_encoded_file_descriptor_set(wire::DESCRIPTORS)
            .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
    };
    match (builder().build_v1(), builder().build_v1alpha()) {
        (Ok(new), Ok(old)) => {
            methods_of(v1::FILE_DESCRIPTOR_SET, new).merge(methods_of(v1alpha::FILE_DESCRIPTOR_SET, old))
        }
        // The descriptors are made by the build, so that this cannot be; a test calls it.
        _ => Router::new(),
    }
}

#[derive(Clone)]
struct Health {
    app: App,
}

/// How a service is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Serving,
    NotServing,
    Unknown,
}

impl Health {
    async fn of(&self, service: &str) -> State {
        if !service.is_empty() && !SERVICES.contains(&service) {
            State::Unknown
        } else if !self.app.draining.is_cancelled() && self.app.service.readiness().await.is_ready() {
            State::Serving
        } else {
            State::NotServing
        }
    }

    async fn now(&self, service: &str) -> Result<State, Status> {
        match self.of(service).await {
            State::Unknown => Err(status::refusal(reelmill_service::Error::not_found("service"))),
            state => Ok(state),
        }
    }

    /// Each state as it comes; the last is the one that the end of the process brings.
    fn changes(&self, service: String) -> impl Stream<Item = State> + Send + 'static {
        let begin = (self.clone(), service, None);
        stream::unfold(begin, |(health, service, told)| async move {
            loop {
                let is_over = health.app.draining.is_cancelled();
                let state = health.of(&service).await;
                if Some(state) != told {
                    return Some((state, (health, service, Some(state))));
                }
                if is_over {
                    return None;
                }
                tokio::select! {
                    () = tokio::time::sleep(LOOK) => {}
                    () = health.app.draining.cancelled() => {}
                }
            }
        })
    }
}

macro_rules! health_service {
    ($package:ident) => {
        #[tonic::async_trait]
        impl $package::health_server::Health for Health {
            type WatchStream =
                Pin<Box<dyn Stream<Item = Result<$package::HealthCheckResponse, Status>> + Send>>;

            async fn check(
                &self,
                request: Request<$package::HealthCheckRequest>,
            ) -> Result<Response<$package::HealthCheckResponse>, Status> {
                self.now(&request.into_inner().service).await.map(|state| Response::new(state.into()))
            }

            async fn watch(
                &self,
                request: Request<$package::HealthCheckRequest>,
            ) -> Result<Response<Self::WatchStream>, Status> {
                let changes = self.changes(request.into_inner().service);
                Ok(Response::new(Box::pin(changes.map(|state| Ok(state.into())))))
            }
        }

        impl From<State> for $package::HealthCheckResponse {
            fn from(state: State) -> Self {
                use $package::health_check_response::ServingStatus;
                let status = match state {
                    State::Serving => ServingStatus::Serving,
                    State::NotServing => ServingStatus::NotServing,
                    State::Unknown => ServingStatus::ServiceUnknown,
                };
                Self { status: status.into() }
            }
        }
    };
}

health_service!(ours);
health_service!(standard);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_of_ours_can_be_asked_for_and_has_methods() {
        for service in SERVICES {
            let is_standard = service.starts_with("grpc.");
            let descriptors =
                if is_standard { tonic_health::pb::FILE_DESCRIPTOR_SET } else { wire::DESCRIPTORS };
            assert!(!wire::methods(descriptors, service).is_empty(), "{service}");
        }
        assert_eq!(wire::methods(wire::DESCRIPTORS, "s3video.Videotransporter").len(), 6);
    }
}
