//! A connection that is patient with its peer, but not for ever.
//!
//! A peer that takes no bytes of an answer is given up. And a connection that is closed while the peer still sends (an
//! upload that was refused) is read on for a moment, since closing it at once would have the network throw the answer
//! away before the peer reads it.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, ReadBuf};
use tokio::time::{Sleep, sleep};

/// How long a peer may take no byte of what it asked for.
const STALLED: Duration = Duration::from_mins(1);

/// How long, and how many bytes, a refused upload is read on.
const LINGER: Duration = Duration::from_secs(2);
const LINGER_BYTES: usize = 256 * 1024 * 1024;

/// A connection with its patience.
pub(super) struct Socket<T> {
    inner: T,
    /// What was read before its reader came.
    ahead: BytesMut,
    stalled: Option<Pin<Box<Sleep>>>,
    lingering: Option<Lingering>,
}

struct Lingering {
    until: Pin<Box<Sleep>>,
    read_bytes: usize,
}

impl<T> Socket<T> {
    pub(super) fn new(inner: T) -> Self {
        Self { inner, ahead: BytesMut::new(), stalled: None, lingering: None }
    }

    /// Whether the peer's first bytes are `preface`. They stay to be read. It waits for no more of them than it takes to
    /// tell.
    pub(super) async fn begins_with(&mut self, preface: &[u8]) -> io::Result<bool>
    where
        T: AsyncRead + Unpin,
    {
        while self.ahead.len() < preface.len() && preface.starts_with(&self.ahead) {
            if self.inner.read_buf(&mut self.ahead).await? == 0 {
                break;
            }
        }
        Ok(self.ahead.starts_with(preface))
    }

    /// Ends a write that has been waiting for too long.
    fn judge<R>(&mut self, context: &mut Context<'_>, written: Poll<io::Result<R>>) -> Poll<io::Result<R>> {
        if written.is_ready() {
            self.stalled = None;
            return written;
        }
        let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep(STALLED)));
        ready!(stalled.as_mut().poll(context));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the peer takes no bytes")))
    }
}

impl<T: AsyncRead + Unpin> AsyncRead for Socket<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if !self.ahead.is_empty() {
            let count = self.ahead.len().min(buffer.remaining());
            buffer.put_slice(&self.ahead.split_to(count));
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.inner).poll_read(context, buffer)
    }
}

impl<T: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Socket<T> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write(context, bytes);
        self.judge(context, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        pieces: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.inner).poll_write_vectored(context, pieces);
        self.judge(context, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let flushed = Pin::new(&mut self.inner).poll_flush(context);
        self.judge(context, flushed)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if this.lingering.is_none() {
            ready!(Pin::new(&mut this.inner).poll_shutdown(context))?;
        }
        let lingering =
            this.lingering.get_or_insert_with(|| Lingering { until: Box::pin(sleep(LINGER)), read_bytes: 0 });
        let mut space = [0_u8; 16 * 1024];
        while lingering.until.as_mut().poll(context).is_pending() && lingering.read_bytes < LINGER_BYTES {
            let mut buffer = ReadBuf::new(&mut space);
            let read = ready!(Pin::new(&mut this.inner).poll_read(context, &mut buffer));
            // An error is as much of an end as the end.
            if read.is_err() || buffer.filled().is_empty() {
                break;
            }
            lingering.read_bytes += buffer.filled().len();
        }
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt, duplex};
    use tokio::time::Instant;

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_takes_nothing_is_given_up() {
        let (ours, _theirs) = duplex(16);
        let began = Instant::now();
        let error = Socket::new(ours).write_all(&[0; 17]).await.unwrap_err();
        assert_eq!((error.kind(), began.elapsed().as_secs()), (io::ErrorKind::TimedOut, STALLED.as_secs()));
    }

    #[tokio::test]
    async fn a_peer_that_still_sends_is_read_on_until_it_ends() {
        let (ours, mut theirs) = duplex(16);
        let sending = tokio::spawn(async move {
            theirs.write_all(&[1; 10_000]).await.unwrap();
            theirs.shutdown().await.unwrap();
            let mut rest = Vec::new();
            theirs.read_to_end(&mut rest).await.unwrap();
            rest
        });
        let mut socket = Socket::new(ours);
        socket.write_all(b"refused").await.unwrap();
        socket.shutdown().await.unwrap();
        assert_eq!(sending.await.unwrap(), b"refused");
    }

    #[tokio::test]
    async fn the_first_bytes_tell_and_are_read_all_the_same() {
        for (sent, expected) in
            [("PRI *", true), ("PRI * and more", true), ("PROPFIND", false), ("P", false), ("", false)]
        {
            let (ours, mut theirs) = duplex(64);
            // In two pieces, so that the first alone cannot tell.
            let sending = tokio::spawn(async move {
                let (first, rest) = sent.split_at(sent.len().min(1));
                theirs.write_all(first.as_bytes()).await.unwrap();
                tokio::task::yield_now().await;
                theirs.write_all(rest.as_bytes()).await.unwrap();
            });
            let mut socket = Socket::new(ours);
            assert_eq!(socket.begins_with(b"PRI *").await.unwrap(), expected, "{sent}");
            let mut read = String::new();
            socket.read_to_string(&mut read).await.unwrap();
            assert_eq!(read, sent);
            sending.await.unwrap();
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_peer_that_never_ends_is_left() {
        let (ours, _theirs) = duplex(16);
        let began = Instant::now();
        Socket::new(ours).shutdown().await.unwrap();
        assert_eq!(began.elapsed().as_secs(), LINGER.as_secs());
    }
}
