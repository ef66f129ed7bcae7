//! Purging: what is old goes, its records first, each object's key on record in the same commit.
//!
//! Age is told by ids: they hold the moment at which a record was made, and a list that begins behind a moment is a walk
//! of an index. So an administrator's purge and the collector's own go through the same pages. What others rely on stays:
//! the library's songs, tasks, and what is published.

use std::time::Duration;

use reelmill_core::ports::{CatalogError, JobFilter, PageQuery};
use reelmill_core::{Job, Media, State, StateName, Timestamp, Write};
use tokio::time::Instant;
use tracing::info;
use uuid::Uuid;

use crate::library::Removal;
use crate::{Caller, Error, Service};

/// How many records are looked at in one step.
const PAGE: u32 = 100;
/// How long an administrator's purge goes on before it answers.
const PATIENCE: Duration = Duration::from_secs(10);
/// The states that a job has ended in.
const OVER: [StateName; 3] = [StateName::Done, StateName::Failed, StateName::Cancelled];

/// How old what goes has to be; what has no age stays.
#[derive(Debug, Clone, Copy, Default)]
pub struct Ages {
    /// Of jobs, from their end on; their outputs go along.
    pub jobs: Option<Duration>,
    /// Of media without a job, from their arrival on.
    pub media: Option<Duration>,
}

/// What a purge took away.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Purged {
    /// Jobs.
    pub jobs: u64,
    /// Their outputs.
    pub outputs: u64,
    /// Media.
    pub media: u64,
    /// Whether it stopped before it had looked at everything.
    pub is_more: bool,
}

/// Where a purge is in what it goes through.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Place {
    aisle: usize,
    /// The last record that was looked at in it.
    after: Option<Uuid>,
}

/// What is gone through from its youngest old record on.
#[derive(Debug, Clone, Copy)]
enum Aisle {
    Jobs(StateName, Duration),
    Media(Duration),
}

impl Service {
    /// Takes away what is old, for some seconds; `is_more` where that was not enough.
    ///
    /// # Errors
    /// `Forbidden` but for admins; `Invalid` where no age is given.
    pub async fn purge(&self, caller: &Caller, ages: Ages) -> Result<Purged, Error> {
        caller.must_be_admin()?;
        if ages.aisles().is_empty() {
            return Err(Error::invalid("name an age: jobs_older_than_ms, media_older_than_ms or both"));
        }
        let (begun, mut place, mut purged) = (Instant::now(), Some(Place::default()), Purged::default());
        while let Some(here) = place {
            if begun.elapsed() >= PATIENCE {
                purged.is_more = true;
                break;
            }
            place = self.purge_step(ages, here, &mut purged).await?;
        }
        info!(jobs = purged.jobs, outputs = purged.outputs, media = purged.media, "purged");
        Ok(purged)
    }

    /// Looks at one page, takes away what is old in it, and gives the place of the next one, where there is one.
    pub(crate) async fn purge_step(
        &self,
        ages: Ages,
        place: Place,
        purged: &mut Purged,
    ) -> Result<Option<Place>, Error> {
        let aisles = ages.aisles();
        let next = match aisles.get(place.aisle) {
            None => return Ok(None),
            Some(Aisle::Jobs(state, age)) => self.purge_jobs(*state, *age, place.after, purged).await?,
            Some(Aisle::Media(age)) => self.purge_media(*age, place.after, purged).await?,
        };
        Ok(match next {
            Some(after) => Some(Place { after: Some(after), ..place }),
            None => {
                Some(Place { aisle: place.aisle + 1, after: None }).filter(|next| next.aisle < aisles.len())
            }
        })
    }

    async fn purge_jobs(
        &self,
        state: StateName,
        age: Duration,
        after: Option<Uuid>,
        purged: &mut Purged,
    ) -> Result<Option<Uuid>, Error> {
        let before = self.moment_ago(age);
        let filter = JobFilter { state: Some(state), ..JobFilter::default() };
        // What ended before then was made before then.
        let query = PageQuery { limit: PAGE, after: after.or(Some(last_id_of(before))) };
        let page = self.catalog().jobs(filter, query).await?;
        for job in &page.items {
            let is_old = job.finished_at().is_some_and(|at| at <= before);
            if is_old && job.song.is_none() && job.task.is_none() {
                self.purge_job(job, purged).await?;
            }
        }
        Ok(page.next)
    }

    /// Takes a job away as it was read: one that was begun anew meanwhile stays.
    async fn purge_job(&self, job: &Job, purged: &mut Purged) -> Result<(), Error> {
        let output = match job.state {
            State::Done { output, .. } => self.catalog().output(output).await?,
            _ => None,
        };
        let mut removal = Removal { writes: vec![Write::DropJob(job.id, job.version)], keys: Vec::new() };
        if let Some(output) = output {
            removal.writes.extend([Write::DropOutput(output.id), self.condemned(&output.key)]);
            removal.keys.push(output.key);
        }
        match self.catalog().commit(removal.writes).await {
            Ok(()) => {}
            Err(CatalogError::Conflict) => return Ok(()),
            Err(error) => return Err(error.into()),
        }
        purged.jobs += 1;
        for key in &removal.keys {
            purged.outputs += 1;
            self.delete_condemned(key).await;
        }
        Ok(())
    }

    async fn purge_media(
        &self,
        age: Duration,
        after: Option<Uuid>,
        purged: &mut Purged,
    ) -> Result<Option<Uuid>, Error> {
        let before = self.moment_ago(age);
        let query = PageQuery { limit: PAGE, after: after.or(Some(last_id_of(before))) };
        let page = self.catalog().media_page(None, query).await?;
        for media in &page.items {
            // Who wants it in the moment between the look and the end finds that it was deleted.
            if media.created_at <= before && self.is_unused(media).await? {
                self.remove_media(media).await?;
                purged.media += 1;
            }
        }
        Ok(page.next)
    }

    /// Whether nobody watches a media, and no job stands on it.
    async fn is_unused(&self, media: &Media) -> Result<bool, Error> {
        if media.task.is_some() || self.catalog().video(media.id).await?.is_some() {
            return Ok(false);
        }
        let filter = JobFilter { media: Some(media.id), ..JobFilter::default() };
        let jobs = self.catalog().jobs(filter, PageQuery { limit: 1, after: None }).await?;
        Ok(jobs.items.is_empty() && self.catalog().outputs_of(media.id).await?.is_empty())
    }

    fn moment_ago(&self, age: Duration) -> Timestamp {
        self.now().minus_ms(u64::try_from(age.as_millis()).unwrap_or(u64::MAX))
    }
}

impl Ages {
    fn aisles(self) -> Vec<Aisle> {
        let jobs = self.jobs.into_iter().flat_map(|age| OVER.map(|state| Aisle::Jobs(state, age)));
        jobs.chain(self.media.map(Aisle::Media)).collect()
    }
}

/// The highest id of that moment's millisecond, as RFC 9562, section 5.7, lays them out.
fn last_id_of(moment: Timestamp) -> Uuid {
    let ms = u128::try_from(moment.as_ms()).unwrap_or(0);
    Uuid::from_u128(ms << 80 | ((1 << 80) - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_id_of_a_moment_stands_behind_all_of_it_and_before_the_next() {
        let id = |ms: u64, seconds_nanos: u32| {
            Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, ms / 1000, seconds_nanos))
        };
        let bound = last_id_of(Timestamp::from_ms(1_700_000_000_123));
        for _ in 0..100 {
            assert!(id(1_700_000_000_123, 123_999_999) <= bound);
            assert!(id(1_700_000_000_124, 124_000_000) > bound);
        }
    }
}
