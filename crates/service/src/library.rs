//! What is there: media, profiles, formats, and whether the parts behind can be used.

use reelmill_core::ports::{JobFilter, MAX_WRITES, Page, PageQuery};
use reelmill_core::{Format, Job, Media, MediaId, Output, Profile, Write};

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
        loop {
            let jobs = self.jobs_of(media.id).await?;
            let outputs = self.catalog().outputs_of(media.id).await?;
            if jobs.is_empty() && outputs.is_empty() {
                break;
            }
            self.remove_some(&jobs, &outputs).await?;
        }
        let writes = vec![Write::DropMedia(media.id), Write::Condemn(media.key.clone(), self.now())];
        match self.catalog().commit(writes).await {
            // Somebody deleted it at the same moment.
            Err(
                reelmill_core::ports::CatalogError::Conflict | reelmill_core::ports::CatalogError::NotFound,
            ) => {}
            other => other?,
        }
        self.discard(&media.key).await;
        Ok(())
    }

    async fn jobs_of(&self, media: MediaId) -> Result<Vec<Job>, Error> {
        let filter = JobFilter { media: Some(media), ..JobFilter::default() };
        Ok(self.catalog().jobs(filter, PageQuery { limit: 100, after: None }).await?.items)
    }

    async fn remove_some(&self, jobs: &[Job], outputs: &[Output]) -> Result<(), Error> {
        let now = self.now();
        let jobs = jobs.iter().map(|job| vec![Write::DropJob(job.id, job.version)]);
        let outputs = outputs
            .iter()
            .map(|output| vec![Write::DropOutput(output.id), Write::Condemn(output.key.clone(), now)]);
        let all: Vec<Vec<Write>> = jobs.chain(outputs).collect();
        for some in all.chunks(MAX_WRITES / 2) {
            match self.catalog().commit(some.concat()).await {
                // A job moved or an output came meanwhile: the caller looks again.
                Err(reelmill_core::ports::CatalogError::Conflict) => return Ok(()),
                other => other?,
            }
            for write in some.iter().flatten() {
                match write {
                    Write::Condemn(key, _) => self.discard(key).await,
                    Write::DropJob(id, _) => self.stop_held(*id),
                    _ => {}
                }
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
