//! The passing lane: what is short does not wait for what is long.
//!
//! A slot is held for as long as its job takes: a second for a clip, and for a film as long as thousands of clips. So while long
//! conversions hold every slot, one more is open, to short ones alone. No core is kept free for that: a conversion more than
//! there are cores has the long ones hand back what they took beyond their own, and is over soon. What was copied rather than
//! encoded is taken for as long as it plays all the same, which errs towards opening the lane.

use std::sync::Arc;

use reelmill_core::{Job, Media};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{Duration, sleep};
use tokio_util::task::TaskTracker;
use tracing::warn;

use super::Stopping;
use super::backoff::jittered;
use super::claim::Claimed;
use crate::{Error, Service};

/// What plays longer is long.
const SHORT: Duration = Duration::from_mins(20);
/// What is larger is long, however short it plays.
const SHORT_BYTES: u64 = 512 * 1024 * 1024;

/// The slot beside the slots.
pub(crate) struct PassingLane {
    /// How many slots long conversions hold.
    long: watch::Sender<usize>,
    /// With how many of them it is open.
    opens_at: usize,
    slot: Arc<Semaphore>,
}

/// A long conversion, until it is dropped.
pub(super) struct Long {
    count: watch::Sender<usize>,
}

impl Drop for Long {
    fn drop(&mut self) {
        self.count.send_modify(|long| *long -= 1);
    }
}

impl PassingLane {
    /// The lane beside so many slots.
    pub(crate) fn new(slots: usize) -> Self {
        Self { long: watch::Sender::new(0), opens_at: slots, slot: Arc::new(Semaphore::new(1)) }
    }

    /// Counts the conversion of that media, where it is long.
    pub(super) fn weigh(&self, media: &Media) -> Option<Long> {
        is_long(media).then(|| {
            self.long.send_modify(|long| *long += 1);
            Long { count: self.long.clone() }
        })
    }

    /// Waits until the lane is open and free, and takes it.
    pub(super) async fn slot(&self) -> Result<OwnedSemaphorePermit, Error> {
        let slot = Arc::clone(&self.slot).acquire_owned().await.map_err(Error::internal)?;
        let mut long = self.long.subscribe();
        long.wait_for(|long| *long >= self.opens_at).await.map_err(Error::internal)?;
        Ok(slot)
    }
}

fn is_long(media: &Media) -> bool {
    media.size_bytes > SHORT_BYTES || media.info.duration_ms.is_some_and(|ms| !is_short(ms))
}

fn is_short(ms: u64) -> bool {
    Duration::from_millis(ms) <= SHORT
}

/// Whether the job's original is still to be fetched and is said to be short.
pub(super) fn is_short_download(job: &Job) -> bool {
    job.media_id.is_none() && job.origin.as_ref().and_then(|found| found.duration_ms).is_some_and(is_short)
}

impl Service {
    /// Claims short jobs for the lane until told to drain. Rings are left to the slots: what they name may be long.
    pub(crate) async fn pass(self, stopping: Stopping, attempts: TaskTracker) {
        loop {
            let slot = tokio::select! {
                () = stopping.drain.cancelled() => return,
                slot = self.inner.lane.slot() => slot,
            };
            let Ok(slot) = slot else { return };
            match self.claim_short().await {
                Ok(Some(claimed)) => {
                    attempts.spawn(self.clone().attempt(claimed, slot, stopping.give_back.clone()));
                    continue;
                }
                Ok(None) => {}
                Err(error) => warn!(error = ?error, "the catalog gives no short jobs; trying again"),
            }
            drop(slot);
            tokio::select! {
                () = stopping.drain.cancelled() => return,
                () = sleep(jittered(self.options().poll)) => {}
            }
        }
    }

    async fn claim_short(&self) -> Result<Option<Claimed>, Error> {
        if self.is_paused().await? {
            return Ok(None);
        }
        for job in self.due_in_turn().await? {
            if self.is_short_job(&job).await?
                && let Some(claimed) = self.claim(job, None).await?
            {
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    async fn is_short_job(&self, job: &Job) -> Result<bool, Error> {
        let Some(id) = job.media_id else { return Ok(is_short_download(job)) };
        Ok(self.catalog().media(id).await?.is_some_and(|media| !is_long(&media)))
    }
}
