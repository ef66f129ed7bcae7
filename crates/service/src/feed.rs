//! The feed: every change of a job and how far it is, told to all who listen in this process.
//!
//! What this process commits is told at once; what others commit is read from the catalog, behind a place in the order
//! of the jobs' last writes. Transactions do not become visible in that order, so each look goes back a little behind the
//! last place, and what was told already is known by its version. A listener that is too slow is told so and left: nothing is
//! kept for it.

mod chronicle;
mod moments;
mod tail;
mod told;

use std::sync::{Arc, Mutex, PoisonError};

use reelmill_core::ports::ChangeQuery;
use reelmill_core::{Job, JobId, Output, Stage, Timestamp, UserId};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::{Notify, broadcast};

pub(crate) use chronicle::Chronicle;
use moments::Moments;
use told::Told;

use crate::{Caller, Error, JobView, OperationView, Service};

/// Changes that a listener may be behind before it is too slow.
const MOST_BEHIND: usize = 4096;

/// How far behind a cursor a resumed stream begins: longer than a commit takes to be seen by all, and than the moments of two
/// processes lie apart.
const OVERLAP_MS: u64 = 60_000;

/// Jobs that a resumed stream reads at once.
const PAGE: u32 = 100;

/// Something about a job.
#[derive(Debug, Clone)]
pub enum Change {
    /// It was written anew.
    Written(Box<JobView>),
    /// It is further than it was.
    Progress {
        /// Which.
        job: JobId,
        /// Whose it is.
        account: UserId,
        /// The version that is under way.
        version: u64,
        /// What is being done.
        stage: Stage,
        /// How much of it, 0 to 1.
        progress: f64,
    },
}

impl Change {
    /// The job that it is about.
    #[must_use]
    pub fn job(&self) -> JobId {
        match self {
            Self::Written(view) => view.job.id,
            Self::Progress { job, .. } => *job,
        }
    }

    fn account(&self) -> UserId {
        match self {
            Self::Written(view) => view.job.account,
            Self::Progress { account, .. } => *account,
        }
    }
}

/// Where everything is told, and what was.
pub(crate) struct Feed {
    listeners: broadcast::Sender<Arc<Change>>,
    /// Somebody has begun to listen.
    begun: Notify,
    told: Mutex<Told>,
}

impl Default for Feed {
    fn default() -> Self {
        let listeners = broadcast::channel(MOST_BEHIND).0;
        Self { listeners, begun: Notify::new(), told: Mutex::default() }
    }
}

impl Feed {
    /// Tells of a job as it was written, unless that or something later was told.
    pub(crate) fn tell(&self, job: Job, output: Option<Output>) {
        let told = &mut self.told.lock().unwrap_or_else(PoisonError::into_inner);
        // Told under the lock, so that versions of one job come in their order.
        if told.written(job.id, job.version) {
            self.send(Change::Written(Box::new(JobView { job, output })));
        }
    }

    /// Tells how far a job is, where that is news. What is read elsewhere names the version that it is about, and is passed
    /// over where that is not the last that was told.
    fn tell_progress(
        &self,
        job: JobId,
        account: UserId,
        version: Option<u64>,
        (stage, progress): (Stage, f64),
    ) {
        let told = &mut self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(version) = told.moved(job, version, stage, progress) {
            self.send(Change::Progress { job, account, version, stage, progress });
        }
    }

    /// Takes a job's version for told.
    fn know(&self, job: &Job) {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).written(job.id, job.version);
    }

    /// Whether a job as it was read is not told of yet.
    fn is_news(&self, job: &Job) -> bool {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).is_news(job.id, job.version)
    }

    /// An error only says that nobody listens.
    fn send(&self, change: Change) {
        let _ = self.listeners.send(Arc::new(change));
    }

    pub(crate) fn listen(&self) -> broadcast::Receiver<Arc<Change>> {
        let listener = self.listeners.subscribe();
        self.begun.notify_one();
        listener
    }

    fn is_heard(&self) -> bool {
        self.listeners.receiver_count() > 0
    }
}

