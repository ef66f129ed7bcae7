//! Taking jobs over from workers that died.

use std::collections::HashMap;

use reelmill_core::{Event, JobId, StateName, Token};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::backoff::jittered;
use crate::{Error, Service};

/// The most claims that are watched at once.
const MOST: u32 = 10_000;

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
    pub(crate) async fn lapse(&self, job: &reelmill_core::Job) -> Result<bool, Error> {
        let Some(token) = job.claim().map(|claim| claim.token) else { return Ok(false) };
        let Some(next) = self.raise(job, &Event::Lapse { token }).await? else { return Ok(false) };
        info!(job.id = %job.id, job.attempt = token.attempt, job.state = %next.state.name(), "took a job over from a dead worker");
        if next.state.name() == StateName::Queued {
            self.ring(job.id).await;
        }
        Ok(true)
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
