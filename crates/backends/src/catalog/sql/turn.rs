//! The queue by accounts: a seek of an index for each account that waits, whatever its jobs are.
//!
//! A single statement could do it on some databases; on MySQL it would walk over all jobs of the accounts before.

use reelmill_core::ports::{CatalogError, MOST_ACCOUNTS};
use reelmill_core::{Job, Priority, State, StateName, Timestamp, UserId};

use super::job::priority_rank;
use super::read::JOB;
use super::{SqlCatalog, row};

/// Text above every id.
const TOP: &str = "g";

impl SqlCatalog {
    pub(super) async fn jobs_in_turn(
        &self,
        now: Timestamp,
        priority: Priority,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Job>, CatalogError> {
        let (mut due, mut looks) = (Vec::new(), 0);
        let last = after.map(|id| id.to_string()).unwrap_or_default();
        for (mut behind, until) in [(last.clone(), TOP.to_owned()), (String::new(), last)] {
            while behind < until && due.len() < limit as usize && looks < MOST_ACCOUNTS {
                looks += 1;
                let Some(job) = self.first_behind(priority, &behind, &until).await? else { break };
                behind = job.account.to_string();
                // What waits for a later moment stands behind what is due.
                if matches!(job.state, State::Queued { due_at, .. } if due_at <= now) {
                    due.push(job);
                }
            }
        }
        Ok(due)
    }

    /// The earliest queued job of the next account.
    async fn first_behind(
        &self,
        priority: Priority,
        behind: &str,
        until: &str,
    ) -> Result<Option<Job>, CatalogError> {
        let sql = format!(
            "{JOB} WHERE state = ? AND priority = ? AND account > ? AND account <= ? \
             ORDER BY account, due_at_ms, id LIMIT 1"
        );
        let statement = self.dialect.query(&sql).bind(StateName::Queued.as_str());
        let statement = statement.bind(priority_rank(priority)).bind(behind.to_owned());
        self.row(statement.bind(until.to_owned())).await?.as_ref().map(row::job).transpose()
    }
}
