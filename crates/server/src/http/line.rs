//! A WebSocket on which we speak and the client only shows that it is there.
//!
//! A client that takes no message off our hands, or is silent for too long, is left; whatever it sends means nothing but
//! that it lives.

use std::pin::pin;
use std::time::Duration;

use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use bytes::Bytes;
use tokio::time::{Instant, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

/// How long a message may take to be taken off our hands.
const PATIENCE: Duration = Duration::from_secs(10);

/// How often the client is asked whether it is there, and how long it may be silent.
const PING: Duration = Duration::from_secs(20);
const SILENCE: Duration = Duration::from_mins(1);

/// The most bytes of a message from a client, of whom nothing is expected.
const MOST_BYTES: usize = 4096;

/// An open line to a client.
pub(crate) struct Line {
    socket: WebSocket,
    draining: CancellationToken,
    heard_at: Instant,
    ping_at: Instant,
}

/// Why nothing more can be said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum HungUp {
    /// The process is being stopped.
    Draining,
    /// The client is not there any more, or does not read.
    Gone,
}

impl Line {
    /// Opens a line and speaks on it, within bounds that fit one who only listens.
    pub(crate) fn open<F>(
        upgrade: WebSocketUpgrade,
        draining: CancellationToken,
        speak: impl FnOnce(Self) -> F + Send + 'static,
    ) -> Response
    where
        F: Future<Output = ()> + Send + 'static,
    {
        upgrade
            .max_message_size(MOST_BYTES)
            .max_frame_size(MOST_BYTES)
            .read_buffer_size(MOST_BYTES)
            .on_upgrade(|socket| {
                let now = Instant::now();
                speak(Self { socket, draining, heard_at: now, ping_at: now + PING })
            })
    }

    /// Says something.
    pub(crate) async fn say(&mut self, text: String) -> Result<(), HungUp> {
        self.put(Message::text(text)).await
    }

    async fn put(&mut self, message: Message) -> Result<(), HungUp> {
        match timeout(PATIENCE, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) | Err(_) => Err(HungUp::Gone),
        }
    }

    /// Waits for `news`, and meanwhile sees to it that the client is there.
    pub(crate) async fn until<T>(&mut self, news: impl Future<Output = T>) -> Result<T, HungUp> {
        let mut news = pin!(news);
        loop {
            tokio::select! {
                news = &mut news => return Ok(news),
                () = self.draining.cancelled() => return Err(HungUp::Draining),
                heard = self.socket.recv() => match heard {
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return Err(HungUp::Gone),
                    Some(Ok(_)) => self.heard_at = Instant::now(),
                },
                () = sleep_until(self.ping_at) => {
                    self.ping_at = Instant::now() + PING;
                    self.put(Message::Ping(Bytes::new())).await?;
                }
                () = sleep_until(self.heard_at + SILENCE) => return Err(HungUp::Gone),
            }
        }
    }

    /// Says why it ends, and ends it.
    pub(crate) async fn close(mut self, code: u16, reason: &'static str) {
        let last = Message::Close(Some(CloseFrame { code, reason: reason.into() }));
        if self.put(last).await.is_ok() {
            // The client's own goodbye: closing before it would throw away what it has not read yet.
            let _ = timeout(PATIENCE, async { while let Some(Ok(_)) = self.socket.recv().await {} }).await;
        }
    }
}
