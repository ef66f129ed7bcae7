//! One connection through the proxy: two directions, each a reader, a queue of bytes with the moment they are due, and
//! a writer.
//!
//! The queue is what makes a delay a delay: bytes that come while others wait are not held up by these.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant, sleep_until};

use super::rules::{Rules, Way};
use super::{Shared, locked};

/// How a connection is ended.
#[derive(Clone, Copy, Debug)]
pub(super) enum End {
    /// In order: its peers read an end.
    Close,
    /// With a reset: its peers read an error.
    Reset,
}

/// The most that is read at once.
const PIECE_BYTES: usize = 16 * 1024;
/// How many pieces wait between reader and writer: 4 MiB in flight.
const PIECES: usize = 256;
/// How many times a second a narrow line passes a piece.
const PIECES_PER_SECOND: u64 = 20;
/// A timer may ring so late. That much is caught up with; what a peer held up longer is lost.
const LATENESS: Duration = Duration::from_millis(5);

/// An accepted connection.
pub(super) struct Passage {
    pub(super) client: TcpStream,
    pub(super) shared: Arc<Shared>,
    /// Its key among the open ones.
    pub(super) number: u64,
}

impl Passage {
    /// Carries bytes until both peers have closed, one fails, a rule ends it, or `ended` does.
    pub(super) async fn run(mut self, mut ended: oneshot::Receiver<End>) {
        let mut server = None;
        let end = tokio::select! {
            end = self.carry(&mut server) => end,
            end = &mut ended => end.unwrap_or(End::Close),
        };
        if matches!(end, End::Reset) {
            for stream in server.iter().chain([&self.client]) {
                // A stream without its peer any more has nobody to be reset.
                let _ = stream.set_zero_linger();
            }
        }
        drop(server);
        drop(self.client);
        locked(&self.shared.open).remove(&self.number);
    }

    async fn carry(&mut self, server: &mut Option<TcpStream>) -> End {
        let mut rules = self.shared.rules.subscribe();
        released(&mut rules).await;
        let Ok(stream) = TcpStream::connect(self.shared.target).await else {
            return End::Reset;
        };
        let server = server.insert(stream);
        // A delay is what is asked for, not what Nagle's algorithm makes of it.
        let _ = (self.client.set_nodelay(true), server.set_nodelay(true));
        let passed = AtomicU64::default();
        let lane = |way| Lane { way, shared: &self.shared, passed: &passed };
        let (from_client, to_client) = self.client.split();
        let (from_server, to_server) = server.split();
        let both = tokio::try_join!(
            lane(Way::Up).carry(from_client, to_server),
            lane(Way::Down).carry(from_server, to_client),
        );
        match both {
            Ok(_) => End::Close,
            Err(end) => end,
        }
    }
}

/// One direction of one connection.
#[derive(Clone, Copy)]
struct Lane<'a> {
    way: Way,
    shared: &'a Shared,
    /// Bytes of the connection, both directions.
    passed: &'a AtomicU64,
}

/// Bytes and when they arrive.
struct Piece {
    due: Instant,
    bytes: Vec<u8>,
}

impl Lane<'_> {
    async fn carry(self, from: ReadHalf<'_>, to: WriteHalf<'_>) -> Result<(), End> {
        let (sender, receiver) = mpsc::channel(PIECES);
        tokio::try_join!(self.read(from, sender), self.write(receiver, to))?;
        Ok(())
    }

    /// Reads until the peer has closed its side. An end is a piece too, an empty one: it is as late as all others.
    async fn read(self, mut from: ReadHalf<'_>, pieces: mpsc::Sender<Piece>) -> Result<(), End> {
        let mut rules = self.shared.rules.subscribe();
        let mut buffer = vec![0; PIECE_BYTES];
        loop {
            released(&mut rules).await;
            let length = from.read(&mut buffer).await.map_err(passed_on)?;
            let due = Instant::now() + rules.borrow().delay(self.way);
            let piece = Piece { due, bytes: buffer[..length].to_vec() };
            if pieces.send(piece).await.is_err() || length == 0 {
                return Ok(());
            }
        }
    }

    async fn write(self, mut pieces: mpsc::Receiver<Piece>, mut to: WriteHalf<'_>) -> Result<(), End> {
        let mut rules = self.shared.rules.subscribe();
        // When the line is free for the next byte. Waiting for each piece would add up how late timers ring.
        let mut free = Instant::now();
        while let Some(piece) = pieces.recv().await {
            sleep_until(piece.due).await;
            if piece.bytes.is_empty() {
                released(&mut rules).await;
                return to.shutdown().await.map_err(passed_on);
            }
            let mut rest = piece.bytes.as_slice();
            while !rest.is_empty() {
                released(&mut rules).await;
                let in_force = *rules.borrow();
                let (now, later) = rest.split_at(self.allowed(&in_force, rest.len())?);
                to.write_all(now).await.map_err(passed_on)?;
                self.count(now.len());
                rest = later;
                if let Some(rate) = in_force.bytes_per_second {
                    let held_up = Instant::now().checked_sub(LATENESS).unwrap_or(free);
                    free = free.max(piece.due).max(held_up) + time_for(now.len(), rate);
                    sleep_until(free).await;
                }
            }
        }
        Ok(())
    }

    /// How many of `length` bytes may pass at once; the end of the connection where none may any more.
    fn allowed(self, rules: &Rules, length: usize) -> Result<usize, End> {
        let mut allowed = length;
        if let Some(rate) = rules.bytes_per_second {
            allowed = allowed.min(usize::try_from((rate / PIECES_PER_SECOND).max(1)).unwrap_or(length));
        }
        if let Some((limit, end)) = rules.cut_after {
            let left = limit.saturating_sub(self.passed.load(Ordering::Relaxed));
            allowed = allowed.min(usize::try_from(left).unwrap_or(length));
            if allowed == 0 {
                return Err(end);
            }
        }
        Ok(allowed)
    }

    fn count(self, length: usize) {
        let length = length as u64;
        self.passed.fetch_add(length, Ordering::Relaxed);
        let total = match self.way {
            Way::Up => &self.shared.bytes_up,
            Way::Down => &self.shared.bytes_down,
        };
        total.fetch_add(length, Ordering::Relaxed);
    }
}

/// Waits while nothing may pass.
async fn released(rules: &mut watch::Receiver<Rules>) {
    // The sender is gone when the proxy is, and this task with it.
    let _ = rules.wait_for(|rules| !rules.is_stalled).await;
}

/// What one peer does to the connection, the other is done to as well.
fn passed_on(_: io::Error) -> End {
    End::Reset
}

/// How long `length` bytes take at `rate` bytes a second.
fn time_for(length: usize, rate: u64) -> Duration {
    Duration::from_micros(length as u64 * 1_000_000 / rate)
}
