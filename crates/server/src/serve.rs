//! `reelmill serve`: wires the backends, the service and the HTTP layer together, and runs them until it is stopped.

use std::future::ready;
use std::net::SocketAddr;
use std::pin::Pin;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use reelmill::http::{self, App, Trust};
use reelmill_service::Roles;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::{Instant, timeout_at};
use tokio_util::sync::CancellationToken;
use tracing::{error, info};

use crate::config::{Config, Gate, Role};
use crate::data_dir::Lock;
use crate::first_start;
use crate::wiring::{self, Wired};

/// How long requests may go on at least, once the conversions have ended; else to the end of the drain time.
const LAST_REQUESTS: Duration = Duration::from_secs(5);

/// A listener that answers.
type Serving = Pin<Box<dyn Future<Output = std::io::Result<()>> + Send>>;

/// Serves the configured roles until SIGTERM or Ctrl-C, then drains. A second signal ends it at once.
pub(crate) fn run(config: Config) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let served = runtime.block_on(serve(config));
    // A conversion that does not heed its cancel must not hold the process.
    runtime.shutdown_timeout(Duration::from_secs(1));
    // The folder is given up once nothing writes to it any more.
    served.map(|(code, lock)| {
        drop(lock);
        code
    })
}

async fn serve(config: Config) -> anyhow::Result<(ExitCode, Option<Lock>)> {
    let mut signals = Signals::listen()?;
    let Wired { service, lock } = wiring::open_to_serve(&config).await?;
    let listener = TcpListener::bind(config.listen).await.with_context(|| {
        format!("cannot listen on {}; give another address or port with --listen", config.listen)
    })?;
    let address = listener.local_addr()?;
    let grpc = match config.grpc_listen {
        Some(wish) => Some(TcpListener::bind(wish).await.with_context(|| {
            format!("cannot listen for gRPC on {wish}; give another address or port with --grpc-listen")
        })?),
        None => None,
    };
    first_start::make_admin(&service, &config, &format!("http://{address}")).await?;

    let roles = Roles {
        converter: config.roles.has(Role::Converter),
        notification: config.roles.has(Role::Notification),
    };
    let running = service.start(roles).await?;
    let (draining, closing) = (CancellationToken::new(), CancellationToken::new());
    let app = App::new(service, settings(&config, address), draining.clone());
    let grpc = grpc.map(|listener| serve_grpc(listener, &config, &app, closing.clone())).transpose()?;
    let http = http::serve(listener, router(&config, app), closing.clone());
    let mut serving = tokio::spawn(async {
        tokio::try_join!(http, async { grpc.unwrap_or_else(|| Box::pin(ready(Ok(())))).await })
    });
    info!(%address, roles = %config.roles, catalog = %config.catalog, objects = %config.objects, "serving");
    announce(&config, address);

    let mut is_superseded = false;
    tokio::select! {
        ended = &mut serving => {
            ended??;
            anyhow::bail!("the listener on {address} ended by itself");
        }
        () = signals.stop_asked() => {}
        () = running.superseded() => is_superseded = true,
    }
    draining.cancel();
    if is_superseded {
        error!(
            "another process was started by this worker's name; the older one ends, and its jobs go on there"
        );
        running.give_back().await;
        return Ok((ExitCode::FAILURE, lock));
    }
    info!("stopping; a second signal ends at once");
    let code = tokio::select! {
        () = async {
            let ends = Instant::now() + config.drain;
            running.drain().await;
            closing.cancel();
            let _ = timeout_at(ends.max(Instant::now() + LAST_REQUESTS), serving).await;
        } => {
            info!("stopped");
            ExitCode::SUCCESS
        }
        () = signals.stop_asked() => ExitCode::from(130),
    };
    Ok((code, lock))
}

/// Answers gRPC alone on a listener of its own, by the rules that go with that listener's address.
fn serve_grpc(
    listener: TcpListener,
    config: &Config,
    app: &App,
    closing: CancellationToken,
) -> anyhow::Result<Serving> {
    let address = listener.local_addr()?;
    info!(%address, "serving gRPC");
    println!("Reelmill serves gRPC on {address}");
    let app = App { settings: Arc::new(settings(config, address)), ..app.clone() };
    let router =
        if config.roles.has(Role::Gateway) { http::grpc_router(app) } else { http::health_router(app) };
    Ok(Box::pin(http::serve(listener, router, closing)))
}

/// What this process answers, by its roles; health and metrics always.
fn router(config: &Config, app: App) -> axum::Router {
    if config.roles.has(Role::Gateway) {
        http::router(app)
    } else if config.roles.has(Role::Auth) {
        http::auth_router(app)
    } else {
        http::health_router(app)
    }
}

fn settings(config: &Config, address: SocketAddr) -> http::Settings {
    let ranges = config.metrics_allow.clone();
    let proxies = config.trusted_proxies.clone();
    let is_loopback = address.ip().is_loopback();
    let trust = |gate: Option<Gate>| match gate {
        Some(Gate::Open) => Trust::Everybody,
        None if is_loopback => Trust::ThisMachine,
        Some(Gate::Token) | None => Trust::Nobody,
    };
    http::Settings {
        is_loopback,
        trusted_proxy: Arc::new(move |peer| proxies.iter().any(|range| range.contains(peer))),
        audio_trust: trust(config.audio_api),
        audio_profile: config.audio_profile.0.to_owned(),
        audio_bitrate_kbps: u32::from(config.audio_bitrate.get()),
        video_trust: trust(config.video_grpc),
        hosts: config.hosts.iter().map(|host| host.0.clone()).collect(),
        metrics_peer: Arc::new(move |peer| ranges.iter().any(|range| range.contains(peer))),
        is_https: config.https,
        convert_limit_bytes: config.convert_limit.0,
        redirects_content: config.redirect_content,
        ..http::Settings::default()
    }
}

/// The signals that ask for a stop, heard from the start of the process on: none that comes between two waits is lost.
struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    fn listen() -> std::io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    async fn stop_asked(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

fn announce(config: &Config, address: SocketAddr) {
    println!("Reelmill {} serves on http://{address}", env!("CARGO_PKG_VERSION"));
    println!("  page      http://{address}/");
    println!("  API       http://{address}/docs");
    println!("  data      {}", config.data_dir.display());
    println!("Ctrl-C stops it: conversions get {} s to end.", config.drain.as_secs());
}
