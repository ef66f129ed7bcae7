//! Catalogs on SQL: one code for every database, over the driver that sqlx calls `Any`.
//!
//! A record is JSON in a `body` column; beside it stands what it is looked up by. So the statements need text,
//! integers and one float, which every database has alike, and a new field of a record needs no migration.
//! What differs between databases is in [`dialect`]; how changes get in line for a writer is in [`line`], how that does them
//! beside the writers of other processes is in [`writer`].

mod access;
mod change;
mod dialect;
mod failure;
mod job;
mod line;
mod migration;
mod read;
mod records;
mod row;
#[cfg(any(feature = "catalog-mysql", feature = "catalog-postgres"))]
mod server;
mod song;
mod tally;
mod task;
mod turn;
mod video;
mod writer;

pub(super) use access::Access;
use change::{Change, Done};
pub(super) use dialect::{Dialect, Turn};
pub(super) use line::Lines;
pub(super) use migration::migrate;
pub(super) use row::error;
#[cfg(any(feature = "catalog-mysql", feature = "catalog-postgres"))]
pub(super) use server::Server;

use async_trait::async_trait;
use reelmill_core::ports::{
    Beat, Catalog, CatalogError, Census, ChangeQuery, JobFilter, Page, PageQuery, Part, Sequence, TaskQuery,
};
use reelmill_core::{
    ApiKey, ApiKeyId, Collection, Intent, Job, JobId, Key, Media, MediaId, Notice, NoticeKind, Operation,
    OperationId, Output, OutputId, Priority, Pulse, Receipt, Song, SongId, Task, Timestamp, Token, User,
    UserId, Video, Write,
};
use sqlx::AnyPool;
use uuid::Uuid;

use super::check_size;

/// A catalog in a SQL database.
#[derive(Debug)]
pub(super) struct SqlCatalog {
    /// What is particular to its database.
    pub(super) dialect: &'static Dialect,
    /// Where changes wait for the writers.
    pub(super) lines: Lines,
    /// Connections that only read.
    pub(super) readers: AnyPool,
}

impl SqlCatalog {
    async fn change(&self, change: Change) -> Result<Done, CatalogError> {
        self.lines.change(change).await
    }
}

#[async_trait]
impl Catalog for SqlCatalog {
    async fn commit(&self, writes: Vec<Write>) -> Result<(), CatalogError> {
        check_size(&writes)?;
        self.change(Change::Commit(writes)).await.map(drop)
    }

    async fn beat(&self, job: JobId, token: Token, pulse: Pulse) -> Result<Beat, CatalogError> {
        match self.change(Change::Beat { job, token, pulse }).await? {
            Done::Cancelling => Ok(Beat::Cancelling),
            Done::Nothing | Done::Count(_) => Ok(Beat::Running),
        }
    }

    async fn touch_intent(&self, key: &Key) -> Result<(), CatalogError> {
        self.change(Change::TouchIntent(key.clone())).await.map(drop)
    }

    async fn next_number(&self, sequence: Sequence) -> Result<i64, CatalogError> {
        self.change(Change::NextNumber(sequence)).await.map(Done::count)
    }

    async fn register_worker(&self, name: &str) -> Result<i64, CatalogError> {
        self.change(Change::RegisterWorker(name.to_owned())).await.map(Done::count)
    }

    async fn worker_epoch(&self, name: &str) -> Result<i64, CatalogError> {
        self.epoch_of(name).await
    }

    async fn pause(&self, since: Timestamp) -> Result<(), CatalogError> {
        self.change(Change::Pause(since)).await.map(drop)
    }

    async fn resume(&self) -> Result<(), CatalogError> {
        self.change(Change::Resume).await.map(drop)
    }

    async fn paused_since(&self) -> Result<Option<Timestamp>, CatalogError> {
        self.pause_of_queue().await
    }

