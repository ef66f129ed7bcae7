//! Telling people: every notice on record is delivered, and dropped once it is.

use reelmill_core::ports::CatalogError;
use reelmill_core::{Door, Kind, Notice, Notification, Write};
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;
use tracing::warn;

use crate::work::{before_retry, jittered};
use crate::{Error, Service};

/// How many notices a look reads at once.
const PAGE: u32 = 100;

/// Between looks where nobody calls.
const LOOK: Duration = Duration::from_secs(5);

/// How often a notice is tried: with doubling waits of up to 15 minutes that is about a day.
const MOST_FAILURES: u32 = 100;

impl Service {
    /// Delivers until told to stop.
    pub(crate) async fn tell(self, stop: CancellationToken) {
        loop {
            match self.tell_due().await {
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

    /// Delivers some of what is due now, and says how many.
    async fn tell_due(&self) -> Result<usize, Error> {
        let due = self.catalog().due_notices(self.now(), PAGE).await?;
        let told = due.len();
        for notice in due {
            let write = match self.deliver(&notice).await {
                Ok(()) => Write::DropNotice(notice.id),
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
        let (subject, body) = match (notice.door, &output, &job.state) {
            (Door::Converter, Some(output), _) => {
                ("MP3 Download".to_owned(), format!("mp3 file_id: {} is now ready!", output.fid))
            }
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
        self.ports().notifier.notify(&notification).await.map_err(|error| {
            let kind = if error.is_transient() { Kind::Unavailable } else { Kind::Unprocessable };
            Error::new(kind, "not-delivered", "the notification could not be delivered").because(&error)
        })
    }
}
