//! Finding the next job and claiming it.
//!
//! The doorbell names a job, the catalog knows them all: a ring that is lost costs a poll interval, never a job. Which of
//! those that are due is next is a matter of turns.

use std::collections::HashMap;

use reelmill_core::ports::{CatalogError, Channel, Delivery, Message};
use reelmill_core::{Event, Job, Kind, Priority, StateName, Token, UserId, Write};
use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{debug, warn};
use uuid::Uuid;

use super::backoff::jittered;
use super::turn::in_turn;
use crate::{Error, Service};

/// Claims looked at in one look at the catalog: enough that a lost race finds another job at once.
const LOOK: u32 = 8;

/// How long the ring of a job that is due may take to come out of a queue.
const QUEUE_PATIENCE: Duration = Duration::from_millis(50);

/// A job that is this worker's.
pub(super) struct Claimed {
    pub(super) job: Job,
    pub(super) token: Token,
    /// The ring that named it, held until the attempt is over.
    pub(super) delivery: Option<Box<dyn Delivery>>,
}

/// What a worker that waits for a job gets.
pub(super) enum Next {
    /// A job.
    Claimed(Box<Claimed>),
    /// Nothing yet, and a download that has ended wants the slot that waits here.
    SlotWanted,
    /// Nothing any more.
    Draining,
}

/// What a look for a job comes to.
enum Look {
    Claimed(Box<Claimed>),
    Nothing,
    /// Nothing is to be claimed.
    Paused,
}

impl Service {
    /// Waits for a job and claims it. A claim that is being written is waited for, so that draining leaves none behind.
    pub(super) async fn next_claim(&self, drain: &CancellationToken) -> Next {
        let mut is_silent = false;
        while !drain.is_cancelled() {
            let mut is_paused = false;
            match self.look().await {
                Ok(Look::Claimed(claimed)) => return Next::Claimed(claimed),
                Ok(Look::Nothing) => {}
                Ok(Look::Paused) => is_paused = true,
                Err(error) => warn!(error = ?error, "the catalog gives no jobs; trying again"),
            }
            tokio::select! {
                // What is rung for while nothing is claimed stays with the broker.
                rung = self.ports().doorbell.listen(Channel::Work), if !is_paused => match rung {
                    Ok(delivery) => {
                        is_silent = false;
                        if let Some(claimed) = self.claim_rung(delivery, None).await {
                            return Next::Claimed(Box::new(claimed));
                        }
                    }
                    Err(error) => {
                        if !std::mem::replace(&mut is_silent, true) {
                            warn!(%error, "the doorbell is silent; looking by the clock");
                        }
                        sleep(jittered(self.options().poll)).await;
                    }
                },
                () = sleep(jittered(self.options().poll)) => {}
                () = self.inner.room.notified() => {}
                () = self.inner.slot_wanted.notified() => return Next::SlotWanted,
                () = drain.cancelled() => {}
            }
        }
        Next::Draining
    }

    async fn look(&self) -> Result<Look, Error> {
        if self.is_paused().await? {
            return Ok(Look::Paused);
        }
        let claimed = self.claim_now().await?;
        Ok(claimed.map_or(Look::Nothing, |claimed| Look::Claimed(Box::new(claimed))))
    }

    /// A job that is due now. Where the doorbell is a queue, the ring that names it is taken along where there is one, since
    /// the queue's length tells how many workers are wanted; only what is more urgent than most goes before its turn.
    async fn claim_now(&self) -> Result<Option<Claimed>, Error> {
        let due = self.due_in_turn().await?;
        if !self.ports().doorbell.is_queue() || due.is_empty() {
            return self.claim_first(due).await;
        }
        let (urgent, usual): (Vec<_>, Vec<_>) =
            due.into_iter().partition(|job| job.priority == Priority::Interactive);
        if let Some(claimed) = self.claim_first(urgent).await? {
            return Ok(Some(claimed));
        }
        if let Ok(Ok(delivery)) = timeout(QUEUE_PATIENCE, self.ports().doorbell.listen(Channel::Work)).await
            && let Some(claimed) = self.claim_rung(delivery, usual.first()).await
        {
            return Ok(Some(claimed));
        }
        self.claim_first(usual).await
    }

    /// What is due, in the order in which it is to be claimed.
    pub(super) async fn due_in_turn(&self) -> Result<Vec<Job>, Error> {
        let now = self.now();
        let mut due = self.catalog().due_jobs(now, LOOK).await?;
        // What a look that is full leaves off is of its last job's priority or less urgent.
        let cut_off = due.get(LOOK as usize - 1).map(|job| job.priority);
        if due.is_empty() {
            return Ok(due);
        }
        let full = self.full_accounts().await?;
        due.retain(|job| !full.contains(&job.account));
        let (last, running) = self.standing();
        for priority in cut_off.map_or(&[][..], Priority::down_from) {
            // Something more urgent is there.
            if due.iter().any(|job| job.priority < *priority) {
                break;
            }
            due.extend(self.due_with_room(now, *priority, last, LOOK, &full).await?);
        }
        Ok(in_turn(due, last, &running))
    }

