//! What the caller's task and the converting thread share: the wish to stop, and what the store said.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use reelmill_core::ports::{Cancel, ObjectsError};
use tokio::sync::Notify;

/// How often the caller's flag is looked at by who waits for something else.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One use of the library.
#[derive(Debug, Clone, Default)]
pub(super) struct Errand {
    is_over: Arc<AtomicBool>,
    over: Arc<Notify>,
    failure: Arc<Mutex<Option<ObjectsError>>>,
    requests: Arc<AtomicU64>,
    bytes_read: Arc<AtomicU64>,
}

impl Errand {
    /// The flag that stops the library.
    pub(super) fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.is_over)
    }

    /// Whether the thread shall stop.
    pub(super) fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Stops the thread, also where it waits for the store.
    pub(super) fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
        self.over.notify_waiters();
    }

    /// Stops the thread once this is dropped.
    pub(super) fn end_on_drop(&self) -> EndOnDrop {
        EndOnDrop(self.clone())
    }

    /// What the store answers, unless nobody waits for it any more.
    pub(super) async fn answer<T>(
        &self,
        answer: impl Future<Output = Result<T, ObjectsError>>,
    ) -> Result<T, ObjectsError> {
        // Listens before it looks, so that an end between the two is not missed.
        let mut over = pin!(self.over.notified());
        over.as_mut().enable();
        let nobody_waits = || Err(ObjectsError::Unavailable("nobody waits for it".to_owned()));
        if self.is_over() {
            return nobody_waits();
        }
        tokio::select! {
            answer = answer => answer,
            () = over => nobody_waits(),
        }
    }

    /// Notes why reading failed; the library carries only that it did.
    pub(super) fn fail(&self, error: ObjectsError) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(error);
    }

    /// Takes account of what was asked of the store, and what it gave.
    pub(super) fn count_read(&self, requests: u64, bytes: u64) {
        self.requests.fetch_add(requests, Ordering::Relaxed);
        self.bytes_read.fetch_add(bytes, Ordering::Relaxed);
    }

    /// The requests so far, and the bytes that they gave.
    pub(super) fn counts(&self) -> (u64, u64) {
        (self.requests.load(Ordering::Relaxed), self.bytes_read.load(Ordering::Relaxed))
    }

    /// Whether the store gave all that was asked for.
    pub(super) fn is_well(&self) -> bool {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).is_none()
    }

    /// What the store said, once.
    pub(super) fn take_failure(&self) -> Option<ObjectsError> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Ends an errand when it is dropped.
pub(super) struct EndOnDrop(Errand);

impl Drop for EndOnDrop {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Waits for `work`, or until somebody wishes it to stop: then `None`.
pub(super) async fn unless<T>(cancel: &Cancel, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    loop {
        if cancel.is_cancelled() {
            return None;
        }
        if let Ok(done) = tokio::time::timeout(LOOK_EVERY, &mut work).await {
            return Some(done);
        }
    }
}
