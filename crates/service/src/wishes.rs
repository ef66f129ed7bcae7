//! A conversion that somebody wishes, and the job that it becomes.

use reelmill_core::{
    Door, Found, Job, JobId, Kind, Media, Priority, Profile, Pulse, Receipt, Settings, SongId, State, UserId,
    Write,
};

use crate::{Error, Service};

/// A conversion that somebody wishes.
#[derive(Debug, Clone)]
pub struct JobWish {
    /// The profile's name.
    pub profile: String,
    /// What is laid over its settings.
    pub overrides: Settings,
    /// Who goes first.
    pub priority: Priority,
    /// The door that it comes through.
    pub door: Door,
    /// The client's Idempotency-Key, where it sent one.
    pub submission: Option<Submission>,
}

/// What makes a request the same as one sent before.
#[derive(Debug, Clone)]
pub struct Submission {
    /// The route, as `POST /v1/jobs`.
    pub route: &'static str,
    /// The client's key.
    pub key: String,
    /// BLAKE3 of the request's body, lower-case hex.
    pub body_hash: String,
}

/// What a job is done to.
pub(crate) enum Material<'a> {
    /// A media that is here.
    Media(&'a Media),
    /// One that is to be fetched first, perhaps for the library.
    Found(&'a Found, Option<SongId>),
}

impl JobWish {
    /// A wish for a profile as it is, that somebody waits for.
    #[must_use]
    pub fn plain(profile: &str, door: Door) -> Self {
        let (overrides, priority) = (Settings::default(), Priority::Normal);
        Self { profile: profile.to_owned(), overrides, priority, door, submission: None }
    }

    /// The profile as it is wished, overrides laid over.
    pub(crate) fn resolve(&self) -> Result<Profile, Error> {
        let profile = Profile::named(&self.profile).ok_or_else(|| {
            let names: Vec<String> = Profile::builtin().into_iter().map(|profile| profile.name).collect();
            Error::new(
                Kind::Unprocessable,
                "unknown-profile",
                format!("there is no profile `{}`; take one of {}", self.profile, names.join(", ")),
            )
        })?;
        let profile = profile.with(&self.overrides);
        match self.overrides.contradiction() {
            Some(said) => Err(Error::new(Kind::Unprocessable, "bad-setting", said)),
            None => Ok(profile),
        }
    }
}

impl Submission {
    /// How long a key stands for its answer.
    pub(crate) const LIFETIME_MS: u64 = 24 * 60 * 60 * 1000;

    pub(crate) fn scope(&self, account: UserId) -> String {
        format!("{account} {}", self.route)
    }
}

impl Service {
    pub(crate) fn new_job(&self, account: UserId, of: &Material, wish: &JobWish, profile: Profile) -> Job {
        let now = self.now();
        let (media, found, song) = match of {
            Material::Media(media) => (Some(media), None, None),
            Material::Found(found, song) => (None, Some((*found).clone()), *song),
        };
        let (max_attempts, deadline) = match wish.door {
            Door::Music => (self.options().music_attempts, self.options().music_deadline),
            _ => (self.options().max_attempts, self.options().job_deadline),
        };
        Job {
            id: JobId(self.fresh_id()),
            account,
            media_id: media.map(|media| media.id),
            origin: found,
            song,
            task: media.and_then(|media| media.task),
            plan: media.and_then(|media| self.ports().converter.plan(&media.info, &profile).ok()),
            profile,
            overrides: wish.overrides.clone(),
            priority: wish.priority,
            door: wish.door,
            max_attempts,
            deadline_ms: u64::try_from(deadline.as_millis()).unwrap_or(u64::MAX),
            created_at: now,
            started_at: None,
            changed_at: now,
            attempt: 0,
            state: State::queued_at_once(now, None),
            version: 1,
            pulse: Pulse::default(),
        }
    }

    /// The writes that make a job, with what it stands on and what it answers.
    pub(crate) fn writes_for(&self, job: &Job, wish: &JobWish) -> Vec<Write> {
        let receipt = wish.submission.as_ref().map(|submission| {
            let receipt = Receipt {
                scope: submission.scope(job.account),
                key: submission.key.clone(),
                body_hash: submission.body_hash.clone(),
                job: job.id,
                expires_at: self.now().plus_ms(Submission::LIFETIME_MS),
            };
            Write::AddReceipt(receipt, self.now())
        });
        let media = job.media_id.map(Write::NeedMedia);
        media.into_iter().chain([Write::AddJob(job.clone())]).chain(receipt).collect()
    }
}
