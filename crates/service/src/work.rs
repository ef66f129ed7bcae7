//! Work: claims jobs, converts them, and takes over those of workers that died.
//!
//! The catalog decides every race by one conditional write; a claim's token fences whoever lost it. No process
//! judges another by its clock: a claim is dead when this process has itself seen it without a heartbeat for a
//! lease.

mod attempt;
mod backoff;
mod bench;
mod cancels;
mod cap;
mod claim;
mod fetch;
mod heartbeat;
mod passing;
mod rescue;
mod turn;

pub(crate) use backoff::{before_retry, jittered};
pub(crate) use claim::{refuse, settle};
pub(crate) use passing::PassingLane;

use std::sync::Arc;

use reelmill_core::JobId;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::Service;
use claim::Next;

/// When a process stops: first nothing new is claimed, then what runs is given back.
#[derive(Debug, Clone, Default)]
pub(crate) struct Stopping {
    /// Claim nothing any more.
    pub(crate) drain: CancellationToken,
    /// Give back what runs.
    pub(crate) give_back: CancellationToken,
}

impl Service {
    /// Claims and converts until told to drain: an attempt holds a slot, but for downloads, which have places of their own.
    pub(crate) async fn work(self, stopping: Stopping, attempts: TaskTracker) {
        loop {
            let slot = tokio::select! {
                () = stopping.drain.cancelled() => return,
                slot = Arc::clone(&self.inner.slots).acquire_owned() => slot,
            };
            let Ok(slot) = slot else { return };
            match self.next_claim(&stopping.drain).await {
                Next::Claimed(claimed) => {
                    attempts.spawn(self.clone().attempt(*claimed, slot, stopping.give_back.clone()));
                }
                // Whoever wants it is before this loop in the queue for it.
                Next::SlotWanted => drop(slot),
                Next::Draining => return,
            }
        }
    }

    /// Stops a conversion of this process whose job is gone.
    pub(crate) fn stop_held(&self, id: JobId) {
        if let Some(held) = self.held().get(&id) {
            held.cancel.cancel();
        }
    }
}
