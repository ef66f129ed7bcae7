//! Connections: as many as there is room for, each with its limits, all ended in order.
//!
//! HTTP/1.1 and HTTP/2 (by prior knowledge, as gRPC clients speak it) come on the same port: the first bytes tell.

mod http2;

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tower::ServiceExt as _;
use tracing::{debug, warn};

pub(crate) use http2::Held;

use super::socket::Socket;

/// Connections at once. Further ones wait in the system's queue.
const MOST_CONNECTIONS: usize = 4096;

/// How long a request's head may take, and how long a connection may be idle.
const HEAD_PATIENCE: Duration = Duration::from_secs(30);

/// The most bytes of a request's head.
const MOST_HEAD_BYTES: usize = 64 * 1024;

/// What a client of HTTP/2 begins with: RFC 9113, section 3.4.
const HTTP2_PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// How long answers that have begun may go on after the end was asked for.
const GRACE: Duration = Duration::from_secs(30);

/// Answers until `shutdown`, then lets the answers that have begun end.
pub async fn serve(listener: TcpListener, router: Router, shutdown: CancellationToken) -> io::Result<()> {
    let connections = TaskTracker::new();
    let cut = CancellationToken::new();
    let room = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        let arrival = async {
            let place = Arc::clone(&room).acquire_owned().await.map_err(io::Error::other)?;
            Ok::<_, io::Error>((listener.accept().await?, place))
        };
        let arrived = tokio::select! {
            () = shutdown.cancelled() => break,
            arrived = arrival => arrived,
        };
        match arrived {
            Ok(((stream, peer), place)) => {
                let answering = answer(stream, peer, router.clone(), shutdown.clone());
                let cut = cut.clone();
                connections.spawn(async move {
                    let _place = place;
                    cut.run_until_cancelled_owned(answering).await;
                });
            }
            Err(error) if is_the_peers(&error) => {}
            Err(error) => {
                // Out of file descriptors, most likely: some are free again in a moment.
                warn!(%error, "a connection could not be accepted");
                sleep(Duration::from_millis(200)).await;
            }
        }
    }
    drop(listener);
    connections.close();
    if timeout(GRACE, connections.wait()).await.is_err() {
        warn!(connections = connections.len(), "answers that did not end are cut");
        cut.cancel();
        connections.wait().await;
    }
    Ok(())
}

async fn answer(stream: TcpStream, peer: SocketAddr, router: Router, shutdown: CancellationToken) {
    // Small answers must not wait for large ones to be filled up; where this fails, they wait.
    let _ = stream.set_nodelay(true);
    let mut socket = Socket::new(stream);
    let is_http2 = tokio::select! {
        begun = timeout(HEAD_PATIENCE, socket.begins_with(HTTP2_PREFACE)) => match begun {
            Ok(Ok(is_http2)) => is_http2,
            Ok(Err(_)) | Err(_) => return,
        },
        () = shutdown.cancelled() => return,
    };
    let ended = if is_http2 {
        http2::answer(socket, peer, router, shutdown).await
    } else {
        answer_http1(socket, peer, router, shutdown).await
    };
    if let Err(error) = ended {
        debug!(%peer, %error, "a connection ended early");
    }
}

async fn answer_http1(
    socket: Socket<TcpStream>,
    peer: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
) -> hyper::Result<()> {
    let service = service_fn(move |request| route(router.clone(), peer, request));
    let mut builder = http1::Builder::new();
    builder.timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE).max_buf_size(MOST_HEAD_BYTES);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service).with_upgrades());
    tokio::select! {
        ended = connection.as_mut() => ended,
        () = shutdown.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    }
}

/// Has the router answer a request of `peer`.
async fn route(
    router: Router,
    peer: SocketAddr,
    request: hyper::Request<Incoming>,
) -> Result<axum::response::Response, Infallible> {
    let mut request = request.map(Body::new);
    request.extensions_mut().insert(ConnectInfo(peer));
    router.oneshot(request).await
}

fn is_the_peers(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
