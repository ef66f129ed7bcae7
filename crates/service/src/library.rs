//! What is there: media, profiles, formats, and whether the parts behind can be used.

use std::sync::Arc;

use reelmill_core::ports::{CatalogError, JobFilter, MAX_WRITES, Page, PageQuery};
use reelmill_core::{Format, Job, JobId, Key, Media, MediaId, Output, Profile, State, Task, Write};
use tokio::time::{Duration, Instant, timeout};
use tracing::{info, warn};

use crate::{Caller, Error, Service};

/// How long a look at the parts behind the service is good.
const READINESS_AGE: Duration = Duration::from_secs(1);

/// How long a part that requests can do without may take to say how it is.
const OPTIONAL_PATIENCE: Duration = Duration::from_millis(500);

/// A profile and what it would do with a media.
#[derive(Debug, Clone)]
pub struct ProfileView {
    /// The profile.
    pub profile: Profile,
    /// What would be done and why, or why it cannot be.
    pub plan: Result<String, String>,
}

/// Whether the parts behind the service can be used, each with the reason where not.
#[derive(Debug, Clone)]
pub struct Readiness {
    /// Each part's name, whether requests fail without it, and what is wrong with it.
    pub parts: Vec<(&'static str, bool, Option<String>)>,
}

/// Writes that take something away, and the keys of the objects that go once these are taken.
#[derive(Default)]
pub(crate) struct Removal {
    pub(crate) writes: Vec<Write>,
    pub(crate) keys: Vec<Key>,
}

impl Readiness {
    /// Whether requests can be answered at all.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.parts.iter().all(|(_, needed, wrong)| !needed || wrong.is_none())
    }

    /// Whether something is missing that requests can do without.
    #[must_use]
    pub fn is_degraded(&self) -> bool {
        self.parts.iter().any(|(_, _, wrong)| wrong.is_some())
    }
}

impl Service {
    /// A media of the caller's.
    pub async fn media(&self, caller: &Caller, id: MediaId) -> Result<Media, Error> {
        let media = self.catalog().media(id).await?;
        media.filter(|media| caller.may_see(media.owner)).ok_or_else(|| Error::not_found("media"))
    }

    /// The caller's media, newest first; an admin's are everybody's.
    pub async fn media_list(&self, caller: &Caller, query: PageQuery) -> Result<Page<Media>, Error> {
        let owner = (!caller.is_admin()).then_some(caller.id());
        Ok(self.catalog().media_page(owner, query).await?)
    }

    /// Deletes a media with its jobs and everything made from it. A conversion that runs is stopped.
    pub async fn delete_media(&self, caller: &Caller, id: MediaId) -> Result<(), Error> {
        let media = self.media(caller, id).await?;
        caller.must_be_member()?;
        self.remove_media(&media).await
    }

