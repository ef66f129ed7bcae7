//! The library's output, gathered into pieces and queued for the task that writes the object.

use std::io::{self, Write};

use bytes::Bytes;
use reelmill_media::Sink;
use tokio::sync::mpsc;

/// How much is gathered: each piece costs two changes of threads.
const PIECE_BYTES: usize = 128 * 1024;

/// Something to be done to the object.
#[derive(Debug)]
pub(super) enum Piece {
    /// Comes at the end.
    End(Bytes),
    /// Goes over what was written before.
    Patch { offset: u64, bytes: Bytes },
}

/// Gathers and queues.
pub(super) struct PieceSink {
    pieces: mpsc::Sender<Piece>,
    gathered: Vec<u8>,
}

impl PieceSink {
    pub(super) const fn new(pieces: mpsc::Sender<Piece>) -> Self {
        Self { pieces, gathered: Vec::new() }
    }

    /// Waits while the queue is full. It is closed where the store failed or nobody waits for the result.
    fn send(&self, piece: Piece) -> io::Result<()> {
        self.pieces.blocking_send(piece).map_err(|_| io::ErrorKind::BrokenPipe.into())
    }

    fn send_gathered(&mut self) -> io::Result<()> {
        if self.gathered.is_empty() {
            return Ok(());
        }
        let gathered = std::mem::replace(&mut self.gathered, Vec::with_capacity(PIECE_BYTES));
        self.send(Piece::End(gathered.into()))
    }
}

impl Write for PieceSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let taken = bytes.len().min(PIECE_BYTES - self.gathered.len());
        self.gathered.extend_from_slice(&bytes[..taken]);
        if self.gathered.len() >= PIECE_BYTES {
            self.send_gathered()?;
        }
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.send_gathered()
    }
}

impl Sink for PieceSink {
    fn patch(&mut self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.send_gathered()?;
        self.send(Piece::Patch { offset, bytes: Bytes::copy_from_slice(bytes) })
    }
}
