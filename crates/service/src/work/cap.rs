//! The operator's cap: how many jobs of one account may run at once, in all processes together.
//!
//! What runs is counted in the catalog, afresh at each look that finds something due, so nothing has to be given back by
//! whoever dies. Nobody locks: processes that look at the same moment each see room, and take one job each at most.

use std::collections::{HashMap, HashSet};

use reelmill_core::{Job, Priority, Timestamp, UserId};

use super::rescue::MOST;
use crate::{Error, Service};

impl Service {
    /// The accounts that have as many jobs running as one may.
    pub(super) async fn full_accounts(&self) -> Result<HashSet<UserId>, Error> {
        let Some(most) = self.options().account_slots else { return Ok(HashSet::new()) };
        let mut running: HashMap<UserId, usize> = HashMap::new();
        for job in self.catalog().claimed_jobs(MOST).await? {
            *running.entry(job.account).or_default() += 1;
        }
        running.retain(|_, jobs| *jobs >= most.get());
        Ok(running.into_keys().collect())
    }

    /// The earliest due job of each of the next accounts that may have one more running, looked for `limit` accounts at a
    /// time, so that those that may not hide nobody, however many they are.
    pub(super) async fn due_with_room(
        &self,
        now: Timestamp,
        priority: Priority,
        mut last: Option<UserId>,
        limit: u32,
        full: &HashSet<UserId>,
    ) -> Result<Vec<Job>, Error> {
        let mut seen = HashSet::new();
        loop {
            let mut next = self.catalog().due_by_account(now, priority, last, limit).await?;
            next.retain(|job| seen.insert(job.account));
            last = next.last().map(|job| job.account);
            // Where nothing new came, the ring has been gone round.
            let is_round = last.is_none();
            next.retain(|job| !full.contains(&job.account));
            if is_round || !next.is_empty() {
                return Ok(next);
            }
        }
    }
}
