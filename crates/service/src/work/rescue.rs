//! Taking jobs over from workers that died, and hastening those that a clock put off.
//!
//! A clock that was ahead when a job was queued, and is right again, would have it wait for that moment. However short it was
//! ahead, and in whatever process: what it wrote stands in the catalog at a time that is not yet, and whoever sees that looks
//! through what is queued.

use std::collections::HashMap;

use reelmill_core::ports::{Delivery, JobFilter, PageQuery};
use reelmill_core::{CLOCK_SKEW_MS, Event, Job, JobId, State, StateName, Timestamp, Token};
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::backoff::{LONGEST, jittered};
use super::claim::settle;
use super::heartbeat::DOUBT;
use crate::{Error, Service};

/// The most claims that are watched at once.
pub(super) const MOST: u32 = 10_000;

/// Queued jobs that are read at once where the clock has stepped back.
const PAGE: u32 = 500;

/// What a rescuer remembers.
#[derive(Default)]
pub(crate) struct Rescuer {
    /// Of each claim since when, on its own monotonic clock, it has seen the same heartbeat count of the same token.
    seen: HashMap<JobId, (Token, u64, Instant)>,
    /// The latest time ahead of the clock for which it has looked through the queue.
    answered: Option<Timestamp>,
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

    /// Makes due what a clock that was ahead has put off: what nothing has ended before is always due when it is queued, and
    /// no wait before another attempt is longer than the longest.
    async fn hasten(&self) -> Result<u64, Error> {
        let now = self.now();
        let longest = now.plus_ms(u64::try_from(LONGEST.as_millis()).unwrap_or(u64::MAX));
        let is_put_off = |job: &Job| match &job.state {
            State::Queued { due_at, last_failure: None } => *due_at > now,
            State::Queued { due_at, .. } => *due_at > longest,
            _ => false,
        };
        let filter = JobFilter { state: Some(StateName::Queued), ..JobFilter::default() };
        let (mut after, mut hastened) = (None, 0);
        loop {
            let page = self.catalog().jobs(filter, PageQuery { limit: PAGE, after }).await?;
            for job in page.items.iter().filter(|job| is_put_off(job)) {
                if self.raise(job, &Event::Hasten).await?.is_some() {
                    hastened += 1;
                    self.ring(job.id).await;
                }
            }
            after = page.next;
            if after.is_none() {
                return Ok(hastened);
            }
        }
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
    /// connection to the broker: a claim that beats on is left alone, so that a broker that restarts costs no attempt. One
    /// that would know of its loss beats in a hurry, so that little patience is enough.
    pub(super) async fn doubt(self, job: Job, delivery: Box<dyn Delivery>) {
        let beats = self.options().heartbeat * 2;
        sleep(if delivery.tells_loss() { beats.min(DOUBT) } else { beats }).await;
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
        if let Some(ahead) = self.ahead_of_now(service).await? {
            let jobs = service.hasten().await?;
            warn!(jobs, %ahead, "the clock was set back, here or elsewhere; hastened the jobs that it had put off");
            self.answered = Some(ahead);
        }
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

    /// The latest change, where it is of a time that is not yet and was not answered before.
    async fn ahead_of_now(&self, service: &Service) -> Result<Option<Timestamp>, Error> {
        let latest = service.catalog().latest_change().await?;
        let not_yet = service.now().plus_ms(CLOCK_SKEW_MS);
        Ok(latest.filter(|latest| *latest > not_yet && Some(*latest) > self.answered))
    }
}
