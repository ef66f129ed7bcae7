//! Where listeners meet what a broker brings: who waits, what lies ready, what went wrong.
//!
//! The side that talks to the broker looks here how many wait, so that it fetches for them and for nobody else: what an
//! idle buffer holds, no other process can have. A listener takes what lies ready without waiting in between, so one
//! that is dropped has taken nothing.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::Instant;

/// How long something is kept for listeners that went away: one that looks into the catalog now and then is soon back.
const LINGER: Duration = Duration::from_secs(2);

/// The desk of one channel.
#[derive(Debug)]
pub(super) struct Desk<T> {
    state: Mutex<State<T>>,
    /// Something lies ready, or went wrong: for all listeners.
    news: Notify,
    /// The number of listeners or of what lies ready changed: for the broker's side.
    demand: Notify,
}

#[derive(Debug)]
struct State<T> {
    ready: VecDeque<T>,
    listeners: usize,
    /// When the last listener was served or went away.
    left_at: Instant,
    /// How often something went wrong, and what the last time.
    troubles: u64,
    trouble: String,
}

impl<T> Default for Desk<T> {
    fn default() -> Self {
        let state = State {
            ready: VecDeque::new(),
            listeners: 0,
            left_at: Instant::now(),
            troubles: 0,
            trouble: String::new(),
        };
        Self { state: Mutex::new(state), news: Notify::new(), demand: Notify::new() }
    }
}

/// One who waits.
struct Listener<'a, T>(&'a Desk<T>);

impl<'a, T> Listener<'a, T> {
    fn new(desk: &'a Desk<T>) -> Self {
        desk.state().listeners += 1;
        desk.demand.notify_one();
        Self(desk)
    }
}

impl<T> Drop for Listener<'_, T> {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.listeners -= 1;
        state.left_at = Instant::now();
        drop(state);
        self.0.demand.notify_one();
    }
}

impl<T> Desk<T> {
    fn state(&self) -> MutexGuard<'_, State<T>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for the next that is ready, or for what goes wrong from now on.
    pub(super) async fn listen(&self) -> Result<T, String> {
        let _waits = Listener::new(self);
        let known = self.state().troubles;
        loop {
            let news = self.news.notified();
            tokio::pin!(news);
            // Register before looking, so that what comes between the two is not missed.
            news.as_mut().enable();
            {
                let mut state = self.state();
                if let Some(ready) = state.ready.pop_front() {
                    return Ok(ready);
                }
                if state.troubles != known {
                    return Err(state.trouble.clone());
                }
            }
            news.await;
        }
    }

    /// Lays something down for the next listener.
    pub(super) fn put(&self, ready: T) {
        self.state().ready.push_back(ready);
        self.news.notify_waiters();
    }

    /// Tells all who wait now what is wrong.
    pub(super) fn fail(&self, trouble: String) {
        let mut state = self.state();
        state.troubles += 1;
        state.trouble = trouble;
        drop(state);
        self.news.notify_waiters();
    }

    /// How many listeners have nothing laid down for them.
    pub(super) fn wanted(&self) -> usize {
        let state = self.state();
        state.listeners.saturating_sub(state.ready.len())
    }

    /// When to take back what lies ready or is being fetched for listeners that there are not any more; `None` where
    /// there is nothing too much.
    pub(super) fn idle_at(&self, fetching: usize) -> Option<Instant> {
        let state = self.state();
        (state.ready.len() + fetching > state.listeners).then(|| state.left_at + LINGER)
    }

    /// Takes back what lies ready for nobody.
    pub(super) fn take_back(&self) -> Vec<T> {
        let mut state = self.state();
        let claimed = state.listeners.min(state.ready.len());
        state.ready.drain(claimed..).collect()
    }

    /// Takes back all that lies ready: it is worth nothing any more.
    pub(super) fn clear(&self) -> Vec<T> {
        self.state().ready.drain(..).collect()
    }

    /// Wakes the broker's side, for something that it alone can judge.
    #[cfg(feature = "doorbell-pubsub")]
    pub(super) fn look_again(&self) {
        self.demand.notify_one();
    }

    /// Waits until the demand may have changed.
    pub(super) async fn demand(&self) {
        self.demand.notified().await;
    }

    /// Waits until somebody waits for nothing yet.
    pub(super) async fn is_wanted(&self) {
        while self.wanted() == 0 {
            self.demand().await;
        }
    }
}

#[cfg(test)]
mod tests;
