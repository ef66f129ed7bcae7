//! The doorbell within one process: a queue of job ids, each in it once.
//!
//! It is bounded. A ring that finds it full is dropped, as any ring may be: the catalog has the job.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt;
use reelmill_core::JobId;
use reelmill_core::ports::{Channel, Delivery, Doorbell, DoorbellError, Message, Ring};
use tokio::sync::Notify;

use super::Opening;

/// How it is opened.
pub(super) const OPENING: Opening =
    |_, _| async { Ok(Arc::new(EmbeddedDoorbell::default()) as Arc<dyn Doorbell>) }.boxed();

/// Rings that wait at most.
const MAX_WAITING: usize = 10_000;

/// A doorbell that rings within its process.
#[derive(Debug, Default)]
pub struct EmbeddedDoorbell(Arc<Bell>);

#[derive(Debug, Default)]
struct Bell {
    waiting: Mutex<Waiting>,
    rung: Notify,
}

#[derive(Debug, Default)]
struct Waiting {
    order: VecDeque<JobId>,
    /// Whether each was in hand before and came back.
    redelivered: HashMap<JobId, bool>,
}

impl Bell {
    fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(&self) -> Option<(JobId, bool)> {
        let mut waiting = self.waiting();
        let job = waiting.order.pop_front()?;
        let is_redelivered = waiting.redelivered.remove(&job).unwrap_or(false);
        if !waiting.order.is_empty() {
            // The bell keeps one ring in mind, however many there were.
            self.rung.notify_one();
        }
        Some((job, is_redelivered))
    }

    fn put(&self, job: JobId, is_redelivered: bool) {
        let mut waiting = self.waiting();
        if let Some(known) = waiting.redelivered.get_mut(&job) {
            *known |= is_redelivered;
        } else if waiting.order.len() < MAX_WAITING {
            waiting.order.push_back(job);
            waiting.redelivered.insert(job, is_redelivered);
        }
        drop(waiting);
        self.rung.notify_one();
    }
}

#[async_trait]
impl Doorbell for EmbeddedDoorbell {
    fn is_queue(&self) -> bool {
        false
    }

    async fn ring(&self, channel: Channel, ring: &Ring) -> Result<(), DoorbellError> {
        if channel == Channel::Work {
            self.0.put(ring.job, false);
        }
        Ok(())
    }

    async fn listen(&self, channel: Channel) -> Result<Box<dyn Delivery>, DoorbellError> {
        if channel == Channel::Results {
            return std::future::pending().await;
        }
        loop {
            let rung = self.0.rung.notified();
            // Nothing waits between the taking and the handing out, so a dropped wait holds no ring.
            if let Some((job, is_redelivered)) = self.0.take() {
                return Ok(Box::new(InHand {
                    bell: Arc::clone(&self.0),
                    job,
                    message: Message::Job(job),
                    is_redelivered,
                    is_settled: false,
                }));
            }
            rung.await;
        }
    }

    async fn check(&self) -> Result<(), DoorbellError> {
        Ok(())
    }
}

struct InHand {
    bell: Arc<Bell>,
    job: JobId,
    message: Message,
    is_redelivered: bool,
    is_settled: bool,
}

#[async_trait]
impl Delivery for InHand {
    fn message(&self) -> &Message {
        &self.message
    }

    fn is_redelivered(&self) -> bool {
        self.is_redelivered
    }

    async fn settle(mut self: Box<Self>) -> Result<(), DoorbellError> {
        self.is_settled = true;
        Ok(())
    }

    async fn refuse(self: Box<Self>, _: &str) -> Result<(), DoorbellError> {
        // Every ring is this process's own, so nobody else could learn from it.
        self.settle().await
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if !self.is_settled {
            self.bell.put(self.job, true);
        }
    }
}

#[cfg(test)]
mod tests {
    use reelmill_core::ports::Doorbell;
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn a_bell_that_nobody_hears_holds_a_bounded_number_of_rings() {
        let bell = EmbeddedDoorbell::default();
        for _ in 0..MAX_WAITING + 5 {
            let ring = Ring { job: JobId(Uuid::new_v4()), about: None };
            bell.ring(Channel::Work, &ring).await.unwrap();
        }
        assert_eq!(bell.0.waiting().order.len(), MAX_WAITING);
    }
}
