//! Work: claims jobs, converts them, and takes over those of workers that died.
//!
//! The catalog decides every race by one conditional write; a claim's token fences whoever lost it. No process
//! judges another by its clock: a claim is dead when this process has itself seen it without a heartbeat for a
//! lease.

mod attempt;
mod backoff;
mod claim;
mod heartbeat;
mod rescue;

pub(crate) use backoff::{before_retry, jittered};

use reelmill_core::JobId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Service;

/// When a process stops: first nothing new is claimed, then what runs is given back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopping {
    /// Claim nothing any more.
    pub(crate) drain: CancellationToken,
    /// Give back what runs.
    pub(crate) give_back: CancellationToken,
}

impl Service {
    /// Claims and converts until told to drain; one attempt a slot at most.
    pub(crate) async fn work(self, stopping: Stopping, attempts: TaskTracker) {
        let slots = std::sync::Arc::new(tokio::sync::Semaphore::new(self.options().slots.max(1)));
        loop {
            let slot = tokio::select! {
                () = stopping.drain.cancelled() => return,
                slot = std::sync::Arc::clone(&slots).acquire_owned() => slot,
            };
            let Some(claimed) = self.next_claim(&stopping.drain).await else { return };
            let attempt = self.clone().attempt(claimed, stopping.give_back.clone());
            attempts.spawn(async move {
                attempt.await;
                drop(slot);
            });
        }
    }

    /// Stops a conversion of this process whose job is gone.
    pub(crate) fn stop_held(&self, id: JobId) {
        if let Some(held) = self.held().get(&id) {
            held.cancel.cancel();
        }
    }
}
