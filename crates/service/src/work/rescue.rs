//! Taking jobs over from workers that died.

use std::collections::HashMap;

use reelmill_core::ports::Delivery;
use reelmill_core::{Event, Job, JobId, StateName, Token};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::backoff::jittered;
use super::claim::settle;
use crate::{Error, Service};

/// The most claims that are watched at once.
pub(super) const MOST: u32 = 10_000;

/// What a rescuer remembers of each claim: since when, on its own monotonic clock, it has seen the same heartbeat
/// count of the same token.
#[derive(Default)]
pub(crate) struct Rescuer {
    seen: HashMap<JobId, (Token, u64, Instant)>,
}

impl Service {
    /// Rescues until told to stop; looks four times a lease.
    pub(crate) async fn rescue(self, stop: CancellationToken) {
        let mut rescuer = Rescuer::default();
        loop {
            if let Err(error) = rescuer.look(&self).await {
                warn!(error = ?error, "dead workers could not be looked for");
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(jittered(self.options().lease / 4)) => {}
            }
        }
    }

    /// Takes every claim over at once: only where it is proved that all workers before this process are dead.
    pub(crate) async fn rescue_all(&self) -> Result<usize, Error> {
        let mut rescued = 0;
        for job in self.catalog().claimed_jobs(MOST).await? {
            rescued += usize::from(self.lapse(&job).await?);
        }
        Ok(rescued)
    }

    /// Takes one claim over; `false` where somebody was faster.
    async fn lapse(&self, job: &Job) -> Result<bool, Error> {
        let Some(token) = job.claim().map(|claim| claim.token) else { return Ok(false) };
        let Some(next) = self.raise(job, &Event::Lapse { token }).await? else { return Ok(false) };
        info!(job.id = %job.id, job.attempt = token.attempt, job.state = %next.state.name(), "took a job over from a dead worker");
        if next.state.name() == StateName::Queued {
            self.ring(job.id).await;
        }
        Ok(true)
    }

    /// Looks after a ring that comes again while its job is claimed elsewhere. The worker may be dead, or only its
    /// connection to the broker: a claim that beats on is left alone, so that a broker that restarts costs no attempt.
    pub(super) async fn doubt(self, job: Job, delivery: Box<dyn Delivery>) {
        sleep(self.options().heartbeat * 2).await;
        let standing = |now: &Job| {
            let token = |job: &Job| job.claim().map(|claim| claim.token);
            token(now) == token(&job) && now.pulse.beats == job.pulse.beats
        };
        match self.catalog().job(job.id).await {
            Ok(Some(now)) if !now.state.name().is_over() && standing(&now) => {
                if let Err(error) = self.lapse(&now).await {
                    warn!(job.id = %job.id, error = ?error, "a dead worker's job could not be taken over");
                    return;
                }
            }
            Ok(Some(now)) if now.state.name() == StateName::Queued => self.ring(job.id).await,
            Ok(_) => {}
            // Dropped, it comes again.
            Err(_) => return,
        }
        settle(delivery).await;
    }
}

impl Rescuer {
    /// One look: lapses every claim that has stood still for a lease.
    pub(crate) async fn look(&mut self, service: &Service) -> Result<(), Error> {
        let jobs = service.catalog().claimed_jobs(MOST).await?;
        let now = Instant::now();
        let mut seen = HashMap::with_capacity(jobs.len());
        for job in jobs {
            let Some(token) = job.claim().map(|claim| claim.token) else { continue };
            let since = match self.seen.get(&job.id) {
                Some((known, beats, since)) if *known == token && *beats == job.pulse.beats => *since,
                _ => now,
            };
            seen.insert(job.id, (token, job.pulse.beats, since));
            if now.duration_since(since) >= service.options().lease && service.lapse(&job).await? {
                seen.remove(&job.id);
            }
        }
        self.seen = seen;
        Ok(())
    }
}