    /// Takes the records away first, each object's key on record in the same commit, then the objects.
    pub(crate) async fn remove_media(&self, media: &Media) -> Result<(), Error> {
        // A task is never seen without its job: that one goes in the commit that takes the task.
        let task = self.task_of(media).await?;
        self.remove_what_was_made_of(media.id, task.map(|task| task.job)).await?;
        loop {
            let (job, Removal { writes, keys }) = self.removal(media).await?;
            match self.catalog().commit(writes).await {
                Ok(()) => {
                    if let Some(job) = job {
                        self.stop_held(job);
                    }
                    for key in &keys {
                        self.delete_condemned(key).await;
                    }
                    break;
                }
                // Somebody deleted it, or changed what stands on it, at the same moment.
                Err(CatalogError::Conflict) if self.catalog().media(media.id).await?.is_none() => break,
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // What came between the last look and the end of the media; nothing can come any more.
        self.remove_what_was_made_of(media.id, None).await
    }

    /// What takes a media away with what stands on it, and the job of its task.
    async fn removal(&self, media: &Media) -> Result<(Option<JobId>, Removal), Error> {
        let mut writes = vec![Write::DropMedia(media.id)];
        let mut keys = vec![media.key.clone()];
        if let Some(video) = self.catalog().video(media.id).await? {
            writes.push(Write::DropVideo(media.id, video.version));
            keys.extend(video.thumbnail.and_then(|thumbnail| thumbnail.picture).map(|picture| picture.key));
        }
        writes.extend(keys.iter().map(|key| self.condemned(key)));
        let Some(task) = self.task_of(media).await? else { return Ok((None, Removal { writes, keys })) };
        writes.push(Write::DropTask(task.number, task.version));
        let of_job = self.removal_of_job(task.job).await?;
        writes.extend(of_job.writes);
        keys.extend(of_job.keys);
        Ok((Some(task.job), Removal { writes, keys }))
    }

    async fn task_of(&self, media: &Media) -> Result<Option<Task>, Error> {
        match media.task {
            Some(number) => Ok(self.catalog().task(number).await?),
            None => Ok(None),
        }
    }

    /// What takes a job away with what it made; nothing where it is gone.
    pub(crate) async fn removal_of_job(&self, job: JobId) -> Result<Removal, Error> {
        let mut removal = Removal::default();
        let Some(job) = self.catalog().job(job).await? else { return Ok(removal) };
        removal.writes.push(Write::DropJob(job.id, job.version));
        if let State::Done { output, .. } = job.state
            && let Some(output) = self.catalog().output(output).await?
        {
            removal.writes.extend([Write::DropOutput(output.id), self.condemned(&output.key)]);
            removal.keys.push(output.key);
        }
        Ok(removal)
    }

    /// Takes the jobs and outputs of a media away, but for one job.
    async fn remove_what_was_made_of(&self, media: MediaId, spared: Option<JobId>) -> Result<(), Error> {
        loop {
            let mut jobs = self.jobs_of(media).await?;
            let mut outputs = self.catalog().outputs_of(media).await?;
            jobs.retain(|job| Some(job.id) != spared);
            outputs.retain(|output| Some(output.job_id) != spared);
            if jobs.is_empty() && outputs.is_empty() {
                return Ok(());
            }
            self.remove_some(&jobs, &outputs).await?;
        }
    }

    async fn jobs_of(&self, media: MediaId) -> Result<Vec<Job>, Error> {
        let filter = JobFilter { media: Some(media), ..JobFilter::default() };
        Ok(self.catalog().jobs(filter, PageQuery { limit: 100, after: None }).await?.items)
    }

    pub(crate) async fn remove_some(&self, jobs: &[Job], outputs: &[Output]) -> Result<(), Error> {
        for some in jobs.chunks(MAX_WRITES) {
            let drops = some.iter().map(|job| Write::DropJob(job.id, job.version)).collect();
            match self.catalog().commit(drops).await {
                Ok(()) => some.iter().for_each(|job| self.stop_held(job.id)),
                // A job moved meanwhile: the caller looks again.
                Err(CatalogError::Conflict) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        for some in outputs.chunks(MAX_WRITES / 2) {
            let drops =
                some.iter().flat_map(|output| [Write::DropOutput(output.id), self.condemned(&output.key)]);
            match self.catalog().commit(drops.collect()).await {
                Ok(()) => {}
                Err(CatalogError::Conflict) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            for output in some {
                self.delete_condemned(&output.key).await;
            }
        }
        Ok(())
    }

    /// Every profile; with a media, what each would do with it.
    pub async fn profiles(&self, caller: &Caller, media: Option<MediaId>) -> Result<Vec<ProfileView>, Error> {
        let media = match media {
            Some(id) => Some(self.media(caller, id).await?),
            None => None,
        };
        let view = |profile: Profile| {
            let plan = match &media {
                Some(media) => {
                    self.ports().converter.plan(&media.info, &profile).map_err(|error| error.to_string())
                }
                None => Ok(profile.title.clone()),
            };
            ProfileView { profile, plan }
        };
        Ok(Profile::builtin().into_iter().map(view).collect())
    }

    /// The formats that this build writes, and the names of those that it reads.
    #[must_use]
    pub fn formats(&self) -> (Vec<Format>, Vec<String>) {
        (self.ports().converter.writes(), self.ports().converter.reads())
    }

    /// Tries every part behind the service. Whoever asks within a second of another is told the same: anybody may ask,
    /// and each try writes to the store.
    pub async fn readiness(&self) -> Readiness {
        let mut last = self.inner.readiness.lock().await;
        match &*last {
            Some((tried, readiness)) if tried.elapsed() < READINESS_AGE => readiness.clone(),
            _ => {
                let tried = self.try_parts().await;
                tell_changes(last.as_ref().map(|(_, before)| before), &tried);
                last.insert((Instant::now(), tried)).1.clone()
            }
        }
    }

    async fn try_parts(&self) -> Readiness {
        let ports = self.ports();
        let (doorbell, notifier, source) =
            (Arc::clone(&ports.doorbell), Arc::clone(&ports.notifier), Arc::clone(&ports.source));
        let (catalog, objects, doorbell, notifier, source) = tokio::join!(
            ports.catalog.check(),
            ports.objects.check(),
            optional(async move { wrong(doorbell.check().await) }),
            optional(async move { wrong(notifier.check().await) }),
            optional(async move { wrong(source.check().await) })
        );
        Readiness {
            parts: vec![
                ("catalog", true, wrong(catalog)),
                ("objects", true, wrong(objects)),
                ("doorbell", false, doorbell),
                ("notifier", false, notifier),
                ("source", false, source),
            ],
        }
    }

    /// How many jobs are in which state.
    pub async fn census(&self) -> Result<reelmill_core::ports::Census, Error> {
        Ok(self.catalog().census().await?)
    }
}

/// What is wrong with a part that requests can do without. It is not waited for: whoever asks may have a second, and a look
/// that takes longer goes on for the next who asks.
async fn optional(check: impl Future<Output = Option<String>> + Send + 'static) -> Option<String> {
    match timeout(OPTIONAL_PATIENCE, tokio::spawn(check)).await {
        Ok(Ok(wrong)) => wrong,
        Ok(Err(error)) => Some(error.to_string()),
        Err(_) => Some("it did not answer in time".to_owned()),
    }
}

/// Logs what became of a part since the last look: once, however many ask.
fn tell_changes(before: Option<&Readiness>, now: &Readiness) {
    for (part, needed, wrong) in &now.parts {
        let was_well = before
            .is_none_or(|before| before.parts.iter().any(|(name, _, wrong)| name == part && wrong.is_none()));
        match wrong {
            Some(wrong) if was_well => warn!(part, needed, wrong, "a part cannot be used"),
            None if !was_well => info!(part, "a part can be used again"),
            _ => {}
        }
    }
}

fn wrong<E: std::fmt::Display>(result: Result<(), E>) -> Option<String> {
    result.err().map(|error| error.to_string())
}
