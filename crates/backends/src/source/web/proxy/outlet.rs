//! An answer that fails in the middle: what came before the failure still goes out.
//!
//! hyper gives a connection up the moment its body fails, and with it whatever it has not written yet. A client that
//! goes on where a download broke off would lose bytes that were here, and on a slow connection perhaps all of them.
//! So a body keeps its failure back until the connection says that everything before it is written.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use bytes::Buf;
use hyper::body::{Body, Frame, SizeHint};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// What a connection and the body that is sent over it know of each other.
#[derive(Debug, Clone, Default)]
pub(super) struct Outlet(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    /// Something was handed over since everything was written last.
    is_behind: bool,
    /// The body that keeps a failure back.
    waiting: Option<Waker>,
}

impl Outlet {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn hand_over(&self) {
        self.state().is_behind = true;
    }

    fn caught_up(&self) {
        let mut state = self.state();
        state.is_behind = false;
        if let Some(waiting) = state.waiting.take() {
            waiting.wake();
        }
    }

    /// Ready when everything that was handed over is written.
    fn poll_caught_up(&self, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.state();
        if !state.is_behind {
            return Poll::Ready(());
        }
        state.waiting = Some(cx.waker().clone());
        Poll::Pending
    }
}

/// A connection that says when everything is written: hyper flushes it only when it holds nothing back itself.
pub(super) struct Watched<S> {
    inner: S,
    outlet: Outlet,
}

impl<S> Watched<S> {
    pub(super) fn new(inner: S, outlet: Outlet) -> Self {
        Self { inner, outlet }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Watched<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, buffer)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffers: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, buffers)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.inner).poll_flush(cx))?;
        self.outlet.caught_up();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}

/// A body that fails only when what came before the failure is written.
pub(super) struct Heard<B: Body> {
    inner: B,
    outlet: Outlet,
    failure: Option<B::Error>,
}

impl<B: Body> Heard<B> {
    /// The body of an answer that is about to be sent, head and all, over the connection of `outlet`.
    pub(super) fn new(inner: B, outlet: Outlet) -> Self {
        outlet.hand_over();
        Self { inner, outlet, failure: None }
    }
}

impl<B> Body for Heard<B>
where
    B: Body + Unpin,
    B::Error: Unpin,
{
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        if self.failure.is_none() {
            match ready!(Pin::new(&mut self.inner).poll_frame(cx)) {
                Some(Err(failure)) => self.failure = Some(failure),
                Some(Ok(frame)) => {
                    // What is empty is never written, so nothing would say that it was.
                    if frame.data_ref().is_none_or(Buf::has_remaining) {
                        self.outlet.hand_over();
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                None => return Poll::Ready(None),
            }
        }
        ready!(self.outlet.poll_caught_up(cx));
        Poll::Ready(self.failure.take().map(Err))
    }

    fn is_end_stream(&self) -> bool {
        self.failure.is_none() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;
    use std::convert::Infallible;

    use bytes::Bytes;
    use hyper::Response;
    use hyper::server::conn::http1;
    use hyper::service::service_fn;
    use hyper_util::rt::TokioIo;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    /// A body all of whose pieces and whose failure are there at once.
    struct Broken(VecDeque<Bytes>);

    impl Body for Broken {
        type Data = Bytes;
        type Error = io::Error;

        fn poll_frame(
            mut self: Pin<&mut Self>,
            _: &mut Context<'_>,
        ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
            let piece = self.0.pop_front().map(Frame::data);
            Poll::Ready(Some(piece.ok_or_else(|| io::ErrorKind::ConnectionReset.into())))
        }
    }

    /// What a client gets of an answer that fails after those pieces.
    async fn received(pieces: &'static [&'static [u8]]) -> Vec<u8> {
        // So small that nearly all is still to be written when the body fails.
        let (mut client, server) = tokio::io::duplex(64);
        let outlet = Outlet::default();
        let io = TokioIo::new(Watched::new(server, outlet.clone()));
        let serve = service_fn(move |_| {
            let pieces = pieces.iter().copied().map(Bytes::from_static).collect();
            let body = Heard::new(Broken(pieces), outlet.clone());
            async move { Ok::<_, Infallible>(Response::new(body)) }
        });
        let connection = tokio::spawn(http1::Builder::new().serve_connection(io, serve));
        client.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
        let mut bytes = Vec::new();
        client.read_to_end(&mut bytes).await.unwrap();
        assert!(connection.await.unwrap().is_err(), "the failure stays one");
        bytes
    }

    #[tokio::test]
    async fn what_came_before_a_failure_goes_out_to_the_last_byte() {
        let bytes = received(&[&[b'a'; 5000], b"", &[b'b'; 16_000], b"end", b""]).await;
        let body = [&[b'a'; 5000][..], &[b'b'; 16_000], b"end"].concat();
        assert!(bytes.starts_with(b"HTTP/1.") && bytes.ends_with(&body), "{} bytes", bytes.len());
    }

    #[tokio::test]
    async fn a_head_without_a_body_goes_out_too() {
        assert!(received(&[]).await.ends_with(b"\r\n\r\n"));
    }
}
