//! Conversion tasks: a file and the format that its owner wants of it, known by an integer.
//!
//! A task is one record beside its media and its job, all written in one commit, so that none is half made. Its
//! state is its job's.

use bytes::Bytes;
use futures_util::Stream;
use reelmill_core::ports::{CatalogError, TaskQuery};
use reelmill_core::{Door, Format, Job, Kind, Media, Output, State, Task, Write};

use crate::wishes::Material;
use crate::{Caller, Content, Error, JobWish, Service, Upload};

/// How many tasks are read at once.
const PAGE: u32 = 500;

/// A task and how far it is.
#[derive(Debug, Clone)]
pub struct TaskView {
    /// The task.
    pub task: Task,
    /// Its job.
    pub job: Job,
}

/// Which of a task's files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// The result once it is there, else the original.
    Latest,
    /// The original.
    Original,
    /// The result.
    Converted,
}

impl Service {
    /// Takes a file in as a task. `wish` says its name and the format when all bytes are here, since the fields of a
    /// form may stand behind its file; where it says no, the bytes are deleted and nothing was made.
    ///
    /// # Errors
    /// As [`Service::ingest`], and what `wish` says.
    pub async fn create_task<S>(
        &self,
        caller: &Caller,
        upload: Upload<S>,
        wish: impl FnOnce() -> Result<(String, Format), Error> + Send,
    ) -> Result<TaskView, Error>
    where
        S: Stream<Item = Result<Bytes, Error>> + Send,
    {
        let landed = self.take_in_task(caller, upload, wish).await?;
        match (landed.task, landed.job) {
            (Some(task), Some(job)) => Ok(TaskView { task, job }),
            _ => Err(Error::internal("an upload for a task made none")),
        }
    }

    /// A task of the caller's.
    pub async fn task(&self, caller: &Caller, number: i64) -> Result<TaskView, Error> {
        let task = self.own_task(caller, number).await?;
        self.task_view(task).await
    }

    /// The caller's tasks by number, at most `most`.
    pub async fn tasks(
        &self,
        caller: &Caller,
        is_ascending: bool,
        most: Option<u32>,
    ) -> Result<Vec<TaskView>, Error> {
        let mut views = Vec::new();
        let mut after = None;
        let mut left = most.unwrap_or(u32::MAX);
        while left > 0 {
            let limit = left.min(PAGE);
            let page = self.catalog().tasks(caller.id(), TaskQuery { is_ascending, after, limit }).await?;
            after = page.last().map(|task| task.number);
            let is_last = page.len() < limit as usize;
            left -= limit;
            for task in page {
                match self.task_view(task).await {
                    // It was deleted since the list was read.
                    Err(error) if error.kind == Kind::NotFound => {}
                    view => views.push(view?),
                }
            }
            if is_last {
                break;
            }
        }
        Ok(views)
    }

    /// Wants another format of the same original: it is converted again, and what was made before goes.
    pub async fn change_task(&self, caller: &Caller, number: i64, format: Format) -> Result<TaskView, Error> {
        caller.must_be_member()?;
        let wish = JobWish::plain(format.name(), Door::Tasks);
        loop {
            let old = self.own_task(caller, number).await?;
            let media = self.task_media(&old).await?;
            let job = self.new_job(old.account, &Material::Media(&media), &wish, wish.resolve()?);
            let task = Task { format, job: job.id, version: old.version + 1, ..old.clone() };
            let mut writes = self.writes_for(&job, &wish);
            writes.push(Write::ReplaceTask(task.clone()));
            let removal = self.removal_of_job(old.job).await?;
            writes.extend(removal.writes);
            match self.catalog().commit(writes).await {
                Ok(()) => {
                    self.stop_held(old.job);
                    for key in &removal.keys {
                        self.delete_condemned(key).await;
                    }
                    self.ring(job.id).await;
                    return Ok(TaskView { task, job });
                }
                // Somebody changed or deleted it, or its job moved on, at the same moment.
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// A task as its worker sees it, whoever's it is: its state is the catalog's, and nobody can say another.
    ///
    /// # Errors
    /// `Forbidden` for all but administrators, `NotFound`.
    pub async fn task_for_worker(&self, caller: &Caller, number: i64) -> Result<TaskView, Error> {
        if !caller.is_admin() {
            return Err(Error::forbidden(
                "this is for workers: it takes an administrator's token or API key",
            ));
        }
        let task = self.catalog().task(number).await?.ok_or_else(|| Error::not_found("task"))?;
        self.task_view(task).await
    }

    /// Deletes a task with its original and everything made from it. A conversion that runs is stopped.
    pub async fn delete_task(&self, caller: &Caller, number: i64) -> Result<(), Error> {
        caller.must_be_member()?;
        let task = self.own_task(caller, number).await?;
        let media = self.task_media(&task).await?;
        self.remove_media(&media).await
    }

    /// A task's file.
    ///
    /// # Errors
    /// `NotFound` also for a result that is not there yet.
    pub async fn task_content(&self, caller: &Caller, number: i64, which: Which) -> Result<Content, Error> {
        let view = self.task(caller, number).await?;
        let output = match which {
            Which::Original => None,
            Which::Latest | Which::Converted => self.output_of(&view.job).await?,
        };
        match (output, which) {
            (Some(output), _) => Ok(self.content_of(output)),
            (None, Which::Converted) => Err(not_processed(&view.job)),
            (None, _) => Ok(self.content_of_media(self.task_media(&view.task).await?)),
        }
    }

    /// The original or the result of the caller's newest task that has a file of that name.
    pub async fn task_file(&self, caller: &Caller, name: &str) -> Result<Content, Error> {
        let task = self.catalog().task_by_file(caller.id(), name).await?;
        let task = task.ok_or_else(|| Error::not_found("file"))?;
        let which = if task.name == name { Which::Original } else { Which::Converted };
        self.task_content(caller, task.number, which).await
    }

    async fn output_of(&self, job: &Job) -> Result<Option<Output>, Error> {
        match job.state {
            State::Done { output, .. } => Ok(self.catalog().output(output).await?),
            _ => Ok(None),
        }
    }

    /// What a task's number names, for its owner alone: not even an admin sees a task here.
    async fn own_task(&self, caller: &Caller, number: i64) -> Result<Task, Error> {
        let task = self.catalog().task(number).await?;
        task.filter(|task| task.account == caller.id()).ok_or_else(|| Error::not_found("task"))
    }

    async fn task_view(&self, mut task: Task) -> Result<TaskView, Error> {
        loop {
            if let Some(job) = self.catalog().job(task.job).await? {
                return Ok(TaskView { task, job: self.view(job).await?.job });
            }
            // Its wish was changed since it was read, or it was deleted.
            let now = self.catalog().task(task.number).await?;
            task = now.filter(|now| now.job != task.job).ok_or_else(|| Error::not_found("task"))?;
        }
    }

    async fn task_media(&self, task: &Task) -> Result<Media, Error> {
        self.catalog().media(task.media).await?.ok_or_else(|| Error::not_found("task"))
    }
}

fn not_processed(job: &Job) -> Error {
    let detail = match &job.state {
        State::Failed { failure, .. } => format!("the task failed: {}", failure.message),
        _ => "the task is not processed yet".to_owned(),
    };
    Error::new(Kind::NotFound, "no-result", detail)
}
