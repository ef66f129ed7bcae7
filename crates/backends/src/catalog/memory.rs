//! The catalog in memory: the port's contract in its plainest form, for tests and for trying things out.
//!
//! One lock is the moment at which a commit happens. Lookups walk the tables: what is gone with the process
//! never grows large.

mod change;
mod records;

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt;
use reelmill_core::ports::{
    Beat, Catalog, CatalogError, Census, ChangeQuery, JobFilter, Page, PageQuery, Part, Sequence, TaskQuery,
};
use reelmill_core::{
    ApiKey, ApiKeyId, Collection, Holder, Intent, Job, JobId, Key, Media, MediaId, Notice, NoticeId,
    NoticeKind, Operation, OperationId, Output, OutputId, Priority, Pulse, Receipt, Song, SongId, State,
    StateName, Task, Timestamp, Token, User, UserId, Video, Write,
};
use uuid::Uuid;

use super::{Migrated, Opening, check_size};
use change::Change;

/// How it is opened.
pub(super) const OPENING: Opening = Opening {
    open: |_, _| async { Ok(Arc::new(MemoryCatalog::default()) as Arc<dyn Catalog>) }.boxed(),
    migrate: |_, _| async { Ok(Migrated { from: 0, to: 0 }) }.boxed(),
};

/// A catalog that is gone with the process.
#[derive(Debug, Default)]
pub struct MemoryCatalog(Mutex<Tables>);

/// The records, by what they are looked up by first.
#[derive(Debug, Default)]
struct Tables {
    users: BTreeMap<UserId, User>,
    /// Addresses and names in lower case: one table, so that none can be another's.
    logins: BTreeMap<String, UserId>,
    api_keys: BTreeMap<ApiKeyId, ApiKey>,
    ended_tokens: BTreeMap<String, Timestamp>,
    media: BTreeMap<MediaId, Media>,
    jobs: BTreeMap<JobId, Job>,
    outputs: BTreeMap<OutputId, Output>,
    intents: BTreeMap<Key, Intent>,
    receipts: BTreeMap<(String, String), Receipt>,
    notices: BTreeMap<NoticeId, Notice>,
    songs: BTreeMap<SongId, Song>,
    operations: BTreeMap<OperationId, Operation>,
    videos: BTreeMap<MediaId, Video>,
    tasks: BTreeMap<i64, Task>,
    numbers: BTreeMap<&'static str, i64>,
    /// The epochs of workers' names.
    workers: BTreeMap<String, i64>,
    paused_since: Option<Timestamp>,
}

impl MemoryCatalog {
    fn tables(&self) -> MutexGuard<'_, Tables> {
        // A commit that panicked has left a half of itself at worst where the lock is poisoned; none does.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Catalog for MemoryCatalog {
    async fn commit(&self, writes: Vec<Write>) -> Result<(), CatalogError> {
        check_size(&writes)?;
        let mut tables = self.tables();
        let mut change = Change::new(&mut tables);
        for write in writes {
            if let Err(error) = change.apply(write) {
                change.undo();
                return Err(error);
            }
        }
        Ok(())
    }

    async fn beat(&self, job: JobId, token: Token, pulse: Pulse) -> Result<Beat, CatalogError> {
        let mut tables = self.tables();
        let job = tables.jobs.get_mut(&job).ok_or(CatalogError::NotFound)?;
        if job.claim().is_none_or(|claim| claim.token != token) {
            return Err(CatalogError::Conflict);
        }
        job.pulse = Pulse { beats: job.pulse.beats + 1, ..pulse };
        Ok(if matches!(job.state, State::Cancelling { .. }) { Beat::Cancelling } else { Beat::Running })
    }

    async fn touch_intent(&self, key: &Key) -> Result<(), CatalogError> {
        match self.tables().intents.get_mut(key) {
            Some(intent) if !matches!(intent.holder, Holder::Condemned { .. }) => {
                intent.beats += 1;
                Ok(())
            }
            _ => Err(CatalogError::Conflict),
        }
    }

    async fn next_number(&self, sequence: Sequence) -> Result<i64, CatalogError> {
        let mut tables = self.tables();
        let number = tables.numbers.entry(sequence.as_str()).or_default();
        *number += 1;
        Ok(*number)
    }

