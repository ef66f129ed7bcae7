//! What is there: media, profiles, formats, and whether the parts behind can be used.

use reelmill_core::ports::{CatalogError, JobFilter, MAX_WRITES, Page, PageQuery};
use reelmill_core::{Format, Holder, Intent, Job, Key, Media, MediaId, Output, Profile, Write};

use tokio::time::{Duration, Instant};

use crate::{Caller, Error, Service};

/// How long a look at the parts behind the service is good.
const READINESS_AGE: Duration = Duration::from_secs(1);

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
        self.remove_what_was_made_of(media.id).await?;
        match self.catalog().commit(vec![Write::DropMedia(media.id), self.condemned(&media.key)]).await {
            Ok(()) => self.delete_condemned(&media.key).await,
            // Somebody deleted it at the same moment.
            Err(CatalogError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        // What came between the last look and the end of the media; nothing can come any more.
        self.remove_what_was_made_of(media.id).await
    }

    /// An intent for an object that is to be deleted.
    fn condemned(&self, key: &Key) -> Write {
        let now = self.now();
        Write::AddIntent(Intent {
            key: key.clone(),
            holder: Holder::Condemned { since: now },
            beats: 0,
            created_at: now,
        })
    }

    async fn remove_what_was_made_of(&self, media: MediaId) -> Result<(), Error> {
        loop {
            let jobs = self.jobs_of(media).await?;
            let outputs = self.catalog().outputs_of(media).await?;
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
            _ => last.insert((Instant::now(), self.try_parts().await)).1.clone(),
        }
    }

    async fn try_parts(&self) -> Readiness {
        let ports = self.ports();
        let (catalog, objects, doorbell, notifier) = tokio::join!(
            ports.catalog.check(),
            ports.objects.check(),
            ports.doorbell.check(),
            ports.notifier.check()
        );
        Readiness {
            parts: vec![
                ("catalog", true, wrong(catalog)),
                ("objects", true, wrong(objects)),
                ("doorbell", false, wrong(doorbell)),
                ("notifier", false, wrong(notifier)),
            ],
        }
    }

    /// How many jobs are in which state.
    pub async fn census(&self) -> Result<reelmill_core::ports::Census, Error> {
        Ok(self.catalog().census().await?)
    }
}

fn wrong<E: std::fmt::Display>(result: Result<(), E>) -> Option<String> {
    result.err().map(|error| error.to_string())
}
