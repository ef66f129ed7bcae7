//! A connection of HTTP/2: many requests side by side, so that each limit of a connection is one of a stream, too.
//!
//! A client may leave an answer untaken for as long as it likes without the socket ever being full. So what is on its way is
//! watched here: a connection on which an answer stands still, or nothing is asked for long, is ended.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, HttpBody};
use hyper::body::{Frame, SizeHint};
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::net::TcpStream;
use tokio::time::{Instant, interval};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::super::socket::Socket;
use super::{MOST_HEAD_BYTES, route};

/// Requests of a connection at once.
const MOST_STREAMS: u32 = 64;

/// What a client may send ahead on a stream, and on the connection.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 1024 * 1024;

/// What of an answer may wait for the client to take it.
const SEND_BUFFER_BYTES: usize = 128 * 1024;

/// The most bytes of an answer that are given at once.
const PIECE_BYTES: usize = 64 * 1024;

/// How often a silent peer is asked whether it lives, and how long it has to say so.
const PING: Duration = Duration::from_secs(20);

/// How long a client may leave an answer untaken.
const STALLED: Duration = Duration::from_mins(1);

/// How long a connection may be without a request.
const IDLE: Duration = Duration::from_mins(10);

/// Answers until `shutdown`, then lets the answers that have begun end.
pub(super) async fn answer(
    socket: Socket<TcpStream>,
    peer: SocketAddr,
    router: Router,
    shutdown: CancellationToken,
) -> hyper::Result<()> {
    let traffic = Arc::new(Traffic::default());
    let service = service_fn({
        let traffic = Arc::clone(&traffic);
        move |request| {
            let (router, stream) = (router.clone(), traffic.begin());
            async move {
                let answered = route(router, peer, request).await;
                answered.map(|mut answer| {
                    let held = answer.extensions_mut().remove::<Held>();
                    answer.map(|body| Body::new(Answer { body, rest: Bytes::new(), stream, _held: held }))
                })
            }
        }
    });
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder
        .timer(TokioTimer::new())
        .max_concurrent_streams(MOST_STREAMS)
        .initial_stream_window_size(STREAM_WINDOW_BYTES)
        .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
        .max_send_buf_size(SEND_BUFFER_BYTES)
        .max_header_list_size(u32::try_from(MOST_HEAD_BYTES).unwrap_or(u32::MAX))
        .keep_alive_interval(PING)
        .keep_alive_timeout(PING);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(socket), service));
    let mut looks = interval(PING);
    let mut is_ending = false;
    loop {
        tokio::select! {
            ended = connection.as_mut() => return ended,
            () = shutdown.cancelled(), if !is_ending => {
                is_ending = true;
                connection.as_mut().graceful_shutdown();
            }
            _ = looks.tick() => {
                if traffic.is_stalled() {
                    debug!(%peer, "a client takes nothing of an answer; its connection is ended");
                    return Ok(());
                }
                if traffic.is_idle() && !is_ending {
                    is_ending = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// The requests of a connection that are under way.
#[derive(Default)]
struct Traffic(Mutex<Under>);

struct Under {
    next: u64,
    /// Since when an answer's bytes wait to be taken; `None` while we have not given any.
    streams: HashMap<u64, Option<Instant>>,
    idle_since: Instant,
}

impl Default for Under {
    fn default() -> Self {
        Self { next: 0, streams: HashMap::new(), idle_since: Instant::now() }
    }
}

impl Traffic {
    fn begin(self: &Arc<Self>) -> Stream {
        let id = self.change(|under| {
            under.next += 1;
            under.streams.insert(under.next, None);
            under.next
        });
        Stream { id, traffic: Arc::clone(self) }
    }

    fn is_stalled(&self) -> bool {
        let is_old = |since: &Option<Instant>| since.is_some_and(|since| since.elapsed() >= STALLED);
        self.change(|under| under.streams.values().any(is_old))
    }

    fn is_idle(&self) -> bool {
        self.change(|under| under.streams.is_empty() && under.idle_since.elapsed() >= IDLE)
    }

    fn change<T>(&self, change: impl FnOnce(&mut Under) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request under way while this is held.
struct Stream {
    id: u64,
    traffic: Arc<Traffic>,
}

impl Stream {
    fn waits_since(&self, since: Option<Instant>) {
        self.traffic.change(|under| under.streams.insert(self.id, since));
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.traffic.change(|under| {
            under.streams.remove(&self.id);
            under.idle_since = Instant::now();
        });
    }
}

/// An answer's body that says whether it is taken: hyper asks for more once the last piece has found room. A large message
/// is given in pieces, since all of a piece that is begun has left us.
struct Answer {
    body: Body,
    rest: Bytes,
    stream: Stream,
    _held: Option<Held>,
}

/// What an answer holds until its last byte is gone; a handler puts it among the answer's extensions.
#[derive(Clone)]
pub(crate) struct Held(#[expect(dead_code, reason = "held to be dropped")] Arc<dyn Send + Sync>);

impl Held {
    /// Holds `what`.
    pub(crate) fn new(what: impl Send + Sync + 'static) -> Self {
        Self(Arc::new(what))
    }
}

impl HttpBody for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        if self.rest.is_empty() {
            let polled = Pin::new(&mut self.body).poll_frame(context);
            self.stream.waits_since(polled.is_ready().then(Instant::now));
            match ready!(polled) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.rest = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                other => return Poll::Ready(other),
            }
        } else {
            self.stream.waits_since(Some(Instant::now()));
        }
        let count = self.rest.len().min(PIECE_BYTES);
        Poll::Ready(Some(Ok(Frame::data(self.rest.split_to(count)))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        // Asked for before the first piece, when nothing rests.
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn an_answer_that_nobody_takes_is_noticed_and_one_that_waits_for_us_is_not() {
        let traffic = Arc::new(Traffic::default());
        let (waiting, taken) = (traffic.begin(), traffic.begin());
        tokio::time::advance(IDLE).await;
        assert!(!traffic.is_stalled() && !traffic.is_idle());
        taken.waits_since(Some(Instant::now()));
        tokio::time::advance(STALLED).await;
        assert!(traffic.is_stalled());
        taken.waits_since(None);
        assert!(!traffic.is_stalled());
        drop((waiting, taken));
        assert!(!traffic.is_idle());
        tokio::time::advance(IDLE).await;
        assert!(traffic.is_idle());
    }
}
