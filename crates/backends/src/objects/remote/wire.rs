//! The HTTP client of the stores: nobody on the other end can make it wait without end.
//!
//! A request may take long, as much as it moves: what is measured is the time since the last byte went out or came in.
//! A peer that is gone without a word is noticed after [`Patience::idle`], whatever is under way.

use std::collections::VecDeque;
use std::fmt::Write;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};
use reqwest::redirect::Policy;
use reqwest::{Client, Request, Response};
use tokio::time::timeout;

use super::{Fault, Patience};
use crate::{OpenError, tls};

/// What we call ourselves.
const USER_AGENT: &str = concat!("reelmill/", env!("CARGO_PKG_VERSION"));
/// The pieces that a body goes out in.
const SENT_BYTES: usize = 64 * 1024;
/// The longest answer that is no object: a thousand unfinished uploads with long names.
const MAX_TEXT_BYTES: usize = 4 * 1024 * 1024;

/// Connections to one store.
#[derive(Debug, Clone)]
pub(crate) struct Wire {
    client: Client,
    idle: Duration,
}

impl Wire {
    /// Connections that are waited for as `patience` says.
    pub(crate) fn new(scheme: &'static str, patience: &Patience) -> Result<Self, OpenError> {
        let unusable =
            |reason: String| OpenError::BadUrl { scheme, reason: format!("no HTTP client, {reason}") };
        let client = Client::builder()
            .no_proxy()
            .redirect(Policy::none())
            .user_agent(USER_AGENT)
            .referer(false)
            .tls_backend_preconfigured(tls::config().map_err(unusable)?)
            .connect_timeout(patience.connect)
            .build()
            .map_err(|error| unusable(said(&error.without_url())))?;
        Ok(Self { client, idle: patience.idle })
    }

    /// A request's answer, with whatever status.
    pub(crate) async fn send(&self, request: Request, sent: &Sent) -> Result<Response, Fault> {
        let mut answer = pin!(self.client.execute(request));
        loop {
            let before = sent.bytes();
            match timeout(self.idle, &mut answer).await {
                Ok(answered) => return answered.map_err(broken),
                Err(_) if sent.bytes() > before => {}
                Err(_) => return Err(self.silent()),
            }
        }
    }

    /// The next bytes of an answer; `None` at its end.
    pub(crate) async fn chunk(&self, response: &mut Response) -> Result<Option<Bytes>, Fault> {
        timeout(self.idle, response.chunk()).await.map_err(|_| self.silent())?.map_err(broken)
    }

    fn silent(&self) -> Fault {
        Fault::passing(format!("no answer within {} s", self.idle.as_secs()))
    }
}

/// An answer's body, which is a short text.
pub(crate) async fn text(wire: &Wire, mut response: Response) -> Result<String, Fault> {
    let mut text = Vec::new();
    while let Some(bytes) = wire.chunk(&mut response).await? {
        if text.len() + bytes.len() > MAX_TEXT_BYTES {
            return Err(Fault::unusable(format!("an answer of more than {MAX_TEXT_BYTES} bytes")));
        }
        text.extend_from_slice(&bytes);
    }
    Ok(String::from_utf8_lossy(&text).into_owned())
}

/// An answer's header, where it is readable.
pub(crate) fn header<'a>(response: &'a Response, name: &str) -> Option<&'a str> {
    response.headers().get(name).and_then(|value| value.to_str().ok())
}

/// What went wrong below HTTP, without the address: it may be signed.
fn broken(error: reqwest::Error) -> Fault {
    Fault::passing(said(&error.without_url()))
}

fn said(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

/// How much of a body has gone out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sent(Arc<AtomicUsize>);

impl Sent {
    fn bytes(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

/// A body that tells how much of it has gone out.
#[derive(Debug)]
struct Metered {
    rest: VecDeque<Bytes>,
    sent: Sent,
}

/// These bytes one after the other as a body, and what is to be watched while it is sent.
pub(crate) fn metered(bytes: impl IntoIterator<Item = Bytes>) -> (reqwest::Body, Sent) {
    let rest: VecDeque<_> = bytes.into_iter().filter(|bytes| !bytes.is_empty()).collect();
    let sent = Sent::default();
    if rest.is_empty() {
        return (reqwest::Body::default(), sent);
    }
    (reqwest::Body::wrap(Metered { rest, sent: sent.clone() }), sent)
}

impl Body for Metered {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let Some(first) = self.rest.front_mut() else { return Poll::Ready(None) };
        let piece = first.split_to(first.len().min(SENT_BYTES));
        if first.is_empty() {
            self.rest.pop_front();
        }
        self.sent.0.fetch_add(piece.len(), Ordering::Relaxed);
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.rest.iter().map(|bytes| bytes.len() as u64).sum())
    }
}
