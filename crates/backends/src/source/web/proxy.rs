//! The one way out: a forward proxy on loopback that puts every connection of every download through the guard.
//!
//! Our own client and yt-dlp both know no other way, so there is one place where connections are made. Each download
//! has a session with credentials of its own: it alone can use the proxy while it runs, whatever of it is still open
//! at its end is closed, and what was refused to it is known when its program only says that something failed.

mod dial;
mod forward;
mod idle;
mod outlet;
mod session;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::task::AbortOnDropHandle;

use crate::guard::Guard;
pub(super) use dial::Upstream;
pub(super) use forward::retry_after;
use outlet::{Outlet, Watched};
use session::Notes;
pub(super) use session::Session;

/// Connections from downloads, of all sessions together.
const MAX_CONNECTIONS: usize = 512;
/// How long a client, which is always a program that we started, may take for the head of a request.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// The longest head of a request or an answer.
const MAX_HEAD_BYTES: usize = 64 * 1024;

/// How long things may take.
#[derive(Debug, Clone, Copy)]
pub(super) struct Patience {
    /// For a connection to be made.
    pub(super) connect: Duration,
    /// For a connection to say something.
    pub(super) idle: Duration,
}

/// The proxy; it ends when this is dropped.
pub(super) struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
    _accepting: AbortOnDropHandle<()>,
}

/// What every connection needs.
struct Shared {
    guard: Arc<Guard>,
    patience: Patience,
    upstream: Option<Upstream>,
    /// Sessions by what a client sends as `Proxy-Authorization`.
    sessions: Mutex<HashMap<String, Arc<Notes>>>,
}

impl Proxy {
    /// Begins to listen on a free port of loopback.
    pub(super) async fn start(
        guard: Arc<Guard>,
        patience: Patience,
        upstream: Option<Upstream>,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared { guard, patience, upstream, sessions: Mutex::default() });
        let accepting = tokio::spawn(accept(listener, Arc::clone(&shared)));
        Ok(Self { address, shared, _accepting: AbortOnDropHandle::new(accepting) })
    }

    /// A session for one download.
    pub(super) fn session(&self) -> io::Result<Session> {
        Session::begin(self.address, Arc::clone(&self.shared))
    }
}

impl Shared {
    fn sessions(&self) -> std::sync::MutexGuard<'_, HashMap<String, Arc<Notes>>> {
        self.sessions.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, as a rule: others have to end first.
                tracing::warn!("the downloads' proxy cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(100)).await;
                continue;
            }
        };
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            let _place = place;
            let outlet = Outlet::default();
            let serve = service_fn(|request| forward::answer(Arc::clone(&shared), outlet.clone(), request));
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEAD_TIMEOUT)
                .max_buf_size(MAX_HEAD_BYTES)
                .serve_connection(TokioIo::new(Watched::new(stream, outlet.clone())), serve)
                .with_upgrades();
            // A client that leaves in the middle is no news.
            let _ = connection.await;
        });
    }
}