    /// Who was served last, and how many jobs of whom run here.
    fn standing(&self) -> (Option<UserId>, HashMap<UserId, usize>) {
        let mut running = HashMap::new();
        for held in self.held().values() {
            *running.entry(held.account).or_default() += 1;
        }
        (*self.served_last(), running)
    }

    async fn claim_first(&self, due: Vec<Job>) -> Result<Option<Claimed>, Error> {
        for job in due {
            if let Some(claimed) = self.claim(job, None).await? {
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    async fn claim_rung(&self, delivery: Box<dyn Delivery>, turn: Option<&Job>) -> Option<Claimed> {
        match self.take(delivery, turn).await {
            Ok(claimed) => claimed,
            Err(error) => {
                // The delivery was dropped unsettled, so that it comes again.
                warn!(error = ?error, "a job that was rung for could not be claimed");
                sleep(jittered(Duration::from_millis(200))).await;
                None
            }
        }
    }

    /// Claims the job that a delivery names where it waits, or the one whose turn it is where that is another account's;
    /// else the delivery is settled, looked after or set aside.
    async fn take(&self, delivery: Box<dyn Delivery>, turn: Option<&Job>) -> Result<Option<Claimed>, Error> {
        if self.is_paused().await? {
            // Dropped unsettled, it comes again.
            return Ok(None);
        }
        let id = match delivery.message() {
            Message::Job(id) => *id,
            Message::Foreign(foreign) => match self.adopt(foreign).await {
                Ok(id) => id,
                Err(error) if error.kind == Kind::Unprocessable => {
                    refuse(delivery, &error.detail).await;
                    return Ok(None);
                }
                Err(error) => return Err(error),
            },
        };
        match self.catalog().job(id).await? {
            Some(job) if job.state.name() == StateName::Queued => {
                // A message for each claim keeps the queue's length honest, whichever job it names: the one that it named
                // is found in the catalog when its turn comes.
                let others = turn.filter(|turn| turn.account != job.account).cloned();
                if turn.is_none() && self.full_accounts().await?.contains(&job.account) {
                    settle(delivery).await;
                    return Ok(None);
                }
                self.claim(others.unwrap_or(job), Some(delivery)).await
            }
            Some(job)
                if job.claim().is_some() && delivery.is_redelivered() && !self.held().contains_key(&id) =>
            {
                tokio::spawn(self.clone().doubt(job, delivery));
                Ok(None)
            }
            _ => {
                settle(delivery).await;
                Ok(None)
            }
        }
    }

    pub(super) async fn claim(
        &self,
        job: Job,
        delivery: Option<Box<dyn Delivery>>,
    ) -> Result<Option<Claimed>, Error> {
        if let Ok(expired) = job.apply(&Event::Expire, self.now()) {
            self.end(&job, expired, Vec::new()).await?;
            return Ok(None);
        }
        let token = Token { attempt: job.attempt + 1, nonce: Uuid::new_v4() };
        let event = Event::Claim { token, worker: self.options().worker_name.clone() };
        if let Some(job) = self.raise(&job, &event).await? {
            *self.served_last() = Some(job.account);
            return Ok(Some(Claimed { job, token, delivery }));
        }
        if let Some(delivery) = delivery {
            settle(delivery).await;
        }
        Ok(None)
    }

    /// Writes the job after `event` where both the state and the catalog allow it.
    pub(super) async fn raise(&self, job: &Job, event: &Event) -> Result<Option<Job>, Error> {
        let Ok(next) = job.apply(event, self.now()) else { return Ok(None) };
        if next.state.name().is_over() {
            return Ok(self.end(job, next.clone(), Vec::new()).await?.then_some(next));
        }
        match self.catalog().commit(vec![Write::ReplaceJob(next.clone())]).await {
            Ok(()) => Ok(Some(next)),
            Err(CatalogError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

/// Ends a delivery. What could not be ended comes again, and finds its job over.
pub(crate) async fn settle(delivery: Box<dyn Delivery>) {
    let message = delivery.message().clone();
    if let Err(error) = delivery.settle().await {
        debug!(?message, %error, "a ring could not be settled and will come again");
    }
}

/// Sets a delivery aside with the reason.
pub(crate) async fn refuse(delivery: Box<dyn Delivery>, reason: &str) {
    warn!(reason, "a message from outside was set aside");
    if let Err(error) = delivery.refuse(reason).await {
        warn!(%error, "it could not be set aside and will come again");
    }
}
