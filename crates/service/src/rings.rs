//! Rings: how a process says that a job may be due.
//!
//! The job is in the catalog before anybody rings, so a ring that fails is owed, not lost: nobody who uploads waits for a
//! broker that is down, and when it is back, what it has missed is rung for. Where the doorbell is a queue of
//! a broker, a ring also says what other programs that read the queue want to know.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use reelmill_core::ports::{About, Channel, Ring};
use reelmill_core::{JobId, Kind, State};
use tokio::sync::Notify;
use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::work::jittered;
use crate::{Error, Service};

/// How long whoever made a job waits for the broker to take its ring.
const PATIENCE: Duration = Duration::from_secs(1);

/// Between two tries at a broker that is down: at first, and at most.
const FIRST_WAIT: Duration = Duration::from_millis(500);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// How many jobs are remembered by their ids while the broker is down.
const MOST_OWED: usize = 10_000;

/// How many jobs a look at the catalog rings for.
const MOST_LOOKED_FOR: u32 = 1000;

/// The rings that no broker has taken.
#[derive(Debug, Default)]
pub(crate) struct Debt {
    owed: Mutex<Owed>,
    changed: Notify,
}

#[derive(Debug, Default)]
struct Owed {
    jobs: VecDeque<JobId>,
    /// Whether there were more than are kept: then whatever is due is rung for.
    is_more: bool,
}

impl Debt {
    fn owed(&self) -> MutexGuard<'_, Owed> {
        self.owed.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a ring failed; `true` where it is the first.
    fn owe(&self, job: JobId) -> bool {
        let mut owed = self.owed();
        let is_first = owed.jobs.is_empty() && !owed.is_more;
        if owed.jobs.len() < MOST_OWED {
            owed.jobs.push_back(job);
        } else {
            owed.is_more = true;
        }
        drop(owed);
        self.changed.notify_one();
        is_first
    }

    fn is_owed(&self) -> bool {
        let owed = self.owed();
        !owed.jobs.is_empty() || owed.is_more
    }

    fn first(&self) -> Option<JobId> {
        self.owed().jobs.front().copied()
    }

    /// Takes a ring off that was paid. Only one task pays, so it is the first still.
    fn paid(&self) {
        self.owed().jobs.pop_front();
    }

    /// Takes the note of more than are kept.
    fn take_more(&self) -> bool {
        std::mem::take(&mut self.owed().is_more)
    }
}

impl Service {
    /// Wakes a worker. One that does not hear it finds the job at its next look.
    pub(crate) async fn ring(&self, id: JobId) {
        // Whoever pays the debt rings for this job, too, and nobody waits for a broker that is down.
        if self.inner.debt.is_owed() {
            self.inner.debt.owe(id);
            return;
        }
        let rung = timeout(PATIENCE, self.ring_now(id)).await;
        let error = match rung {
            Ok(Ok(())) => return,
            // It was deleted meanwhile.
            Ok(Err(error)) if error.kind == Kind::NotFound => return,
            Ok(Err(error)) => error.cause.unwrap_or(error.detail),
            Err(_) => format!("the doorbell has not taken a ring within {} s", PATIENCE.as_secs()),
        };
        if self.inner.debt.owe(id) {
            warn!(job.id = %id, error, "the doorbell does not ring; workers find jobs by themselves until it does");
        }
    }

    async fn ring_now(&self, id: JobId) -> Result<(), Error> {
        let doorbell = &self.ports().doorbell;
        let about = if doorbell.is_queue() { Some(self.about(id).await?) } else { None };
        Ok(doorbell.ring(Channel::Work, &Ring { job: id, about }).await?)
    }

    /// A job in the words of programs that know nothing of jobs.
    pub(crate) async fn about(&self, id: JobId) -> Result<About, Error> {
        let job = self.catalog().job(id).await?.ok_or_else(|| Error::not_found("job"))?;
        let user = self.catalog().user(job.account).await?;
        let media = match job.media_id {
            Some(media) => self.catalog().media(media).await?,
            None => None,
        };
        let output = match job.state {
            State::Done { output, .. } => self.catalog().output(output).await?,
            _ => None,
        };
        let extension = |name: &str| name.rsplit_once('.').map(|(_, extension)| extension.to_lowercase());
        Ok(About {
            username: user.map(|user| user.email).unwrap_or_default(),
            media_fid: media.as_ref().map(|media| media.fid.clone().unwrap_or_else(|| media.id.to_string())),
            media_key: media.as_ref().map(|media| media.key.clone()),
            from_extension: media.as_ref().and_then(|media| extension(&media.name)).unwrap_or_default(),
            to_extension: job.profile.format.extension().to_owned(),
            output_fid: output.as_ref().map(|output| output.fid.clone()),
            output_key: output.map(|output| output.key),
            task: job.task,
        })
    }

    /// Pays what is owed, once the broker takes it, until told to stop.
    pub(crate) async fn pay_rings(self, stop: CancellationToken) {
        let mut wait = FIRST_WAIT;
        loop {
            while !self.inner.debt.is_owed() {
                tokio::select! {
                    () = stop.cancelled() => return,
                    () = self.inner.debt.changed.notified() => {}
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(jittered(wait)) => {}
            }
            let paid = tokio::select! {
                () = stop.cancelled() => return,
                paid = self.pay() => paid,
            };
            wait = match paid {
                Ok(rung) => {
                    info!(rung, "rang for the jobs that no broker had taken");
                    FIRST_WAIT
                }
                Err(_) => (wait * 2).min(LONGEST_WAIT),
            };
        }
    }

    /// Rings for what waits although nobody may have rung for it: the process that made it may have died before it could.
    /// Some of it only, the oldest: a copy costs a look, and workers look by themselves.
    pub(crate) async fn ring_for_due(&self) -> Result<u64, Error> {
        let mut rung = 0;
        for job in self.catalog().due_jobs(self.now(), MOST_LOOKED_FOR).await? {
            self.ring(job.id).await;
            rung += 1;
        }
        Ok(rung)
    }

    async fn pay(&self) -> Result<u64, Error> {
        let mut rung = 0;
        while let Some(id) = self.inner.debt.first() {
            match self.ring_now(id).await {
                Err(error) if error.kind == Kind::Unavailable => return Err(error),
                // A job that was deleted, or that cannot be read, must not hold the others back.
                _ => self.inner.debt.paid(),
            }
            rung += 1;
        }
        if self.inner.debt.take_more() {
            rung += self.ring_for_due().await?;
        }
        Ok(rung)
    }
}
