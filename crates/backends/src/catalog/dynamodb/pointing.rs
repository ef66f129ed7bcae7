//! Songs and operations point at jobs: what their items say of a job, kept right by the commits that change it.
//!
//! Whoever points at a job touches the job's item, and whoever ends a job looks who points at it first. The two stand on
//! each other's work, so that none is passed by.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::{StreamExt, stream};
use reelmill_core::ports::CatalogError;
use reelmill_core::{Job, Output, Record, State};

use super::DynamoCatalog;
use super::address::Address;
use super::bot::{self, Attributes, Outcome};
use super::draft::Draft;
use super::item::{Item, SK, number, text, text_of};
use super::op::{Op, Role, What, When};
use super::plan::touch;
use super::read::Span;

/// The version of the job that an operation's item tells of.
const JOB_VERSION: &str = "JobVersion";
/// Those that point at a job that are looked up at a time.
const SOME: usize = 200;

/// What follows from a draft for those who point at jobs.
#[derive(Debug, Default)]
pub(super) struct Pointing {
    /// What records of the draft say of their jobs.
    pub(super) told: BTreeMap<Address, Item>,
    /// What has to be done on items beside the draft.
    pub(super) ops: Vec<Op>,
    /// The same for operations, each as good as any other.
    pub(super) endings: Vec<Op>,
    /// The jobs whose end more operations wait for than were looked up.
    pub(super) rest: Vec<Rest>,
}

/// Operations that still have to be told.
#[derive(Debug, Clone)]
pub(super) struct Rest {
    job: Address,
    outcome: Outcome,
    version: u64,
}

impl DynamoCatalog {
    /// Finds out what follows from a draft, and reads into it what that takes.
    pub(super) async fn pointing(&self, draft: &mut Draft) -> Result<Pointing, CatalogError> {
        let (pointers, moved) = (newly_pointing(draft), moved_jobs(draft));
        if pointers.is_empty() && moved.is_empty() {
            return Ok(Pointing::default());
        }
        let jobs: BTreeSet<Address> = pointers.values().chain(&moved).cloned().collect();
        self.read_into(draft, jobs.iter().cloned()).await?;
        let outputs: Vec<Address> = jobs.iter().flat_map(|job| outputs_of(draft, job)).collect();
        self.read_into(draft, outputs.into_iter()).await?;

        let mut pointing = Pointing::default();
        for (at, job) in &pointers {
            let said = match draft.now(at) {
                Some(Record::Operation(operation)) => {
                    self.outcome(draft, job).of_operation(&operation.created_at.to_string())
                }
                _ => self.outcome(draft, job).of_song(),
            };
            pointing.told.insert(at.clone(), item(said));
        }
        for job in &moved {
            self.tell(draft, job, &mut pointing).await?;
        }
        let pointed_at: BTreeSet<&Address> = pointers.values().collect();
        for job in pointed_at.into_iter().filter(|job| !draft.is_touched(job)) {
            let is_new = !pointing.ops.iter().any(|op| op.at == *job);
            pointing.ops.extend(draft.before(job).filter(|_| is_new).map(|stored| touch(job, stored)));
        }
        Ok(pointing)
    }

    /// Works out what those who point at a job have to be told, where there is something new to tell.
    async fn tell(
        &self,
        draft: &mut Draft,
        job: &Address,
        pointing: &mut Pointing,
    ) -> Result<(), CatalogError> {
        let outcome = self.outcome(draft, job);
        let Some(before) = draft.before(job).and_then(|stored| as_job(&stored.record)).cloned() else {
            return Ok(());
        };
        let version = draft.now(job).and_then(as_job).map_or(before.version + 1, |job| job.version);
        if before.song.is_none() || self.outcome_before(draft, job) == outcome {
            return Ok(());
        }
        if !draft.is_touched(job) {
            // Its result alone is changed: it must not move meanwhile.
            pointing.ops.extend(draft.before(job).map(|stored| touch(job, stored)));
        }
        let songs = self.query(job.table, &job.pk, &Span::all("SONG#".to_owned(), None, false), SOME).await?;
        let songs = songs.iter().filter_map(|item| text_of(item, SK)?.strip_prefix("SONG#")?.parse().ok());
        let songs: Vec<Address> = songs.map(Address::song).collect();
        self.read_into(draft, songs.iter().cloned()).await?;
        for at in songs {
            let points_there =
                |record: &Record| matches!(record, Record::Song(song) if Address::job(song.job) == *job);
            if draft.is_touched(&at) {
                if draft.now(&at).is_some_and(points_there) {
                    pointing.told.insert(at, item(outcome.of_song()));
                }
            } else if let Some(stored) = draft.before(&at).filter(|stored| points_there(&stored.record)) {
                let (set, when) = (item(outcome.of_song()), When::Rev(stored.rev.clone()));
                let what = What::Change { set, remove: Vec::new(), add: Vec::new() };
                pointing.ops.push(Op { at, role: Role::Record, what, when });
            }
        }
        let rest = Rest { job: job.clone(), outcome, version };
        let span = Span::all("OPERATION#".to_owned(), None, false);
        let operations = self.query(job.table, &job.pk, &span, SOME).await?;
        let is_apart = |op: &Op| !draft.is_touched(&op.at);
        pointing.endings.extend(operations.iter().filter_map(|item| rest.ending(item)).filter(is_apart));
        if operations.len() == SOME {
            pointing.rest.push(rest);
        }
        Ok(())
    }

