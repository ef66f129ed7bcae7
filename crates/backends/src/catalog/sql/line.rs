//! The lines before the writers: whoever waits while a transaction becomes durable shares the next one.
//!
//! A disk makes some hundreds of transactions a second durable, however small. So changes that have come in
//! meanwhile go into one, and each caller gets the verdict of its own change once the transaction is durable.
//! What concerns the same job goes through the same line, so that a process is never in its own way.

use std::sync::atomic::{AtomicUsize, Ordering};

use reelmill_core::ports::CatalogError;
use reelmill_core::{JobId, Write};
use sqlx::AnyConnection;
use tokio::sync::{mpsc, oneshot};

use super::change::{Change, Done};
use super::writer::Writer;
use super::{Access, Dialect};

/// How many changes share a transaction at most.
const MAX_SHARING: usize = 64;
/// How many wait in a line at most; the next ones wait to get into it.
const MAX_WAITING: usize = 256;

pub(super) type Verdict = Result<Done, CatalogError>;

#[derive(Debug)]
pub(super) struct Ask {
    pub(super) change: Change,
    answer: oneshot::Sender<Verdict>,
}

/// Where changes wait for the writers. Those end when this is dropped, after what is in line.
#[derive(Debug)]
pub(in crate::catalog) struct Lines {
    lines: Vec<mpsc::Sender<Ask>>,
    turn: AtomicUsize,
}

impl Lines {
    /// Starts the writers, the first of them on a connection that is there.
    pub(in crate::catalog) fn start(
        mut first: Option<AnyConnection>,
        access: &Access,
        dialect: &'static Dialect,
    ) -> Self {
        let line = |_| {
            let (asks, line) = mpsc::channel(MAX_WAITING);
            tokio::spawn(serve(Writer::new(first.take(), access.clone(), dialect), line));
            asks
        };
        Self { lines: (0..dialect.writers).map(line).collect(), turn: AtomicUsize::new(0) }
    }

    /// Has a change done. A caller that stops waiting has it done all the same.
    pub(super) async fn change(&self, change: Change) -> Verdict {
        let gone = || CatalogError::Unavailable("its writer has ended".to_owned());
        let (answer, verdict) = oneshot::channel();
        let turn = match job_of(&change) {
            Some(job) => usize::from(job.0.as_bytes()[15]),
            None => self.turn.fetch_add(1, Ordering::Relaxed),
        };
        let line = self.lines.get(turn % self.lines.len()).ok_or_else(gone)?;
        line.send(Ask { change, answer }).await.map_err(|_| gone())?;
        verdict.await.map_err(|_| gone())?
    }
}

/// The job that a change is about, where it is about one.
fn job_of(change: &Change) -> Option<JobId> {
    match change {
        Change::Beat { job, .. } => Some(*job),
        Change::Commit(writes) => writes.iter().find_map(|write| match write {
            Write::AddJob(job) | Write::ReplaceJob(job) => Some(job.id),
            Write::DropJob(id, _) => Some(*id),
            _ => None,
        }),
        Change::TouchIntent(_)
        | Change::NextNumber(_)
        | Change::RegisterWorker(_)
        | Change::Pause(_)
        | Change::Resume
        | Change::Sweep(_) => None,
    }
}

async fn serve(mut writer: Writer, mut line: mpsc::Receiver<Ask>) {
    let mut asks = Vec::with_capacity(MAX_SHARING);
    while line.recv_many(&mut asks, MAX_SHARING).await > 0 {
        // Other processes may be about to change the same jobs. Who takes them in one order waits, and never in a circle.
        asks.sort_by_key(|ask| job_of(&ask.change).map(|job| job.0));
        let verdicts = writer.answer(&asks).await;
        for (ask, verdict) in asks.drain(..).zip(verdicts) {
            // Who has stopped waiting needs no answer.
            let _ = ask.answer.send(verdict);
        }
    }
    writer.close().await;
}
