//! Telling people and programs: every notice on record is delivered, and dropped once it is.
//!
//! People are told by the notifier, programs by the doorbell's results. Each kind of notice has a loop of its own, so that a
//! mail server that is down holds back no message, and the other way round.

use reelmill_core::ports::{CatalogError, Channel, Ring};
use reelmill_core::{Door, Job, Kind, Notice, NoticeId, NoticeKind, Notification, OutputId, Write};
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::work::{before_retry, jittered};
use crate::{Error, Service};

/// How many notices a look reads at once.
const PAGE: u32 = 100;

/// Between looks where nobody calls.
const LOOK: Duration = Duration::from_secs(5);

/// Between looks while the broker is down, at most.
const LONGEST_SILENCE: Duration = Duration::from_secs(15);

/// How often a notice is tried: with doubling waits of up to 15 minutes that is about a day.
const MOST_FAILURES: u32 = 100;

/// So many notices in a row that could not be delivered say that it is the notifier and not the notice.
const MOST_IN_VAIN: usize = 8;

/// The converter's contract's words.
pub(crate) fn mp3_is_ready(fid: &str) -> (String, String) {
    ("MP3 Download".to_owned(), format!("mp3 file_id: {fid} is now ready!"))
}

impl Service {
    /// What is to be told once this job has ended.
    pub(crate) fn notices_of(&self, job: &Job, output: Option<OutputId>) -> Vec<Notice> {
        // The converter's contract has a queue of results, and no other.
        let is_announced =
            output.is_some() && job.door == Door::Converter && self.ports().doorbell.is_queue();
        let kinds = [Some(NoticeKind::Person), is_announced.then_some(NoticeKind::Queue)];
        let notice = |kind| Notice {
            id: NoticeId(self.fresh_id()),
            kind,
            account: job.account,
            job: job.id,
            output,
            door: job.door,
            due_at: self.now(),
            failures: 0,
        };
        kinds.into_iter().flatten().map(notice).collect()
    }