    fn outcome(&self, draft: &Draft, job: &Address) -> Outcome {
        let job = draft.now(job).and_then(as_job);
        let output = job.and_then(output_of).and_then(|at| draft.now(&at).and_then(as_output));
        Outcome::of(job, output.map(|output| bot::uri(self.objects.as_deref(), &output.key)))
    }

    fn outcome_before(&self, draft: &Draft, job: &Address) -> Outcome {
        let job = draft.before(job).and_then(|stored| as_job(&stored.record));
        let output = job.and_then(output_of).and_then(|at| draft.before(&at));
        let output = output.and_then(|stored| as_output(&stored.record));
        Outcome::of(job, output.map(|output| bot::uri(self.objects.as_deref(), &output.key)))
    }

    /// Tells those who were too many for the commit. It is done already, so what goes wrong here is only noted.
    pub(super) async fn tell_the_rest(&self, late: Vec<Op>, rest: Vec<Rest>) {
        self.tell_late(late).await;
        for rest in rest {
            let mut span = Span::all("OPERATION#".to_owned(), None, false);
            loop {
                let found = self.query(rest.job.table, &rest.job.pk, &span, SOME).await;
                let operations = match found {
                    Ok(operations) => operations,
                    Err(error) => {
                        tracing::warn!(job = %rest.job.pk, %error, "operations were not told of their job's end");
                        break;
                    }
                };
                self.tell_late(operations.iter().filter_map(|item| rest.ending(item)).collect()).await;
                span.after = operations.last().and_then(|item| text_of(item, SK)).map(str::to_owned);
                if operations.len() < SOME {
                    break;
                }
            }
        }
    }

    async fn tell_late(&self, endings: Vec<Op>) {
        let told = stream::iter(endings).map(|op| {
            // Somebody may have told it of a later end meanwhile.
            let version = if let What::Change { set, .. } = &op.what {
                super::item::number_of(set, JOB_VERSION)
            } else {
                None
            };
            let when = When::UpTo(JOB_VERSION, version.unwrap_or(0));
            self.alone(Op { when, ..op })
        });
        let told: Vec<Result<bool, CatalogError>> = told.buffer_unordered(16).collect().await;
        let mut failed = told.iter().filter_map(|told| told.as_ref().err());
        if let Some(error) = failed.next_back() {
            tracing::warn!(%error, "an operation was not told of its job's end");
        }
    }
}

impl Rest {
    /// What an operation is told, from the item that points at the job.
    fn ending(&self, pointer: &Item) -> Option<Op> {
        let id = text_of(pointer, SK)?.strip_prefix("OPERATION#")?.parse().ok()?;
        let (song, since) = (text_of(pointer, "SongID")?, text_of(pointer, "since")?);
        let mut set = item(self.outcome.of_operation(since));
        // Where another program took the item away, it comes back whole.
        set.extend(item(vec![
            ("ID", text(format!("{id}"))),
            ("SongID", text(song)),
            (JOB_VERSION, number(self.version)),
        ]));
        let at = Address::operation(id, song);
        let what = What::Change { set, remove: Vec::new(), add: Vec::new() };
        Some(Op { at, role: Role::Derived, what, when: When::Always })
    }
}

/// The draft's songs and operations that point at a job now and did not before, and that job.
fn newly_pointing(draft: &Draft) -> BTreeMap<Address, Address> {
    let job_of = |record: Option<&Record>| match record {
        Some(Record::Song(song)) => Some(Address::job(song.job)),
        Some(Record::Operation(operation)) => Some(Address::job(operation.job)),
        _ => None,
    };
    let newly = |at: &Address| {
        let job = job_of(draft.now(at))?;
        let before = job_of(draft.before(at).map(|stored| &stored.record));
        (before.as_ref() != Some(&job)).then(|| (at.clone(), job))
    };
    draft.touched().filter_map(newly).collect()
}

/// The jobs whose end, or whose result, the draft may change, and that something may point at.
fn moved_jobs(draft: &Draft) -> BTreeSet<Address> {
    let job_of = |at: &Address| {
        let (before, now) = (draft.before(at).map(|stored| &stored.record), draft.now(at));
        match (before, now) {
            // Nothing points at a job before it is there, and only a song's job is pointed at.
            (Some(Record::Job(job)), _) => job.song.map(|_| Address::job(job.id)),
            (Some(Record::Output(output)), None) => Some(Address::job(output.job_id)),
            _ => None,
        }
    };
    draft.touched().filter_map(job_of).collect()
}

/// The results of a job, before and now.
fn outputs_of(draft: &Draft, job: &Address) -> Vec<Address> {
    let before = draft.before(job).and_then(|stored| as_job(&stored.record));
    [before, draft.now(job).and_then(as_job)].into_iter().flatten().filter_map(output_of).collect()
}

fn output_of(job: &Job) -> Option<Address> {
    if let State::Done { output, .. } = job.state { Some(Address::output(output)) } else { None }
}

const fn as_job(record: &Record) -> Option<&Job> {
    if let Record::Job(job) = record { Some(job) } else { None }
}

const fn as_output(record: &Record) -> Option<&Output> {
    if let Record::Output(output) = record { Some(output) } else { None }
}

fn item(attributes: Attributes) -> Item {
    attributes.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}
