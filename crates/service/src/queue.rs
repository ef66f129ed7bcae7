//! The queue as a whole: how much is in it, and whether anything is taken from it.
//!
//! A pause is a fact of the catalog that every process asks for before it claims, at most a poll old. What runs goes on,
//! and what is asked for is taken in.

use reelmill_core::ports::{CatalogError, Census, JobFilter, MAX_WRITES, PageQuery};
use reelmill_core::{Event, Job, JobId, StateName, Timestamp, Write};
use tokio::time::Instant;

use crate::{Caller, Error, Service};

/// How many failed jobs are read at a time.
const PAGE: u32 = 100;
/// How many failed jobs one call begins anew.
const MOST_RETRIED: u64 = 1000;

/// What was begun anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retried {
    /// How many jobs.
    pub jobs: u64,
    /// Whether there may be more: one call does some only.
    pub is_more: bool,
}

/// The queue as it stands.
#[derive(Debug, Clone, Copy)]
pub struct QueueView {
    /// How many jobs are in which state.
    pub jobs: Census,
    /// Since when no job is begun; `None` where jobs are.
    pub paused_since: Option<Timestamp>,
}

impl Service {
    /// The queue as it stands.
    ///
    /// # Errors
    /// `Forbidden` but for admins: it counts everybody's jobs.
    pub async fn queue(&self, caller: &Caller) -> Result<QueueView, Error> {
        caller.must_be_admin()?;
        let paused_since = self.catalog().paused_since().await?;
        Ok(QueueView { jobs: self.catalog().census().await?, paused_since })
    }

    /// Has no job begun any more, here at once and in every other process within a poll.
    pub async fn pause(&self, caller: &Caller) -> Result<QueueView, Error> {
        caller.must_be_admin()?;
        self.catalog().pause(self.now()).await?;
        *self.inner.pause.lock().await = None;
        self.queue(caller).await
    }

    /// Has jobs begun again, within a poll.
    pub async fn resume(&self, caller: &Caller) -> Result<QueueView, Error> {
        caller.must_be_admin()?;
        self.catalog().resume().await?;
        *self.inner.pause.lock().await = None;
        self.queue(caller).await
    }

    /// Whether no job is to be begun; as the catalog said within the last poll.
    pub async fn is_paused(&self) -> Result<bool, Error> {
        let mut known = self.inner.pause.lock().await;
        match *known {
            Some((asked, is_paused)) if asked.elapsed() < self.options().poll => Ok(is_paused),
            _ => {
                // From before the answer: what is said meanwhile must not be taken for older than it is.
                let asked = Instant::now();
                let is_paused = self.catalog().paused_since().await?.is_some();
                *known = Some((asked, is_paused));
                Ok(is_paused)
            }
        }
    }

    /// Begins the caller's failed jobs anew, or everybody's.
    ///
    /// # Errors
    /// `Forbidden` where an account other than an admin's wants everybody's.
    pub async fn retry_failed(&self, caller: &Caller, everybodys: bool) -> Result<Retried, Error> {
        caller.must_be_member()?;
        if everybodys {
            caller.must_be_admin()?;
        }
        let account = (!everybodys).then_some(caller.id());
        let filter = JobFilter { account, media: None, state: Some(StateName::Failed) };
        let (mut jobs, mut query) = (0, PageQuery { limit: PAGE, after: None });
        loop {
            // What fails again meanwhile stands before the place where the next page begins.
            let page = self.catalog().jobs(filter, query).await?;
            for some in page.items.chunks(MAX_WRITES) {
                jobs += self.retry_some(some).await?;
            }
            query.after = page.next;
            let is_more = page.next.is_some();
            if !is_more || jobs >= MOST_RETRIED {
                return Ok(Retried { jobs, is_more });
            }
        }
    }

    /// Begins jobs anew in one commit, or one by one where one of them has moved; says how many.
    async fn retry_some(&self, failed: &[Job]) -> Result<u64, Error> {
        let next = failed.iter().filter_map(|job| job.apply(&Event::Retry, self.now()).ok());
        let next: Vec<Job> = next.collect();
        let mut retried: Vec<JobId> = Vec::with_capacity(next.len());
        if self.replace_all(&next).await? {
            retried.extend(next.iter().map(|job| job.id));
        } else {
            for job in &next {
                if self.replace_all(std::slice::from_ref(job)).await? {
                    retried.push(job.id);
                }
            }
        }
        for id in &retried {
            self.ring(*id).await;
        }
        Ok(retried.len() as u64)
    }

    async fn replace_all(&self, next: &[Job]) -> Result<bool, Error> {
        match self.catalog().commit(next.iter().cloned().map(Write::ReplaceJob).collect()).await {
            Ok(()) => Ok(true),
            Err(CatalogError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
