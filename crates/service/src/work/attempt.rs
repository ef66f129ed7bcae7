//! One attempt at a job, from the claim to the write that ends or reschedules it.
//!
//! The result goes to a fresh key on record; it becomes visible by the very commit that ends the job, or is
//! deleted.

use std::sync::Arc;

use reelmill_core::ports::{CatalogError, Conversion, ConverterError, Input, ObjectsError, SourceError};
use reelmill_core::{
    Door, Event, Failure, FailureKind, Job, Key, Kind, Media, Output, OutputId, Stage, State, Token, Write,
};
use tokio::sync::{Notify, OwnedSemaphorePermit};
use tokio::time::{Duration, Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::{error, info, warn};

use super::backoff::before_retry;
use super::bench::Bench;
use super::claim::{Claimed, settle};
use super::heartbeat::{Stopped, Watch};
use crate::ingest::safe_name;
use crate::{Error, Service};

/// Why an attempt made nothing.
pub(super) enum Broken {
    /// The converter says so.
    Converter(ConverterError),
    /// The source says so.
    Source(SourceError),
    /// The catalog or the store did not do its part.
    Service(Error),
}

impl From<ConverterError> for Broken {
    fn from(error: ConverterError) -> Self {
        Self::Converter(error)
    }
}

impl From<SourceError> for Broken {
    fn from(error: SourceError) -> Self {
        Self::Source(error)
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        Self::Service(error)
    }
}

impl From<CatalogError> for Broken {
    fn from(error: CatalogError) -> Self {
        Self::Service(error.into())
    }
}

impl From<ObjectsError> for Broken {
    fn from(error: ObjectsError) -> Self {
        Self::Service(error.into())
    }
}

/// A result that is stored, but not visible.
struct Made {
    output: Output,
    notes: Vec<String>,
}

impl Service {
    /// Runs a claimed job to the end of this attempt, whatever that is.
    pub(super) async fn attempt(
        self,
        claimed: Claimed,
        slot: OwnedSemaphorePermit,
        give_back: CancellationToken,
    ) {
        let Claimed { job, token, mut delivery } = claimed;
        let bench = Bench::new(&self, job.id, token, slot);
        let watch = Watch {
            id: job.id,
            account: job.account,
            token,
            cancel: bench.cancel.clone(),
            deadline: job.deadline(),
            give_back,
            beat_now: Arc::new(Notify::new()),
        };
        self.hold(&watch, if job.media_id.is_some() { Stage::Convert } else { Stage::Fetch });
        let mut is_left_behind = false;
        let made = {
            let making = self.make(&job, &bench);
            tokio::pin!(making);
            tokio::select! {
                made = &mut making => made.map_err(Err),
                stopped = self.watch(&watch, &mut delivery) => {
                    // The engine ends within 100 ms of this; its result no longer counts.
                    watch.cancel.cancel();
                    // A store that hangs is left behind: what is dropped here ends by itself.
                    is_left_behind = timeout(self.options().lease, making).await.is_err();
                    Err(Ok(stopped))
                }
            }
        };
        let ended = match made {
            Ok(made) => self.complete(&watch, &job, made).await,
            Err(broken) => {
                bench.clear(is_left_behind).await;
                self.give_up(&watch, &job, broken).await
            }
        };
        self.let_go(&watch);
        let ended = match ended {
            // The job was deleted under the worker: there is nothing left to end.
            Err(error) if error.kind == Kind::NotFound => Ok(()),
            other => other,
        };
        if let Err(error) = ended {
            error!(job.id = %job.id, job.attempt = token.attempt, error = ?error, "an attempt could not be ended; a rescuer will");
            return;
        }
        if let Some(delivery) = delivery {
            settle(delivery).await;
        }
    }

    async fn make(&self, job: &Job, bench: &Bench) -> Result<Made, Broken> {
        let media = self.original(job, bench).await?;
        let _long = self.inner.lane.weigh(&media);
        let id = OutputId(self.fresh_id());
        let name = result_name(job, &media);
        let key = result_key(job, id, &name)?;
        bench.record(&key).await?;
        let mut writer = self.objects().create(&key).await?;
        let conversion = self.conversion(job, bench, &media);
        let converted = self.ports().converter.convert(conversion, &mut *writer).await?;
        self.set_pulse(job.id, bench.token, Stage::Store, 1.0);
        let stored = writer.finish().await?;
        let output = Output {
            id,
            job_id: job.id,
            media_id: media.id,
            owner: job.account,
            fid: stored.fid.unwrap_or_else(|| id.to_string()),
            name,
            key,
            size_bytes: stored.size_bytes,
            format: job.profile.format,
            duration_ms: converted.duration_ms,
            created_at: self.now(),
        };
        Ok(Made { notes: converted.notes, output })
    }

    fn conversion(&self, job: &Job, bench: &Bench, media: &Media) -> Conversion {
        let (service, id, token) = (self.clone(), job.id, bench.token);
        Conversion {
            input: Input {
                objects: Arc::clone(&self.ports().objects),
                key: media.key.clone(),
                size_bytes: media.size_bytes,
                name: media.name.clone(),
            },
            profile: job.profile.clone(),
            progress: Arc::new(move |done| service.set_pulse(id, token, Stage::Convert, done)),
            cancel: bench.cancel.clone(),
        }
    }

    async fn complete(&self, watch: &Watch, job: &Job, made: Made) -> Result<(), Error> {
        let (id, key) = (made.output.id, made.output.key.clone());
        let event = Event::Complete { token: watch.token, output: id };
        let media = Write::NeedMedia(made.output.media_id);
        let visible = vec![media, Write::TakeIntent(key.clone()), Write::AddOutput(made.output)];
        match self.settle_job(watch, &event, visible).await {
            Ok(done) if matches!(done.state, State::Done { output, .. } if output == id) => {
                info!(job.id = %job.id, job.attempt = watch.token.attempt, output.id = %id, notes = ?made.notes, "job done");
                Ok(())
            }
            Ok(_) => {
                self.discard(&key).await;
                Ok(())
            }
            Err(error) if error.kind == Kind::NotFound => {
                self.discard(&key).await;
                Err(error)
            }
            Err(error) => {
                // Whether the last try was taken is not known: the collector decides by the record.
                warn!(job.id = %job.id, object.key = %key, "a result waits for the catalog's word");
                Err(error)
            }
        }
    }

    async fn give_up(&self, watch: &Watch, job: &Job, broken: Result<Stopped, Broken>) -> Result<(), Error> {
        let token = watch.token;
        let event = match broken {
            Ok(Stopped::Lost) => {
                warn!(job.id = %job.id, job.attempt = token.attempt, "the claim was lost; another worker goes on");
                return Ok(());
            }
            Ok(Stopped::Cancelled) => Event::Stop { token },
            Ok(Stopped::Draining) => Event::GiveBack { token },
            Ok(Stopped::Deadline) => {
                let message = format!("was not done within its {} s", job.deadline_ms / 1000);
                Event::Fail { token, failure: Failure::new(FailureKind::Timeout, message), retry_at: None }
            }
            Err(Broken::Converter(ConverterError::Busy(cause))) => {
                // No fault of the job's: it waits on and loses no attempt. Its deadline ends that in the end.
                info!(job.id = %job.id, job.attempt = token.attempt, cause, "a job waits for room");
                Event::GiveBack { token }
            }
            Err(broken) => self.failure_of(job, token, broken),
        };
        let ended = self.settle_job(watch, &event, Vec::new()).await?;
        if let State::Failed { failure, .. } = &ended.state {
            info!(job.id = %job.id, job.attempt = token.attempt, kind = failure.kind.as_str(), failure.message, "job failed");
        }
        Ok(())
    }

    fn failure_of(&self, job: &Job, token: Token, broken: Broken) -> Event {
        let mut least_ms = 0;
        let (failure, transient, cause) = match broken {
            Broken::Converter(error) => (error.to_failure(), error.is_transient(), error.to_string()),
            Broken::Source(error) => {
                if let SourceError::Obstacle { retry_after_ms: Some(ms), .. } = &error {
                    least_ms = *ms;
                }
                (error.to_failure(), error.is_transient(), error.to_string())
            }
            Broken::Service(error) => {
                let transient = matches!(error.kind, Kind::Unavailable | Kind::Conflict);
                let cause = error.cause.clone().unwrap_or_else(|| error.detail.clone());
                (Failure::new(FailureKind::Internal, error.detail), transient, cause)
            }
        };
        if failure.kind == FailureKind::Internal {
            warn!(job.id = %job.id, job.attempt = token.attempt, cause, "an attempt failed");
        }
        let retry_at = transient.then(|| {
            let wait = before_retry(self.options().retry_base, token.attempt);
            self.now().plus_ms(u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(least_ms))
        });
        Event::Fail { token, failure, retry_at }
    }

    /// Writes the job after `event`, with `visible` in the same commit where it becomes done. Goes on until the
    /// catalog's answer is known or the claim can no longer be ours.
    async fn settle_job(&self, watch: &Watch, event: &Event, visible: Vec<Write>) -> Result<Job, Error> {
        let give_up_at = Instant::now() + self.options().lease;
        let mut wait = Duration::from_millis(50);
        loop {
            let unsure = match self.try_settle(watch, event, &visible).await {
                Ok(Some(job)) => return Ok(job),
                // Someone was faster. Whether `event` still makes sense is decided afresh.
                Ok(None) => CatalogError::Conflict.into(),
                Err(error) if error.kind == Kind::Unavailable => error,
                Err(error) => return Err(error),
            };
            if Instant::now() + wait >= give_up_at {
                return Err(unsure);
            }
            sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(1));
        }
    }

    async fn try_settle(
        &self,
        watch: &Watch,
        event: &Event,
        visible: &[Write],
    ) -> Result<Option<Job>, Error> {
        let Some(job) = self.catalog().job(watch.id).await? else {
            return Err(Error::not_found("job"));
        };
        if let (false, Some(media)) = (visible.is_empty(), job.media_id)
            && self.catalog().media(media).await?.is_none()
        {
            return Err(Error::not_found("media"));
        }
        // An answer that was lost may have been a yes.
        if let (Event::Complete { output, .. }, State::Done { output: there, .. }) = (event, &job.state)
            && output == there
        {
            return Ok(Some(job));
        }
        let stop = Event::Stop { token: watch.token };
        let (next, visible) = match job.apply(event, self.now()) {
            Ok(next) => (next, visible.to_vec()),
            // It was cancelled in the last moment: the result is thrown away.
            Err(_) => match job.apply(&stop, self.now()) {
                Ok(next) => (next, Vec::new()),
                // The claim is another's.
                Err(_) => return Ok(Some(job)),
            },
        };
        if next.state.name().is_over() {
            Ok(self.end(&job, next.clone(), visible).await?.then_some(next))
        } else {
            match self.catalog().commit(vec![Write::ReplaceJob(next.clone())]).await {
                Ok(()) => {
                    self.ring(next.id).await;
                    Ok(Some(next))
                }
                Err(CatalogError::Conflict) => Ok(None),
                Err(error) => Err(error.into()),
            }
        }
    }

    /// Writes the end of a job with what becomes visible by it and the notice of it; `false` where someone was faster.
    pub(super) async fn end(&self, job: &Job, next: Job, visible: Vec<Write>) -> Result<bool, Error> {
        let mut writes = visible;
        let output = match next.state {
            State::Done { output, .. } => Some(output),
            _ => None,
        };
        if matches!(next.state, State::Done { .. } | State::Failed { .. }) {
            writes.extend(self.notices_of(job, output).into_iter().map(Write::AddNotice));
        }
        writes.push(Write::ReplaceJob(next));
        match self.catalog().commit(writes).await {
            Ok(()) => {
                self.inner.notices.notify_one();
                self.inner.announcements.notify_one();
                Ok(true)
            }
            Err(CatalogError::Conflict) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

/// The file name that the result is offered under.
fn result_name(job: &Job, media: &Media) -> String {
    let stem = media.name.rsplit_once('.').map_or(media.name.as_str(), |(stem, _)| stem);
    let stem = if stem.is_empty() { "untitled" } else { stem };
    format!("{stem}.{}", job.profile.format.extension())
}

/// A fresh key for a result, by the layout that the door's contract gives its store.
fn result_key(job: &Job, id: OutputId, name: &str) -> Result<Key, Error> {
    let extension = job.profile.format.extension();
    let key = match (job.door, job.task) {
        (Door::Music, _) => {
            let title = name.rsplit_once('.').map_or(name, |(title, _)| title);
            format!("audio/{}-{id}.{extension}", safe_name(title))
        }
        (Door::Tasks, Some(number)) => format!("{number}/{id}/{}", safe_name(name)),
        _ => format!("outputs/{id}.{extension}"),
    };
    key.parse().map_err(Error::internal)
}
