//! A thread that reads ahead of who needs the bytes, so that waiting for a store and decoding happen at once.
//!
//! How far ahead grows with what is taken: who looks at the first packets only does not cause megabytes to be read,
//! and who reads on has at most [`MAX_BLOCKS_AHEAD`] blocks waiting.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::walk::{Block, Walk};

/// 8 MiB of whole blocks.
const MAX_BLOCKS_AHEAD: usize = 64;
const FIRST_BLOCKS_AHEAD: usize = 4;
/// How often who waits looks whether it is to stop.
const LOOK_EVERY: Duration = Duration::from_millis(20);

#[derive(Default)]
struct Queue {
    blocks: VecDeque<io::Result<Block>>,
    room: usize,
    is_over: bool,
}

#[derive(Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
    stop: AtomicBool,
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Puts a result where it can be taken, once there is room; says whether more is wanted.
    fn put(&self, result: io::Result<Block>) -> bool {
        let mut queue = self.queue();
        while queue.blocks.len() >= queue.room && !self.stop.load(Ordering::Relaxed) {
            queue = self.changed.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
        queue.blocks.push_back(result);
        self.changed.notify_all();
        !self.stop.load(Ordering::Relaxed)
    }
}

/// Says that nothing follows, also where the source panics.
struct Over(Arc<Shared>);

impl Drop for Over {
    fn drop(&mut self) {
        self.0.queue().is_over = true;
        self.0.changed.notify_all();
    }
}

/// A running thread.
pub(super) struct Ahead {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<Option<Walk>>>,
}

impl Ahead {
    /// Sends `walk` ahead; gives it back where there is no thread to be had.
    pub(super) fn start(walk: Walk) -> Result<Self, Walk> {
        let shared = Arc::new(Shared::default());
        shared.queue().room = FIRST_BLOCKS_AHEAD;
        let theirs = Arc::clone(&shared);
        // Handed over once the thread runs, so that it is not lost with one that cannot be started.
        let (give, take) = std::sync::mpsc::sync_channel::<Walk>(1);
        let thread = std::thread::Builder::new().name("reading ahead".to_owned()).spawn(move || {
            let over = Over(theirs);
            let mut walk = take.recv().ok()?;
            loop {
                let next = walk.next_block(&over.0.stop);
                let is_last = !matches!(next, Ok(Some(_)));
                let goes_on = next.transpose().is_none_or(|next| over.0.put(next));
                if is_last || !goes_on {
                    return Some(walk);
                }
            }
        });
        match thread {
            Ok(thread) => match give.send(walk) {
                Ok(()) => Ok(Self { shared, thread: Some(thread) }),
                Err(unsent) => Err(unsent.0),
            },
            Err(_) => Err(walk),
        }
    }

    /// Waits for the next block, or `None` at the end; fails as cancelled once `cancel` is set.
    pub(super) fn next_block(&mut self, cancel: &AtomicBool) -> io::Result<Option<Block>> {
        let mut queue = self.shared.queue();
        loop {
            if let Some(block) = queue.blocks.pop_front() {
                queue.room = (queue.room + 2).min(MAX_BLOCKS_AHEAD);
                self.shared.changed.notify_all();
                return block.map(Some);
            }
            if queue.is_over {
                return Ok(None);
            }
            if cancel.load(Ordering::Relaxed) {
                return Err(io::Error::other("cancelled"));
            }
            let waited = self.shared.changed.wait_timeout(queue, LOOK_EVERY);
            queue = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the thread, as soon as the source's call at hand returns, and takes back what it had.
    pub(super) fn stop(mut self) -> Option<Walk> {
        self.end()
    }

    fn end(&mut self) -> Option<Walk> {
        self.shared.stop.store(true, Ordering::Relaxed);
        {
            // Taken in between looking and waiting, the notice would be missed.
            let _queue = self.shared.queue();
            self.shared.changed.notify_all();
        }
        self.thread.take()?.join().ok()?
    }
}

impl Drop for Ahead {
    fn drop(&mut self) {
        self.end();
    }
}
