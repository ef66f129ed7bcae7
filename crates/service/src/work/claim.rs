//! Finding the next job and claiming it.
//!
//! The doorbell names a job, the catalog knows them all: a ring that is lost costs a poll interval, never a job.

use reelmill_core::ports::{CatalogError, Delivery};
use reelmill_core::{Event, Job, JobId, StateName, Token, Write};
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;
use uuid::Uuid;

use super::backoff::jittered;
use crate::{Error, Service};

/// Claims looked at in one look at the catalog: enough that a lost race finds another job at once.
const LOOK: u32 = 8;

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

impl Service {
    /// Waits for a job and claims it. A claim that is being written is waited for, so that draining leaves none behind.
    pub(super) async fn next_claim(&self, drain: &CancellationToken) -> Next {
        while !drain.is_cancelled() {
            match self.claim_due().await {
                Ok(Some(claimed)) => return Next::Claimed(Box::new(claimed)),
                Ok(None) => {}
                Err(error) => warn!(error = ?error, "the catalog gives no jobs; trying again"),
            }
            tokio::select! {
                rung = self.ports().doorbell.listen() => match rung {
                    Ok(delivery) => {
                        if let Some(claimed) = self.claim_rung(delivery).await {
                            return Next::Claimed(Box::new(claimed));
                        }
                    }
                    Err(error) => {
                        warn!(%error, "the doorbell is silent; looking by the clock");
                        sleep(jittered(self.options().poll)).await;
                    }
                },
                () = sleep(jittered(self.options().poll)) => {}
                () = self.inner.slot_wanted.notified() => return Next::SlotWanted,
                () = drain.cancelled() => {}
            }
        }
        Next::Draining
    }

    async fn claim_due(&self) -> Result<Option<Claimed>, Error> {
        for job in self.catalog().due_jobs(self.now(), LOOK).await? {
            if let Some(claimed) = self.claim(job, None).await? {
                return Ok(Some(claimed));
            }
        }
        Ok(None)
    }

    async fn claim_rung(&self, delivery: Box<dyn Delivery>) -> Option<Claimed> {
        let id = delivery.job();
        match self.look_at(id, delivery.is_redelivered()).await {
            Ok(Some(job)) => match self.claim(job, Some(delivery)).await {
                Ok(claimed) => claimed,
                Err(error) => {
                    warn!(job.id = %id, error = ?error, "a job that was rung for could not be claimed");
                    None
                }
            },
            Ok(None) => {
                settle(delivery).await;
                None
            }
            Err(error) => {
                // The delivery is dropped unsettled, so that it comes again.
                warn!(job.id = %id, error = ?error, "a job that was rung for could not be read");
                sleep(jittered(Duration::from_millis(200))).await;
                None
            }
        }
    }

    /// The job of a ring where it can be claimed. A broker that marks a redelivery has seen the worker before us die,
    /// so its claim need not be waited out: the token makes that safe.
    async fn look_at(&self, id: JobId, redelivered: bool) -> Result<Option<Job>, Error> {
        let Some(job) = self.catalog().job(id).await? else { return Ok(None) };
        match job.claim().map(|claim| claim.token) {
            Some(token) if redelivered && !self.held().contains_key(&id) => {
                let lapsed = self.raise(&job, &Event::Lapse { token }).await?;
                Ok(lapsed.filter(|job| job.state.name() == StateName::Queued))
            }
            _ => Ok((job.state.name() == StateName::Queued).then_some(job)),
        }
    }

    async fn claim(&self, job: Job, delivery: Option<Box<dyn Delivery>>) -> Result<Option<Claimed>, Error> {
        if let Ok(expired) = job.apply(&Event::Expire, self.now()) {
            self.end(&job, expired, Vec::new()).await?;
            return Ok(None);
        }
        let token = Token { attempt: job.attempt + 1, nonce: Uuid::new_v4() };
        let event = Event::Claim { token, worker: self.options().worker_name.clone() };
        if let Some(job) = self.raise(&job, &event).await? {
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

pub(super) async fn settle(delivery: Box<dyn Delivery>) {
    let id = delivery.job();
    if let Err(error) = delivery.settle().await {
        warn!(job.id = %id, %error, "a ring could not be settled and will come again");
    }
}