    async fn sweep_expired(&self, now: Timestamp) -> Result<u64, CatalogError> {
        let swept = self.change(Change::Sweep(now)).await?.count();
        Ok(u64::try_from(swept).unwrap_or(0))
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, CatalogError> {
        self.record("SELECT body FROM users WHERE id = ?", &id.to_string()).await
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<User>, CatalogError> {
        let sql =
            "SELECT users.body FROM logins JOIN users ON users.id = logins.user_id WHERE logins.login = ?";
        self.record(sql, &login.to_lowercase()).await
    }

    async fn user_by_number(&self, number: i64) -> Result<Option<User>, CatalogError> {
        self.numbered("SELECT body FROM users WHERE number = ?", number).await
    }

    async fn users(&self, query: PageQuery) -> Result<Page<User>, CatalogError> {
        self.users_page(query).await
    }

    async fn api_key_by_hash(&self, secret_hash: &str) -> Result<Option<ApiKey>, CatalogError> {
        self.record("SELECT body FROM api_keys WHERE secret_hash = ?", secret_hash).await
    }

    async fn api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, CatalogError> {
        self.bodies("SELECT body FROM api_keys WHERE user_id = ? ORDER BY id LIMIT 100", &user.to_string())
            .await
    }

    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, CatalogError> {
        self.record("SELECT body FROM api_keys WHERE id = ?", &id.to_string()).await
    }

    async fn is_token_ended(&self, jti: &str) -> Result<bool, CatalogError> {
        self.is_there("SELECT 1 FROM ended_tokens WHERE jti = ?", jti).await
    }

    async fn media(&self, id: MediaId) -> Result<Option<Media>, CatalogError> {
        self.record("SELECT body FROM media WHERE id = ?", &id.to_string()).await
    }

    async fn media_by_fid(&self, fid: &str) -> Result<Option<Media>, CatalogError> {
        self.record("SELECT body FROM media WHERE fid = ?", fid).await
    }

    async fn media_page(&self, owner: Option<UserId>, query: PageQuery) -> Result<Page<Media>, CatalogError> {
        self.media_of(owner, query).await
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, CatalogError> {
        self.job_of(id).await
    }

    async fn jobs(&self, filter: JobFilter, query: PageQuery) -> Result<Page<Job>, CatalogError> {
        self.jobs_page(filter, query).await
    }

    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<Job>, CatalogError> {
        self.jobs_due(now, limit).await
    }

    async fn due_by_account(
        &self,
        now: Timestamp,
        priority: Priority,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Job>, CatalogError> {
        self.jobs_in_turn(now, priority, after, limit).await
    }

    async fn claimed_jobs(&self, limit: u32) -> Result<Vec<Job>, CatalogError> {
        self.jobs_claimed(limit).await
    }

    async fn changed_jobs(&self, query: ChangeQuery) -> Result<Vec<Job>, CatalogError> {
        self.jobs_changed(query).await
    }

    async fn latest_change(&self) -> Result<Option<Timestamp>, CatalogError> {
        self.newest_change().await
    }

    async fn output(&self, id: OutputId) -> Result<Option<Output>, CatalogError> {
        self.record("SELECT body FROM outputs WHERE id = ?", &id.to_string()).await
    }

    async fn output_by_fid(&self, fid: &str) -> Result<Option<Output>, CatalogError> {
        self.record("SELECT body FROM outputs WHERE fid = ?", fid).await
    }

    async fn outputs_of(&self, media: MediaId) -> Result<Vec<Output>, CatalogError> {
        let sql = "SELECT body FROM outputs WHERE media_id = ? ORDER BY id LIMIT 1000";
        self.bodies(sql, &media.to_string()).await
    }

    async fn intents(&self, after: Option<&Key>, limit: u32) -> Result<Vec<Intent>, CatalogError> {
        self.intents_after(after, limit).await
    }

    async fn receipt(&self, scope: &str, key: &str, now: Timestamp) -> Result<Option<Receipt>, CatalogError> {
        self.receipt_of(scope, key, now).await
    }

    async fn due_notices(
        &self,
        kind: NoticeKind,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Notice>, CatalogError> {
        self.notices_due(kind, now, limit).await
    }

    async fn song(&self, id: SongId) -> Result<Option<Song>, CatalogError> {
        self.record("SELECT body FROM songs WHERE id = ?", &id.to_string()).await
    }

    async fn song_by_source(&self, source_id: &str) -> Result<Option<Song>, CatalogError> {
        self.record("SELECT body FROM songs WHERE source_id = ?", source_id).await
    }

    async fn songs_by_title(&self, prefix: &str, limit: u32) -> Result<Vec<Song>, CatalogError> {
        self.songs_titled(prefix, limit).await
    }

    async fn operation(&self, id: OperationId) -> Result<Option<Operation>, CatalogError> {
        self.record("SELECT body FROM operations WHERE id = ?", &id.to_string()).await
    }

    async fn video(&self, id: MediaId) -> Result<Option<Video>, CatalogError> {
        self.record("SELECT body FROM videos WHERE id = ?", &id.to_string()).await
    }

    async fn video_by_thumbnail(&self, uuid: Uuid) -> Result<Option<Video>, CatalogError> {
        self.record("SELECT body FROM videos WHERE thumbnail = ?", &uuid.to_string()).await
    }

    async fn videos(&self, query: PageQuery) -> Result<Page<Video>, CatalogError> {
        self.videos_page(query).await
    }

    async fn task(&self, number: i64) -> Result<Option<Task>, CatalogError> {
        self.numbered("SELECT body FROM tasks WHERE number = ?", number).await
    }

    async fn tasks(&self, account: UserId, query: TaskQuery) -> Result<Vec<Task>, CatalogError> {
        self.tasks_of(account, query).await
    }

    async fn task_by_file(&self, account: UserId, name: &str) -> Result<Option<Task>, CatalogError> {
        self.newest_task(account, name).await
    }

    async fn records(
        &self,
        collection: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Part, CatalogError> {
        self.part(collection, after, limit).await
    }

    async fn census(&self) -> Result<Census, CatalogError> {
        self.count_jobs().await
    }

    async fn check(&self) -> Result<(), CatalogError> {
        self.is_there("SELECT 1 FROM sequences WHERE name = ?", Sequence::Users.as_str()).await.map(drop)
    }
}