    /// Tells programs of results until told to stop. A broker that is down is asked again until it takes them.
    pub(crate) async fn announce(self, stop: CancellationToken) {
        let mut failures = 0;
        loop {
            let wait = match self.announce_due().await {
                Ok(told) if told >= PAGE as usize && !stop.is_cancelled() => continue,
                Ok(_) => {
                    failures = 0;
                    jittered(LOOK)
                }
                Err(error) => {
                    failures += 1;
                    if failures == 1 {
                        warn!(error = ?error, "results could not be announced; trying again");
                    }
                    before_retry(Duration::from_secs(1), failures).min(LONGEST_SILENCE)
                }
            };
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.announcements.notified(), if failures == 0 => {}
                () = sleep(wait) => {}
            }
        }
    }

    pub(crate) async fn announce_due(&self) -> Result<usize, Error> {
        let due = self.catalog().due_notices(NoticeKind::Queue, self.now(), PAGE).await?;
        let told = due.len();
        for notice in due {
            match self.about(notice.job).await {
                Ok(about) if about.output_fid.is_some() => {
                    let ring = Ring { job: notice.job, about: Some(about) };
                    self.ports().doorbell.ring(Channel::Results, &ring).await?;
                }
                // It was deleted or begun anew since.
                Ok(_) => {}
                Err(error) if error.kind == Kind::NotFound => {}
                Err(error) if error.kind == Kind::Unavailable => return Err(error),
                // It will read no better later, and must not hold the others back.
                Err(error) => {
                    warn!(notice.id = %notice.id, job.id = %notice.job, error = ?error, "a result was not announced");
                }
            }
            match self.catalog().commit(vec![Write::DropNotice(notice.id)]).await {
                Ok(()) | Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(told)
    }

    /// Delivers until told to stop.
    pub(crate) async fn tell(self, stop: CancellationToken) {
        loop {
            match self.tell_due(&stop).await {
                Ok(told) if told >= PAGE as usize && !stop.is_cancelled() => continue,
                Ok(_) => {}
                Err(error) => warn!(error = ?error, "notices could not be delivered"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.inner.notices.notified() => {}
                () = sleep(jittered(LOOK)) => {}
            }
        }
    }

    /// Delivers some of what is due now, and says how many were looked at. A notifier that is down is left alone for a
    /// while, and what it was not asked stays due.
    async fn tell_due(&self, stop: &CancellationToken) -> Result<usize, Error> {
        let due = self.catalog().due_notices(NoticeKind::Person, self.now(), PAGE).await?;
        let (mut told, mut in_vain) = (0, 0);
        for notice in due {
            if stop.is_cancelled() || in_vain == MOST_IN_VAIN {
                break;
            }
            told += 1;
            in_vain += 1;
            let write = match self.deliver(&notice).await {
                Ok(()) => {
                    in_vain = 0;
                    Write::DropNotice(notice.id)
                }
                Err(error) if error.kind == Kind::Unavailable && notice.failures < MOST_FAILURES => {
                    let wait = before_retry(Duration::from_secs(2), notice.failures + 1);
                    let due_at = self.now().plus_ms(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX));
                    Write::ReplaceNotice(Notice { due_at, failures: notice.failures + 1, ..notice })
                }
                Err(error) => {
                    warn!(notice.id = %notice.id, job.id = %notice.job, error = ?error, "a notice was given up");
                    Write::DropNotice(notice.id)
                }
            };
            match self.catalog().commit(vec![write]).await {
                // Another process told it at the same moment.
                Ok(()) | Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(told)
    }

    async fn deliver(&self, notice: &Notice) -> Result<(), Error> {
        // Whoever has left is told nothing.
        let Some(user) = self.catalog().user(notice.account).await? else { return Ok(()) };
        let Some(job) = self.catalog().job(notice.job).await? else { return Ok(()) };
        let output = match notice.output {
            Some(id) => self.catalog().output(id).await?,
            None => None,
        };
        // These contracts say that they write; /v1 asks the account.
        let is_promised = matches!(notice.door, Door::Converter | Door::Tasks);
        if self.ports().notifier.needs_consent() && !is_promised && !user.email_notifications {
            return Ok(());
        }
        let (subject, body) = match (notice.door, &output, &job.state) {
            (Door::Converter, Some(output), _) => mp3_is_ready(&output.fid),
            (Door::Tasks, Some(output), _) => {
                let Some(number) = job.task else { return Ok(()) };
                // The file is called as its owner called it.
                let Some(task) = self.catalog().task(number).await? else { return Ok(()) };
                (
                    format!("Conversión de archivo {} exitosa!", task.name),
                    format!("{} is ready: /api/download/{number}", output.name),
                )
            }
            // A bot asks for its songs by itself, and a published video needs no conversion.
            (Door::Music | Door::Video, ..) => return Ok(()),
            (Door::V1, Some(output), _) => (
                format!("{} is ready", output.name),
                format!("{} is ready: /v1/outputs/{}/content", output.name, output.id),
            ),
            (_, None, reelmill_core::State::Failed { failure, .. }) => {
                ("Conversion failed".to_owned(), format!("job {} failed: {}", job.id, failure.message))
            }
            // It was deleted or begun anew since.
            (_, None, _) => return Ok(()),
        };
        let notification = Notification { id: notice.id, recipient: user.email, subject, body };
        self.send(&notification).await
    }

    /// Hands a notification to the notifier; `Unavailable` where a later try may do better.
    pub(crate) async fn send(&self, notification: &Notification) -> Result<(), Error> {
        self.ports().notifier.notify(notification).await.map_err(|error| {
            let kind = if error.is_transient() { Kind::Unavailable } else { Kind::Unprocessable };
            Error::new(kind, "not-delivered", "the notification could not be delivered").because(&error)
        })
    }
}