    async fn register_worker(&self, name: &str) -> Result<i64, CatalogError> {
        let mut tables = self.tables();
        let epoch = tables.workers.entry(name.to_owned()).or_default();
        *epoch += 1;
        Ok(*epoch)
    }

    async fn worker_epoch(&self, name: &str) -> Result<i64, CatalogError> {
        Ok(self.tables().workers.get(name).copied().unwrap_or_default())
    }

    async fn pause(&self, since: Timestamp) -> Result<(), CatalogError> {
        self.tables().paused_since.get_or_insert(since);
        Ok(())
    }

    async fn resume(&self) -> Result<(), CatalogError> {
        self.tables().paused_since = None;
        Ok(())
    }

    async fn paused_since(&self) -> Result<Option<Timestamp>, CatalogError> {
        Ok(self.tables().paused_since)
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, CatalogError> {
        Ok(self.tables().users.get(&id).cloned())
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<User>, CatalogError> {
        let tables = self.tables();
        let id = tables.logins.get(&login.to_lowercase());
        Ok(id.and_then(|id| tables.users.get(id)).cloned())
    }

    async fn user_by_number(&self, number: i64) -> Result<Option<User>, CatalogError> {
        Ok(self.tables().users.values().find(|user| user.number == number).cloned())
    }

    async fn users(&self, query: PageQuery) -> Result<Page<User>, CatalogError> {
        let start = query.after.map_or(Bound::Unbounded, |id| Bound::Excluded(UserId(id)));
        let tables = self.tables();
        Ok(page(tables.users.range((start, Bound::Unbounded)).map(|(_, user)| user), query, |user| user.id.0))
    }

    async fn api_key_by_hash(&self, secret_hash: &str) -> Result<Option<ApiKey>, CatalogError> {
        Ok(self.tables().api_keys.values().find(|key| key.secret_hash == secret_hash).cloned())
    }

    async fn api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, CatalogError> {
        Ok(self.tables().api_keys.values().filter(|key| key.user_id == user).take(100).cloned().collect())
    }

    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, CatalogError> {
        Ok(self.tables().api_keys.get(&id).cloned())
    }

    async fn is_token_ended(&self, jti: &str) -> Result<bool, CatalogError> {
        Ok(self.tables().ended_tokens.contains_key(jti))
    }

    async fn media(&self, id: MediaId) -> Result<Option<Media>, CatalogError> {
        Ok(self.tables().media.get(&id).cloned())
    }

    async fn media_by_fid(&self, fid: &str) -> Result<Option<Media>, CatalogError> {
        Ok(self.tables().media.values().find(|media| media.fid.as_deref() == Some(fid)).cloned())
    }

    async fn media_page(&self, owner: Option<UserId>, query: PageQuery) -> Result<Page<Media>, CatalogError> {
        let end = query.after.map_or(Bound::Unbounded, |id| Bound::Excluded(MediaId(id)));
        let tables = self.tables();
        let newest_first = tables.media.range((Bound::Unbounded, end)).rev().map(|(_, media)| media);
        let wanted = newest_first.filter(|media| owner.is_none_or(|owner| media.owner == owner));
        Ok(page(wanted, query, |media| media.id.0))
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, CatalogError> {
        Ok(self.tables().jobs.get(&id).cloned())
    }

    async fn jobs(&self, filter: JobFilter, query: PageQuery) -> Result<Page<Job>, CatalogError> {
        let end = query.after.map_or(Bound::Unbounded, |id| Bound::Excluded(JobId(id)));
        let is_wanted = |job: &&Job| {
            filter.account.is_none_or(|account| job.account == account)
                && filter.media.is_none_or(|media| job.media_id == Some(media))
                && filter.state.is_none_or(|state| job.state.name() == state)
        };
        let tables = self.tables();
        let newest_first = tables.jobs.range((Bound::Unbounded, end)).rev().map(|(_, job)| job);
        Ok(page(newest_first.filter(is_wanted), query, |job| job.id.0))
    }

    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<Job>, CatalogError> {
        let tables = self.tables();
        let mut due: Vec<_> = tables.jobs.values().filter_map(|job| Some((due_at(job)?, job))).collect();
        due.retain(|(due_at, _)| *due_at <= now);
        due.sort_by_key(|(due_at, job)| (job.priority, *due_at, job.id));
        Ok(due.into_iter().take(limit as usize).map(|(_, job)| job.clone()).collect())
    }

    async fn changed_jobs(&self, query: ChangeQuery) -> Result<Vec<Job>, CatalogError> {
        let tables = self.tables();
        let is_wanted = |job: &&Job| {
            let is_behind = match query.after {
                Some(after) => (job.changed_at, job.id) > (query.since, after),
                None => job.changed_at >= query.since,
            };
            is_behind && query.account.is_none_or(|account| job.account == account)
        };
        let mut changed: Vec<&Job> = tables.jobs.values().filter(is_wanted).collect();
        changed.sort_by_key(|job| (job.changed_at, job.id));
        Ok(changed.into_iter().take(query.limit as usize).cloned().collect())
    }

    async fn latest_change(&self) -> Result<Option<Timestamp>, CatalogError> {
        Ok(self.tables().jobs.values().map(|job| job.changed_at).max())
    }

    async fn due_by_account(
        &self,
        now: Timestamp,
        priority: Priority,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Job>, CatalogError> {
        let tables = self.tables();
        let mut due: Vec<_> = tables.jobs.values().filter_map(|job| Some((due_at(job)?, job))).collect();
        due.retain(|(due_at, job)| *due_at <= now && job.priority == priority);
        due.sort_by_key(|(due_at, job)| (Some(job.account) <= after, job.account, *due_at, job.id));
        due.dedup_by_key(|(_, job)| job.account);
        Ok(due.into_iter().take(limit as usize).map(|(_, job)| job.clone()).collect())
    }

    async fn claimed_jobs(&self, limit: u32) -> Result<Vec<Job>, CatalogError> {
        let tables = self.tables();
        Ok(tables.jobs.values().filter(|job| job.claim().is_some()).take(limit as usize).cloned().collect())
    }

    async fn output(&self, id: OutputId) -> Result<Option<Output>, CatalogError> {
        Ok(self.tables().outputs.get(&id).cloned())
    }

    async fn output_by_fid(&self, fid: &str) -> Result<Option<Output>, CatalogError> {
        Ok(self.tables().outputs.values().find(|output| output.fid == fid).cloned())
    }

    async fn outputs_of(&self, media: MediaId) -> Result<Vec<Output>, CatalogError> {
        let tables = self.tables();
        let of_media = tables.outputs.values().filter(|output| output.media_id == media);
        Ok(of_media.take(1000).cloned().collect())
    }

    async fn intents(&self, after: Option<&Key>, limit: u32) -> Result<Vec<Intent>, CatalogError> {
        let start = after.map_or(Bound::Unbounded, Bound::Excluded);
        let tables = self.tables();
        let behind = tables.intents.range::<Key, _>((start, Bound::Unbounded));
        Ok(behind.take(limit as usize).map(|(_, intent)| intent.clone()).collect())
    }

    async fn receipt(&self, scope: &str, key: &str, now: Timestamp) -> Result<Option<Receipt>, CatalogError> {
        let tables = self.tables();
        let receipt = tables.receipts.get(&(scope.to_owned(), key.to_owned()));
        Ok(receipt.filter(|receipt| receipt.expires_at > now).cloned())
    }

    async fn due_notices(
        &self,
        kind: NoticeKind,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Notice>, CatalogError> {
        let tables = self.tables();
        let is_due = |notice: &&Notice| notice.kind == kind && notice.due_at <= now;
        let mut due: Vec<_> = tables.notices.values().filter(is_due).collect();
        due.sort_by_key(|notice| (notice.due_at, notice.id));
        Ok(due.into_iter().take(limit as usize).cloned().collect())
    }

    async fn song(&self, id: SongId) -> Result<Option<Song>, CatalogError> {
        Ok(self.tables().songs.get(&id).cloned())
    }

    async fn song_by_source(&self, source_id: &str) -> Result<Option<Song>, CatalogError> {
        Ok(self.tables().songs.values().find(|song| song.found.id == source_id).cloned())
    }

    async fn songs_by_title(&self, prefix: &str, limit: u32) -> Result<Vec<Song>, CatalogError> {
        let tables = self.tables();
        let mut titled: Vec<_> = tables.songs.values().map(|song| (song.title_lower(), song)).collect();
        titled.retain(|(title, _)| title.starts_with(prefix));
        // The sort is stable: among equal titles, ids stay in order.
        titled.sort_by(|(title, _), (other, _)| title.cmp(other));
        Ok(titled.into_iter().take(limit as usize).map(|(_, song)| song.clone()).collect())
    }

    async fn operation(&self, id: OperationId) -> Result<Option<Operation>, CatalogError> {
        Ok(self.tables().operations.get(&id).cloned())
    }

    async fn video(&self, id: MediaId) -> Result<Option<Video>, CatalogError> {
        Ok(self.tables().videos.get(&id).cloned())
    }

    async fn video_by_thumbnail(&self, uuid: Uuid) -> Result<Option<Video>, CatalogError> {
        let is_its =
            |video: &&Video| video.thumbnail.as_ref().is_some_and(|thumbnail| thumbnail.uuid == uuid);
        Ok(self.tables().videos.values().find(is_its).cloned())
    }

    async fn videos(&self, query: PageQuery) -> Result<Page<Video>, CatalogError> {
        let end = query.after.map_or(Bound::Unbounded, |id| Bound::Excluded(MediaId(id)));
        let tables = self.tables();
        let newest_first = tables.videos.range((Bound::Unbounded, end)).rev().map(|(_, video)| video);
        Ok(page(newest_first, query, |video| video.id.0))
    }

    async fn task(&self, number: i64) -> Result<Option<Task>, CatalogError> {
        Ok(self.tables().tasks.get(&number).cloned())
    }

    async fn tasks(&self, account: UserId, query: TaskQuery) -> Result<Vec<Task>, CatalogError> {
        let tables = self.tables();
        let behind = query.after.map_or(Bound::Unbounded, Bound::Excluded);
        let own = |tasks: &mut dyn Iterator<Item = &Task>| {
            tasks.filter(|task| task.account == account).take(query.limit as usize).cloned().collect()
        };
        Ok(if query.is_ascending {
            own(&mut tables.tasks.range((behind, Bound::Unbounded)).map(|(_, task)| task))
        } else {
            own(&mut tables.tasks.range((Bound::Unbounded, behind)).rev().map(|(_, task)| task))
        })
    }

    async fn task_by_file(&self, account: UserId, name: &str) -> Result<Option<Task>, CatalogError> {
        let is_it =
            |task: &&Task| task.account == account && (task.name == name || task.result_name() == name);
        Ok(self.tables().tasks.values().rev().find(is_it).cloned())
    }

    async fn sweep_expired(&self, now: Timestamp) -> Result<u64, CatalogError> {
        let mut tables = self.tables();
        let before = tables.receipts.len() + tables.ended_tokens.len();
        tables.receipts.retain(|_, receipt| receipt.expires_at >= now);
        tables.ended_tokens.retain(|_, expires_at| *expires_at >= now);
        Ok((before - tables.receipts.len() - tables.ended_tokens.len()) as u64)
    }

    async fn records(
        &self,
        collection: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Part, CatalogError> {
        Ok(records::part(&self.tables(), collection, after, limit as usize))
    }

    async fn census(&self) -> Result<Census, CatalogError> {
        let mut census = Census::default();
        for job in self.tables().jobs.values() {
            *match job.state.name() {
                StateName::Queued => &mut census.queued,
                StateName::Running | StateName::Cancelling => &mut census.claimed,
                StateName::Done => &mut census.done,
                StateName::Failed => &mut census.failed,
                StateName::Cancelled => &mut census.cancelled,
            } += 1;
        }
        Ok(census)
    }

    async fn check(&self) -> Result<(), CatalogError> {
        Ok(())
    }
}

fn due_at(job: &Job) -> Option<Timestamp> {
    match job.state {
        State::Queued { due_at, .. } => Some(due_at),
        _ => None,
    }
}

fn page<'a, T: Clone + 'a>(
    records: impl Iterator<Item = &'a T>,
    query: PageQuery,
    id: impl Fn(&T) -> Uuid,
) -> Page<T> {
    let items: Vec<T> = records.take(query.limit as usize).cloned().collect();
    let next = items.last().filter(|_| items.len() == query.limit as usize).map(id);
    Page { items, next }
}
