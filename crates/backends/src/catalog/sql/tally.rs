//! How many jobs are in which state, kept with every transaction.
//!
//! Every transaction that moves a job changes these few rows, so they are changed last and a shard at a time: whoever holds
//! one of them waits for nothing but others of these, and not for long.

use std::collections::BTreeMap;

use reelmill_core::{JobId, StateName};
use sqlx::AnyConnection;

use super::Dialect;

/// The rows that each state's count is spread over; the migration made as many.
const SHARDS: u8 = 8;
/// How many states there are.
const STATES: usize = StateName::ALL.len();

/// Whose row a job is counted in.
#[derive(Debug, Clone, Copy)]
pub(super) enum Shard {
    /// The job's own all its life, so that no row falls below zero.
    OfJob,
    /// The writer's own, so that writers that work at the same time keep out of each other's way. A job may leave a state in
    /// another row than it came into it: only the sum of a state's rows means something.
    OfWriter(u8),
}

impl Shard {
    /// A writer's own.
    pub(super) fn random() -> Self {
        Self::OfWriter(uuid::Uuid::new_v4().as_bytes()[0] % SHARDS)
    }
}

/// What a transaction changes about the counts.
#[derive(Debug, Clone)]
pub(super) struct Tally {
    shard: Shard,
    /// By shard: what each state's count changes by, in the order of [`StateName::ALL`].
    changes: BTreeMap<u8, [i64; STATES]>,
}

impl Tally {
    pub(super) const fn new(shard: Shard) -> Self {
        Self { shard, changes: BTreeMap::new() }
    }

    /// Counts a job in or out.
    pub(super) fn count(&mut self, job: JobId, state: StateName, change: i64) {
        let shard = match self.shard {
            Shard::OfJob => job.0.as_bytes()[15] % SHARDS,
            Shard::OfWriter(shard) => shard,
        };
        let changes = self.changes.entry(shard).or_default();
        for (count, _) in changes.iter_mut().zip(StateName::ALL).filter(|(_, of)| *of == state) {
            *count += change;
        }
    }

    /// Writes the changes down.
    pub(super) async fn settle(&self, on: &mut AnyConnection, dialect: &Dialect) -> Result<(), sqlx::Error> {
        let sql = "UPDATE job_counts SET jobs = jobs + CASE state WHEN 'queued' THEN ? WHEN 'running' THEN ? \
                   WHEN 'cancelling' THEN ? WHEN 'done' THEN ? WHEN 'failed' THEN ? ELSE ? END \
                   WHERE shard = ? AND state IN (?, ?, ?, ?, ?, ?)";
        for (shard, changes) in &self.changes {
            let mut changed = StateName::ALL.into_iter().zip(changes).filter(|(_, change)| **change != 0);
            let Some((first, _)) = changed.next() else { continue };
            let mut statement = dialect.query(sql);
            for change in changes {
                statement = statement.bind(*change);
            }
            statement = statement.bind(i64::from(*shard)).bind(first.as_str());
            // One shape for any number of states, so that it is prepared once: the first is named again for those left alone.
            for _ in 1..STATES {
                let next = changed.next().map_or(first, |(state, _)| state);
                statement = statement.bind(next.as_str());
            }
            statement.execute(&mut *on).await?;
        }
        Ok(())
    }
}
