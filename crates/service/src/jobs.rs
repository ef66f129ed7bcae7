//! Jobs as their owners see and steer them.

use reelmill_core::ports::{CatalogError, JobFilter, Page, PageQuery};
use reelmill_core::{Event, Found, Job, JobId, Kind, MediaId, Output, OutputId, State, StateName};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::{Duration, Instant, sleep_until, timeout_at};

use crate::wishes::Material;
use crate::{Caller, Change, Error, JobWish, Service};

/// The longest title or address that is looked for, in bytes.
const MAX_WISH_BYTES: usize = 2048;

/// A job with what it made.
#[derive(Debug, Clone)]
pub struct JobView {
    /// The job, its pulse as fresh as this process knows it.
    pub job: Job,
    /// What it made; `None` where it is not done, or its output was deleted since.
    pub output: Option<Output>,
}

impl Service {
    /// Makes a job, or finds the one that the same Idempotency-Key made before.
    ///
    /// # Errors
    /// `NotFound` for a media that is not the caller's; `Unprocessable` where the media cannot become what is wished;
    /// `Unprocessable` for a key that came with another body.
    pub async fn submit(&self, caller: &Caller, media: MediaId, wish: JobWish) -> Result<JobView, Error> {
        caller.must_be_member()?;
        if let Some(job) = self.replay(caller, &wish).await? {
            return self.view(job).await;
        }
        let profile = wish.resolve()?;
        let media = self.media(caller, media).await?;
        self.ports().converter.plan(&media.info, &profile)?;
        let job = self.new_job(caller.id(), &Material::Media(&media), &wish, profile);
        match self.catalog().commit(self.writes_for(&job, &wish)).await {
            Ok(()) => {
                self.ring(job.id).await;
                Ok(JobView { job, output: None })
            }
            // The same key came twice at once, and the other was faster.
            Err(CatalogError::Conflict) => match self.replay(caller, &wish).await? {
                Some(job) => self.view(job).await,
                // Else the media was deleted at the same moment.
                None => Err(Error::not_found("media")),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// Makes a job that fetches what `source` names, a title or an address, and converts it.
    ///
    /// # Errors
    /// What the source says at once: nothing found, an address that it does not take, or that it cannot be asked.
    pub async fn import(&self, caller: &Caller, source: &str, wish: JobWish) -> Result<JobView, Error> {
        caller.must_be_member()?;
        if let Some(job) = self.replay(caller, &wish).await? {
            return self.view(job).await;
        }
        let profile = wish.resolve()?;
        let found = self.find(source).await?;
        let job = self.new_job(caller.id(), &Material::Found(&found, None), &wish, profile);
        match self.catalog().commit(self.writes_for(&job, &wish)).await {
            Ok(()) => {
                self.ring(job.id).await;
                Ok(JobView { job, output: None })
            }
            // The same key came twice at once, and the other was faster.
            Err(error @ CatalogError::Conflict) => match self.replay(caller, &wish).await? {
                Some(job) => self.view(job).await,
                None => Err(error.into()),
            },
            Err(error) => Err(error.into()),
        }
    }

    /// What a title or an address names.
    pub(crate) async fn find(&self, wish: &str) -> Result<Found, Error> {
        let wish = wish.trim();
        if wish.is_empty() || wish.len() > MAX_WISH_BYTES || wish.chars().any(char::is_control) {
            let detail = format!("a title or an address has 1 to {MAX_WISH_BYTES} bytes on one line");
            return Err(Error::invalid(detail));
        }
        Ok(self.ports().source.find(wish).await?)
    }

    async fn replay(&self, caller: &Caller, wish: &JobWish) -> Result<Option<Job>, Error> {
        let Some(submission) = &wish.submission else { return Ok(None) };
        let scope = submission.scope(caller.id());
        let Some(receipt) = self.catalog().receipt(&scope, &submission.key, self.now()).await? else {
            return Ok(None);
        };
        if receipt.body_hash != submission.body_hash {
            return Err(Error::new(
                Kind::Unprocessable,
                "idempotency-key-reused",
                "this Idempotency-Key came with another body before; use a fresh one",
            ));
        }
        Ok(self.catalog().job(receipt.job).await?)
    }

    /// A job of the caller's.
    pub async fn job(&self, caller: &Caller, id: JobId) -> Result<JobView, Error> {
        let job = self.visible_job(caller, id).await?;
        self.view(job).await
    }

    /// The caller's jobs, newest first; an admin's are everybody's.
    pub async fn jobs(
        &self,
        caller: &Caller,
        state: Option<StateName>,
        query: PageQuery,
    ) -> Result<Page<JobView>, Error> {
        let account = (!caller.is_admin()).then_some(caller.id());
        let page = self.catalog().jobs(JobFilter { account, media: None, state }, query).await?;
        let mut items = Vec::with_capacity(page.items.len());
        for job in page.items {
            items.push(self.view(job).await?);
        }
        Ok(Page { items, next: page.next })
    }

    /// Ends a job that has not ended: at once where it waits, within two seconds where it runs.
    pub async fn cancel(&self, caller: &Caller, id: JobId) -> Result<JobView, Error> {
        let view = self.steer(caller, id, &Event::Cancel).await?;
        if let Some(held) = self.held().get(&id) {
            held.beat_now.notify_one();
        }
        Ok(view)
    }

    /// Begins a failed or cancelled job anew.
    pub async fn retry(&self, caller: &Caller, id: JobId) -> Result<JobView, Error> {
        let view = self.steer(caller, id, &Event::Retry).await?;
        self.ring(id).await;
        Ok(view)
    }

    /// Waits until a job is over, at most `most`; answers with what is true then.
    pub async fn wait(&self, caller: &Caller, id: JobId, most: Duration) -> Result<JobView, Error> {
        let deadline = Instant::now() + most;
        let mut changes = self.catalog().feed().listen();
        loop {
            let view = self.job(caller, id).await?;
            if view.job.state.name().is_over() || Instant::now() >= deadline {
                return Ok(view);
            }
            // What other processes write is seen at the next look at the latest.
            let look = deadline.min(Instant::now() + self.options().poll);
            loop {
                match timeout_at(look, changes.recv()).await {
                    Ok(Ok(change)) if change.job() != id || matches!(*change, Change::Progress { .. }) => {}
                    // It changed, or some changes were missed, or it is time to look.
                    Ok(Ok(_) | Err(RecvError::Lagged(_))) | Err(_) => break,
                    Ok(Err(RecvError::Closed)) => {
                        sleep_until(look).await;
                        break;
                    }
                }
            }
        }
    }

    /// An output of the caller's.
    pub async fn output(&self, caller: &Caller, id: OutputId) -> Result<Output, Error> {
        let output = self.catalog().output(id).await?;
        output.filter(|output| caller.may_see(output.owner)).ok_or_else(|| Error::not_found("output"))
    }

    /// The output of a `fid` or an id, whoever's it is: the converter's door tells "not yours" from "not there".
    ///
    /// # Errors
    /// `NotFound`, `Forbidden`.
    pub async fn output_by_fid(&self, caller: &Caller, fid: &str) -> Result<Output, Error> {
        let mut output = self.catalog().output_by_fid(fid).await?;
        if let (None, Ok(id)) = (&output, fid.parse()) {
            output = self.catalog().output(id).await?;
        }
        let output = output.ok_or_else(|| Error::not_found("output"))?;
        if caller.may_see(output.owner) {
            Ok(output)
        } else {
            Err(Error::forbidden("it belongs to another account"))
        }
    }

    async fn steer(&self, caller: &Caller, id: JobId, event: &Event) -> Result<JobView, Error> {
        caller.must_be_member()?;
        loop {
            let job = self.visible_job(caller, id).await?;
            let next = job.apply(event, self.now())?;
            let mut writes = self.deliveries_of(&next, None).await?;
            let are_told = !writes.is_empty();
            writes.push(reelmill_core::Write::ReplaceJob(next.clone()));
            match self.catalog().commit(writes).await {
                Ok(()) => {
                    if are_told {
                        self.inner.deliveries.notify_one();
                    }
                    return self.view(next).await;
                }
                // Someone was faster. Whether `event` still makes sense is decided afresh.
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn visible_job(&self, caller: &Caller, id: JobId) -> Result<Job, Error> {
        let job = self.catalog().job(id).await?;
        job.filter(|job| caller.may_see(job.account)).ok_or_else(|| Error::not_found("job"))
    }

    pub(crate) async fn view(&self, mut job: Job) -> Result<JobView, Error> {
        if let Some(held) = self.held().get(&job.id)
            && job.claim().is_some_and(|claim| claim.token == held.token)
        {
            job.pulse = held.pulse;
        }
        let output = match job.state {
            State::Done { output, .. } => self.catalog().output(output).await?,
            _ => None,
        };
        Ok(JobView { job, output })
    }
}
