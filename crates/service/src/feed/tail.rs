//! What other processes change: looked up while somebody listens.
//!
//! The shared clock is kept while nobody does, so that what this process writes then has its place behind the others'.

use std::collections::HashSet;

use reelmill_core::ports::{CatalogError, ChangeQuery};
use reelmill_core::{Job, JobId, State, Timestamp};
use tokio::time::{Duration, Instant, sleep, sleep_until};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use super::OVERLAP_MS;
use crate::work::jittered;
use crate::{Error, Service};

/// Between two tellings of how far a job is: four a second.
const BETWEEN: Duration = Duration::from_millis(250);

/// How often the shared clock is looked at while nobody listens.
const KEEP_TIME: Duration = Duration::from_secs(5);

/// How far a usual look goes back: most commits are seen sooner.
const SHORT_OVERLAP_MS: u64 = 5_000;

/// Each of so many looks goes back over all that may have become visible late.
const LONG_LOOK: u32 = 10;

/// Jobs that a look reads at once, and the most that are followed while they run.
const PAGE: u32 = 500;

/// How far the looks have come.
struct Tail {
    since: Timestamp,
    looks: u32,
}

impl Service {
    /// Tells what moves until told to stop.
    pub(crate) async fn follow(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.catalog.feed().begun.notified() => {}
                () = sleep(jittered(KEEP_TIME)) => {}
            }
            if self.inner.catalog.feed().is_heard() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.tell_while_heard() => {}
                }
            } else if !self.options().sole {
                // Where it cannot be asked now, nothing is written now either.
                let _ = self.keep_time().await;
            }
        }
    }

    /// Takes notice of the catalog's latest moment, before anything is written behind it.
    pub(crate) async fn keep_time(&self) -> Result<(), CatalogError> {
        if let Some(latest) = self.catalog().latest_change().await? {
            self.inner.catalog.moments().seen(latest);
        }
        Ok(())
    }

    async fn tell_while_heard(&self) {
        let mut tail = None;
        let mut look_at = Instant::now();
        let mut is_blind = false;
        while self.inner.catalog.feed().is_heard() {
            self.tell_held();
            if !self.options().sole && Instant::now() >= look_at {
                match self.look_back(&mut tail).await {
                    Ok(()) => is_blind = false,
                    Err(error) if !std::mem::replace(&mut is_blind, true) => {
                        warn!(?error, "what other processes change cannot be seen; looking again");
                    }
                    Err(_) => {}
                }
                look_at = Instant::now() + jittered(self.options().poll);
            }
            sleep_until(Instant::now() + BETWEEN).await;
        }
    }

    /// Tells how far this process's own conversions are.
    fn tell_held(&self) {
        let feed = self.inner.catalog.feed();
        for (job, held) in self.held().iter() {
            if let Some(stage) = held.pulse.stage {
                feed.tell_progress(*job, held.account, None, (stage, held.pulse.progress));
            }
        }
    }

    /// Tells what others have changed since the last look.
    async fn look_back(&self, tail: &mut Option<Tail>) -> Result<(), Error> {
        let moments = self.inner.catalog.moments();
        let Some(tail) = tail else {
            // What was written well before anybody listened is nobody's news; what is within the next look's reach is told by it.
            self.keep_time().await?;
            let since = moments.latest();
            let claimed = self.catalog().claimed_jobs(PAGE).await?;
            for job in claimed.iter().filter(|job| job.changed_at < since.minus_ms(SHORT_OVERLAP_MS)) {
                self.inner.catalog.feed().know(job);
            }
            *tail = Some(Tail { since, looks: 0 });
            return Ok(());
        };
        tail.looks += 1;
        let overlap_ms = if tail.looks.is_multiple_of(LONG_LOOK) { OVERLAP_MS } else { SHORT_OVERLAP_MS };
        let since = tail.since.minus_ms(overlap_ms);
        let mut query = ChangeQuery { account: None, since, after: None, limit: PAGE };
        loop {
            let jobs = self.catalog().changed_jobs(query).await?;
            let Some(last) = jobs.last() else { break };
            let is_all = jobs.len() < PAGE as usize;
            query = query.behind(last);
            moments.seen(last.changed_at);
            tail.since = tail.since.max(last.changed_at);
            self.tell_others(jobs).await?;
            if is_all {
                break;
            }
        }
        self.tell_claimed().await
    }

    async fn tell_others(&self, jobs: Vec<Job>) -> Result<(), Error> {
        for job in jobs {
            if !self.inner.catalog.feed().is_news(&job) {
                continue;
            }
            let output = match job.state {
                State::Done { output, .. } => self.catalog().output(output).await?,
                _ => None,
            };
            self.inner.catalog.feed().tell(job, output);
        }
        Ok(())
    }

    /// Tells how far the conversions of other processes are, as their heartbeats say.
    async fn tell_claimed(&self) -> Result<(), Error> {
        let claimed = self.catalog().claimed_jobs(PAGE).await?;
        let here: HashSet<JobId> = self.held().keys().copied().collect();
        for job in claimed.iter().filter(|job| !here.contains(&job.id)) {
            if let Some(stage) = job.pulse.stage {
                let done = (stage, job.pulse.progress);
                self.inner.catalog.feed().tell_progress(job.id, job.account, Some(job.version), done);
            }
        }
        Ok(())
    }
}
