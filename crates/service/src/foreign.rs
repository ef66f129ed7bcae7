//! Messages of other programs: they name what is stored and know of no job.
//!
//! A name in a message is looked up in the catalog and never opened as it is. What it asks for is done once, however often
//! it asks; what names nothing that its account has is set aside with the reason.

use reelmill_core::ports::{Channel, Delivery, Foreign, JobFilter, Message, PageQuery};
use reelmill_core::{Door, JobId, Kind, Media, MediaId, NoticeId, Notification};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::work::{jittered, refuse, settle};
use crate::{Caller, Error, JobWish, Service, Submission};

/// What the converter's queue asks for.
const PROFILE: &str = "mp3";

/// How many of a media's jobs are looked through for the one that is asked for.
const MOST_JOBS: u32 = 100;

impl Service {
    /// The job that a message of somebody else asks for, which is made where there is none yet.
    ///
    /// # Errors
    /// `Unprocessable` with the reason where the message can never be followed.
    pub(crate) async fn adopt(&self, foreign: &Foreign) -> Result<JobId, Error> {
        match foreign {
            Foreign::Upload { media_fid, username } => self.adopt_upload(media_fid, username).await,
            Foreign::Task { number, original, to_extension } => {
                self.adopt_task(*number, original, to_extension).await
            }
            Foreign::Result { .. } => Err(hopeless("a result belongs into the other queue")),
        }
    }

    async fn adopt_upload(&self, media_fid: &str, username: &str) -> Result<JobId, Error> {
        let caller = self.named_caller(username).await?;
        let media = self.named_media(media_fid).await?.filter(|media| media.owner == caller.id());
        let media =
            media.ok_or_else(|| hopeless(format!("there is no upload `{media_fid}` of that account")))?;
        let filter = JobFilter { media: Some(media.id), ..JobFilter::default() };
        let jobs = self.catalog().jobs(filter, PageQuery { limit: MOST_JOBS, after: None }).await?;
        if let Some(job) = jobs.items.into_iter().find(|job| job.profile.name == PROFILE) {
            return Ok(job.id);
        }
        let submission =
            Submission { route: "queue", key: format!("{} {PROFILE}", media.id), body_hash: String::new() };
        let wish = JobWish { submission: Some(submission), ..JobWish::plain(PROFILE, Door::Converter) };
        match self.submit(&caller, media.id, wish).await {
            Ok(view) => {
                info!(job.id = %view.job.id, media.id = %media.id, "made a job for a message from outside");
                Ok(view.job.id)
            }
            Err(error) if is_final(error.kind) => Err(hopeless(error.detail)),
            Err(error) => Err(error),
        }
    }

    async fn adopt_task(&self, number: i64, original: &str, to_extension: &str) -> Result<JobId, Error> {
        let nothing = || hopeless(format!("there is no task {number} of `{original}`"));
        let task = self.catalog().task(number).await?.ok_or_else(nothing)?;
        let media = self.catalog().media(task.media).await?.ok_or_else(nothing)?;
        if media.key.as_str() != original {
            return Err(nothing());
        }
        if !task.format.extension().eq_ignore_ascii_case(to_extension) {
            return Err(hopeless(format!(
                "task {number} is to become {}, not {to_extension}",
                task.format.extension()
            )));
        }
        Ok(task.job)
    }

    async fn named_media(&self, media_fid: &str) -> Result<Option<Media>, Error> {
        if let Some(media) = self.catalog().media_by_fid(media_fid).await? {
            return Ok(Some(media));
        }
        match media_fid.parse() {
            Ok(id) => Ok(self.catalog().media(MediaId(id)).await?),
            Err(_) => Ok(None),
        }
    }

    async fn named_caller(&self, username: &str) -> Result<Caller, Error> {
        let user = self.catalog().user_by_login(username).await?;
        user.map(|user| Caller { user }).ok_or_else(|| hopeless(format!("there is no account `{username}`")))
    }

    /// Listens for results until told to stop. Of our own it is enough to know that there is something to tell, since the
    /// catalog has it; those of other programs are told here.
    pub(crate) async fn hear_results(self, stop: CancellationToken) {
        loop {
            let heard = tokio::select! {
                () = stop.cancelled() => return,
                heard = self.ports().doorbell.listen(Channel::Results) => heard,
            };
            match heard {
                Ok(delivery) => self.hear(delivery).await,
                // Whoever looks at /readyz and the log of rings learns of it there.
                Err(_) => sleep(jittered(self.options().poll)).await,
            }
        }
    }

    async fn hear(&self, delivery: Box<dyn Delivery>) {
        let told = match delivery.message() {
            Message::Job(_) => {
                self.inner.notices.notify_one();
                Ok(())
            }
            Message::Foreign(Foreign::Result { output_fid, username }) => {
                self.tell_of(output_fid, username).await
            }
            Message::Foreign(_) => Err(hopeless("only results belong into this queue")),
        };
        match told {
            Ok(()) => settle(delivery).await,
            Err(error) if error.kind == Kind::Unprocessable => refuse(delivery, &error.detail).await,
            Err(error) => {
                warn!(error = ?error, "a result could not be told and will come again");
                sleep(jittered(self.options().retry_base)).await;
            }
        }
    }

    async fn tell_of(&self, output_fid: &str, username: &str) -> Result<(), Error> {
        let caller = self.named_caller(username).await?;
        let output = self.catalog().output_by_fid(output_fid).await?;
        let output = output.filter(|output| output.owner == caller.id());
        let output =
            output.ok_or_else(|| hopeless(format!("there is no result `{output_fid}` of that account")))?;
        let (subject, body) = crate::notices::mp3_is_ready(&output.fid);
        let notification =
            Notification { id: NoticeId(output.id.0), recipient: caller.user.email, subject, body };
        self.send(&notification).await
    }
}

/// Whether the same message can do no better later.
fn is_final(kind: Kind) -> bool {
    matches!(kind, Kind::Invalid | Kind::Forbidden | Kind::NotFound | Kind::NotMedia | Kind::Unprocessable)
}

fn hopeless(reason: impl Into<String>) -> Error {
    Error::new(Kind::Unprocessable, "invalid-request", reason)
}