/// A place in the order of changes, as it is handed out to be given back: what came after it is not known to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor(Timestamp);

impl Cursor {
    /// The cursor that was handed out as that text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let is_plain = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_plain.then(|| text.parse().ok()).flatten().map(|ms| Self(Timestamp::from_ms(ms)))
    }

    /// The cursor of a job as it was written.
    #[must_use]
    pub const fn of(job: &Job) -> Self {
        Self(job.changed_at)
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.0.as_ms())
    }
}

/// Why a listener hears no more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Deaf {
    /// It was too slow: it begins again behind its last cursor.
    TooSlow,
    /// The process ends.
    Ended,
}

/// Somebody who hears of jobs, of each version once and in order.
pub struct Listener {
    hears: Hears,
    changes: broadcast::Receiver<Arc<Change>>,
}

/// What a listener hears of.
enum Hears {
    /// Jobs that the caller may see.
    Caller(Caller),
    /// One job.
    Job(JobId),
}

impl Hears {
    fn of(&self, change: &Change) -> bool {
        match self {
            Self::Caller(caller) => caller.may_see(change.account()),
            Self::Job(job) => *job == change.job(),
        }
    }
}

impl Listener {
    /// The next change.
    ///
    /// # Errors
    /// Where nothing more comes.
    pub async fn next(&mut self) -> Result<Arc<Change>, Deaf> {
        loop {
            match self.changes.recv().await {
                Ok(change) if self.hears.of(&change) => return Ok(change),
                Ok(_) => {}
                Err(RecvError::Lagged(_)) => return Err(Deaf::TooSlow),
                Err(RecvError::Closed) => return Err(Deaf::Ended),
            }
        }
    }
}

/// What was written behind a cursor, part by part; what is written meanwhile may be in it or not.
pub struct Missed {
    query: Option<ChangeQuery>,
}

impl Service {
    /// Listens from now on. Whoever asks for what it missed does so after this, so that nothing falls between.
    #[must_use]
    pub fn listen(&self, caller: &Caller) -> Listener {
        Listener { hears: Hears::Caller(caller.clone()), changes: self.inner.catalog.feed().listen() }
    }

    /// Listens to an operation's job from now on, whosoever it is: who may see the operation may follow it.
    #[must_use]
    pub fn listen_to(&self, operation: &OperationView) -> Listener {
        let hears = Hears::Job(operation.operation.job);
        Listener { hears, changes: self.inner.catalog.feed().listen() }
    }

    /// The place that a stream which begins now may be resumed at.
    pub async fn cursor(&self) -> Result<Cursor, Error> {
        self.keep_time().await?;
        Ok(Cursor(self.inner.catalog.moments().latest()))
    }

    /// What the caller may have missed behind a cursor. It begins a little before it.
    #[must_use]
    pub fn missed(&self, caller: &Caller, cursor: Cursor) -> Missed {
        let account = (!caller.is_admin()).then_some(caller.id());
        let since = cursor.0.minus_ms(OVERLAP_MS);
        Missed { query: Some(ChangeQuery { account, since, after: None, limit: PAGE }) }
    }

    /// The next part of what was missed; empty where that is all.
    pub async fn next_missed(&self, missed: &mut Missed) -> Result<Vec<JobView>, Error> {
        let Some(query) = missed.query else { return Ok(Vec::new()) };
        let jobs = self.catalog().changed_jobs(query).await?;
        let is_all = jobs.len() < query.limit as usize;
        missed.query = jobs.last().filter(|_| !is_all).map(|last| query.behind(last));
        let mut views = Vec::with_capacity(jobs.len());
        for job in jobs {
            views.push(self.view(job).await?);
        }
        Ok(views)
    }

    /// Whether a caller who was let in once still may: the account is there and its tokens have not been ended since.
    pub async fn is_still_let_in(&self, caller: &Caller) -> Result<bool, Error> {
        let user = self.catalog().user(caller.id()).await?;
        Ok(user.is_some_and(|user| user.epoch == caller.user.epoch))
    }
}
