//! The catalog as this process writes it: each job gets its moment, and is told of once it is committed.
//!
//! It stands where the catalog would, so that there is no commit that could forget to tell.

use std::ops::Deref;
use std::sync::Arc;

use reelmill_core::ports::{Catalog, CatalogError};
use reelmill_core::{Job, Output, State, Write};

use super::{Feed, Moments};
use crate::Clock;

/// A catalog whose changes are told.
pub(crate) struct Chronicle {
    catalog: Arc<dyn Catalog>,
    clock: Arc<dyn Clock>,
    moments: Moments,
    feed: Feed,
}

impl Deref for Chronicle {
    type Target = dyn Catalog;

    fn deref(&self) -> &Self::Target {
        &*self.catalog
    }
}

impl Chronicle {
    pub(crate) fn new(catalog: Arc<dyn Catalog>, clock: Arc<dyn Clock>) -> Self {
        Self { catalog, clock, moments: Moments::default(), feed: Feed::default() }
    }

    pub(crate) const fn feed(&self) -> &Feed {
        &self.feed
    }

    pub(crate) const fn moments(&self) -> &Moments {
        &self.moments
    }

    /// [`Catalog::commit`], with the jobs' moments; those who listen hear of it.
    pub(crate) async fn commit(&self, mut writes: Vec<Write>) -> Result<(), CatalogError> {
        let written = self.stamp(&mut writes);
        self.catalog.commit(writes).await?;
        for (job, output) in written {
            self.feed.tell(job, output);
        }
        Ok(())
    }

    fn stamp(&self, writes: &mut [Write]) -> Vec<(Job, Option<Output>)> {
        let now = self.clock.now();
        let mut written: Vec<(Job, Option<Output>)> = Vec::new();
        for write in &mut *writes {
            if let Write::AddJob(job) | Write::ReplaceJob(job) = write {
                job.changed_at = self.moments.next(now);
                written.push((job.clone(), None));
            }
        }
        for (job, made) in &mut written {
            let State::Done { output: id, .. } = job.state else { continue };
            *made = writes.iter().find_map(|write| match write {
                Write::AddOutput(output) if output.id == id => Some(output.clone()),
                _ => None,
            });
        }
        written
    }
}
