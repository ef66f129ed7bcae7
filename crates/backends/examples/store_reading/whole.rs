//! The whole object in one read, from its first byte on: who converts takes what has arrived, and waits for what has not.

use std::io::{self, Read, Seek, SeekFrom};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use futures_util::StreamExt as _;
use reelmill_core::ports::{ByteStream, Objects as _};
use reelmill_media::{Pace, Source};
use tokio::task::JoinHandle;

use super::Failure;
use super::film::Film;

/// What has arrived, and whether more does.
#[derive(Default)]
struct Arrived {
    bytes: Vec<u8>,
    ended: Option<String>,
}

#[derive(Default)]
struct Shared {
    arrived: Mutex<Arrived>,
    more: Condvar,
}

impl Shared {
    fn arrived(&self) -> MutexGuard<'_, Arrived> {
        self.arrived.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn take_all(self: Arc<Self>, mut stream: ByteStream) {
        while let Some(piece) = stream.next().await {
            let mut arrived = self.arrived();
            match piece {
                Ok(piece) => arrived.bytes.extend_from_slice(&piece),
                Err(error) => arrived.ended = Some(error.to_string()),
            }
            self.more.notify_all();
        }
        self.arrived().ended.get_or_insert_with(|| "the object ended".to_owned());
        self.more.notify_all();
    }
}

/// An object on its way into memory.
pub(super) struct Whole {
    shared: Arc<Shared>,
    size_bytes: u64,
    position: u64,
    reading: JoinHandle<()>,
}

impl Whole {
    /// Asks for all of the film.
    pub(super) async fn read(film: &Film) -> Result<Self, Failure> {
        let stream = film.objects.read(&film.key, 0..film.size_bytes).await?;
        let shared = Arc::<Shared>::default();
        let reading = tokio::spawn(Arc::clone(&shared).take_all(stream));
        Ok(Self { shared, size_bytes: film.size_bytes, position: 0, reading })
    }
}

impl Drop for Whole {
    fn drop(&mut self) {
        self.reading.abort();
    }
}

impl Read for Whole {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.size_bytes {
            return Ok(0);
        }
        let at = usize::try_from(self.position).map_err(io::Error::other)?;
        let mut arrived = self.shared.arrived();
        while arrived.bytes.len() <= at {
            if let Some(why) = &arrived.ended {
                return Err(io::Error::other(why.clone()));
            }
            arrived = self.shared.more.wait(arrived).unwrap_or_else(PoisonError::into_inner);
        }
        let count = buffer.len().min(arrived.bytes.len() - at);
        buffer[..count].copy_from_slice(&arrived.bytes[at..at + count]);
        drop(arrived);
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for Whole {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(position) => Some(position),
            SeekFrom::End(offset) => self.size_bytes.checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Source for Whole {
    fn size_bytes(&self) -> Option<u64> {
        Some(self.size_bytes)
    }

    /// It is memory: nobody need read it ahead.
    fn pace(&self) -> Option<Pace> {
        Some(Pace::LOCAL)
    }
}
