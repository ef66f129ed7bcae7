//! A claim's sign of life, and how its worker learns that it is over.
//!
//! A worker that could not say that it lives stops by its own monotonic clock, before any rescuer may have seen
//! the lease pass.

use std::sync::Arc;

use reelmill_core::ports::{Beat, Cancel, CatalogError, Delivery};
use reelmill_core::{JobId, Pulse, Stage, Timestamp, Token, UserId};
use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::claim::settle;
use crate::{Held, Service};

/// Brokers time long holds out; after this the catalog alone carries the job on.
const LONGEST_HOLD: Duration = Duration::from_mins(20);

/// Between two heartbeats of a worker that has lost its ring: the broker may have given it to another, who looks whether
/// this one lives.
const HURRIED: Duration = Duration::from_millis(500);

/// How long somebody who was brought a lost ring looks for a heartbeat of the worker that lost it.
pub(super) const DOUBT: Duration = Duration::from_millis(1500);

/// Why a conversion was told to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Stopped {
    /// Somebody cancelled the job.
    Cancelled,
    /// The claim is another's, or the job is gone.
    Lost,
    /// All attempts together took too long.
    Deadline,
    /// This process is being stopped.
    Draining,
}

/// What the heartbeat watches over.
pub(super) struct Watch {
    pub(super) id: JobId,
    pub(super) account: UserId,
    pub(super) token: Token,
    pub(super) cancel: Cancel,
    pub(super) deadline: Option<Timestamp>,
    pub(super) give_back: CancellationToken,
    pub(super) beat_now: Arc<Notify>,
}

impl Service {
    /// Beats until the conversion has to stop, and says why. Settles the delivery once it was held too long.
    pub(super) async fn watch(&self, watch: &Watch, delivery: &mut Option<Box<dyn Delivery>>) -> Stopped {
        let until_deadline =
            watch.deadline.map(|deadline| Duration::from_millis(deadline.ms_since(self.now())));
        let deadline = Instant::now() + until_deadline.unwrap_or(Duration::from_secs(u64::from(u32::MAX)));
        let hold_ends = Instant::now() + LONGEST_HOLD;
        let mut alive_until = Instant::now() + self.patience();
        let mut between = self.options().heartbeat;
        loop {
            tokio::select! {
                () = sleep(between) => {}
                () = lost(delivery.as_deref()) => {
                    *delivery = None;
                    between = between.min(HURRIED);
                }
                () = watch.beat_now.notified() => {}
                () = watch.give_back.cancelled() => return Stopped::Draining,
                () = sleep_until(deadline) => return Stopped::Deadline,
                () = sleep_until(alive_until) => return self.given_up(watch),
                () = sleep_until(hold_ends), if delivery.is_some() => {
                    if let Some(delivery) = delivery.take() {
                        settle(delivery).await;
                    }
                    continue;
                }
            }
            let asked = Instant::now();
            let beat = self.catalog().beat(watch.id, watch.token, self.pulse_of(watch.id));
            match tokio::time::timeout_at(alive_until, beat).await {
                Ok(Ok(Beat::Running)) => alive_until = asked + self.patience(),
                Ok(Ok(Beat::Cancelling)) => return Stopped::Cancelled,
                Ok(Err(CatalogError::Conflict | CatalogError::NotFound)) => return Stopped::Lost,
                Ok(Err(error)) => warn!(job.id = %watch.id, %error, "a heartbeat was not taken"),
                Err(_) => {}
            }
            if Instant::now() >= alive_until {
                return self.given_up(watch);
            }
        }
    }

    fn given_up(&self, watch: &Watch) -> Stopped {
        let worker = &self.options().worker_name;
        warn!(job.id = %watch.id, worker, "no heartbeat was taken for most of a lease; the claim is given up");
        Stopped::Lost
    }

    /// How long after a heartbeat that was taken the worker may go on: less than the lease, from the moment before it
    /// was sent, so that it stops before a rescuer has seen the lease pass.
    fn patience(&self) -> Duration {
        self.options().lease.mul_f64(0.8)
    }

    pub(super) fn hold(&self, watch: &Watch, stage: Stage) {
        let held = Held {
            account: watch.account,
            token: watch.token,
            cancel: watch.cancel.clone(),
            pulse: Pulse { beats: 0, progress: 0.0, stage: Some(stage) },
            beat_now: Arc::clone(&watch.beat_now),
        };
        self.held().insert(watch.id, held);
    }

    /// Forgets the claim, unless a newer one of the same job took its place.
    pub(super) fn let_go(&self, watch: &Watch) {
        let mut held = self.held();
        if held.get(&watch.id).is_some_and(|held| held.token == watch.token) {
            held.remove(&watch.id);
        }
        if self.options().account_slots.is_some() {
            self.inner.room.notify_one();
        }
    }

    pub(super) fn set_pulse(&self, id: JobId, token: Token, stage: Stage, progress: f64) {
        if let Some(held) = self.held().get_mut(&id).filter(|held| held.token == token) {
            held.pulse.stage = Some(stage);
            held.pulse.progress = progress.clamp(0.0, 1.0);
        }
    }

    fn pulse_of(&self, id: JobId) -> Pulse {
        self.held().get(&id).map(|held| held.pulse).unwrap_or_default()
    }
}

/// Waits until a delivery that is in hand is lost.
async fn lost(delivery: Option<&dyn Delivery>) {
    match delivery {
        Some(delivery) => delivery.lost().await,
        None => std::future::pending().await,
    }
}
