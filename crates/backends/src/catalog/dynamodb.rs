//! The catalog in DynamoDB: the music bot's two tables, our items beside its own.
//!
//! A commit is one `TransactWriteItems`, worked out from what was read and sent on the condition that it still stands. There
//! is no index but items of our own, and no scan but for an export. Every read is consistent.

mod address;
mod bot;
mod commit;
mod draft;
mod item;
mod layout;
mod lists;
mod op;
mod pause;
mod plan;
mod pointing;
mod pulse;
mod read;
mod records;
mod schema;
mod sequence;
mod url;
mod weather;

use std::sync::Arc;

use async_trait::async_trait;
use aws_sdk_dynamodb::Client;
use futures_util::FutureExt;
use reelmill_core::ports::{
    Beat, Catalog, CatalogError, Census, ChangeQuery, JobFilter, Page, PageQuery, Part, Sequence, TaskQuery,
};
use reelmill_core::{
    ApiKey, ApiKeyId, Collection, Intent, Job, JobId, Key, Media, MediaId, Notice, NoticeKind, Operation,
    OperationId, Output, OutputId, Priority, Pulse, Receipt, Song, SongId, Task, Timestamp, Token, User,
    UserId, Video, Write,
};
use uuid::Uuid;

use super::{Opening, check_size};
use crate::opening::{Deployment, OpenError};
use address::{Address, Table};
use layout::{media_fid, media_of, notices, shards, sorted, tasks_named, tasks_of, until};
use lists::page;
use read::Span;

/// How it is opened.
pub(super) const OPENING: Opening = Opening {
    open: |rest, deployment| {
        async move {
            let catalog = connect(rest, deployment).await?;
            catalog.migrate().await?;
            Ok(Arc::new(catalog) as Arc<dyn Catalog>)
        }
        .boxed()
    },
    migrate: |rest, deployment| async move { Ok(connect(rest, deployment).await?.migrate().await?) }.boxed(),
};

/// A catalog in two tables of DynamoDB.
#[derive(Debug)]
struct DynamoCatalog {
    client: Client,
    songs: String,
    operations: String,
    /// What the URI of every object begins with, where that is known.
    objects: Option<String>,
}

async fn connect(rest: &str, deployment: &Deployment) -> Result<DynamoCatalog, OpenError> {
    let named = url::read(rest)?;
    let config = crate::aws::config(deployment, named.region.as_deref(), named.endpoint.as_deref()).await;
    if config.region().is_none() {
        let reason = "no region is named, neither there nor in AWS_REGION or a profile".to_owned();
        return Err(OpenError::BadUrl { scheme: "dynamodb", reason });
    }
    let client = Client::new(&config);
    Ok(DynamoCatalog { client, songs: named.songs, operations: named.operations, objects: named.objects })
}

#[async_trait]
impl Catalog for DynamoCatalog {
    async fn commit(&self, writes: Vec<Write>) -> Result<(), CatalogError> {
        check_size(&writes)?;
        self.take(&writes).await
    }

    async fn beat(&self, job: JobId, token: Token, pulse: Pulse) -> Result<Beat, CatalogError> {
        self.count_beat(job, token, pulse).await
    }

    async fn touch_intent(&self, key: &Key) -> Result<(), CatalogError> {
        self.count_touch(key).await
    }

    async fn next_number(&self, sequence: Sequence) -> Result<i64, CatalogError> {
        self.count_up(&Address::sequence(sequence), "sequence", "last").await
    }

    async fn register_worker(&self, name: &str) -> Result<i64, CatalogError> {
        self.count_up(&Address::worker(name), "worker", "epoch").await
    }

    async fn worker_epoch(&self, name: &str) -> Result<i64, CatalogError> {
        self.counted(&Address::worker(name), "epoch").await
    }

    async fn pause(&self, since: Timestamp) -> Result<(), CatalogError> {
        self.begin_pause(since).await
    }

    async fn resume(&self) -> Result<(), CatalogError> {
        self.end_pause().await
    }

    async fn paused_since(&self) -> Result<Option<Timestamp>, CatalogError> {
        self.pause_of_queue().await
    }

    async fn user(&self, id: UserId) -> Result<Option<User>, CatalogError> {
        self.record(&Address::user(id)).await
    }

    async fn user_by_login(&self, login: &str) -> Result<Option<User>, CatalogError> {
        self.named(&Address::login(login)).await
    }

    async fn user_by_number(&self, number: i64) -> Result<Option<User>, CatalogError> {
        self.named(&Address::user_number(number)).await
    }

    async fn users(&self, query: PageQuery) -> Result<Page<User>, CatalogError> {
        let span = Span::all(String::new(), query.after.map(|id| id.to_string()), false);
        let users = self.list(&shards("USERS"), span, query.limit as usize, |_| true).await?;
        Ok(page(users, query, |user: &User| user.id.0))
    }

    async fn api_key_by_hash(&self, secret_hash: &str) -> Result<Option<ApiKey>, CatalogError> {
        self.named(&Address::secret(secret_hash)).await
    }

    async fn api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, CatalogError> {
        self.list(&[Address::user(user).pk], Span::all("API-KEY#".to_owned(), None, false), 100, |_| true)
            .await
    }

    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, CatalogError> {
        self.record(&Address::api_key(id)).await
    }

    async fn is_token_ended(&self, jti: &str) -> Result<bool, CatalogError> {
        Ok(self.item(&Address::ended_token(jti)).await?.is_some())
    }

    async fn media(&self, id: MediaId) -> Result<Option<Media>, CatalogError> {
        self.record(&Address::media(id)).await
    }

    async fn media_by_fid(&self, fid: &str) -> Result<Option<Media>, CatalogError> {
        let is_its = |media: &Media| media.fid.as_deref() == Some(fid);
        let found = self.list(&[media_fid(fid)], Span::all(String::new(), None, false), 1, is_its).await?;
        Ok(found.into_iter().next())
    }

    async fn media_page(&self, owner: Option<UserId>, query: PageQuery) -> Result<Page<Media>, CatalogError> {
        let span = Span::all(String::new(), query.after.map(|id| id.to_string()), true);
        let partitions = owner.map_or_else(|| shards("ALL-MEDIA"), |owner| vec![media_of(owner)]);
        let media = self.list(&partitions, span, query.limit as usize, |_| true).await?;
        Ok(page(media, query, |media: &Media| media.id.0))
    }

    async fn job(&self, id: JobId) -> Result<Option<Job>, CatalogError> {
        self.record(&Address::job(id)).await
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
        self.record(&Address::output(id)).await
    }

    async fn output_by_fid(&self, fid: &str) -> Result<Option<Output>, CatalogError> {
        self.named(&Address::output_fid(fid)).await
    }

    async fn outputs_of(&self, media: MediaId) -> Result<Vec<Output>, CatalogError> {
        self.list(&[Address::media(media).pk], Span::all("OUTPUT#".to_owned(), None, false), 1000, |_| true)
            .await
    }

    async fn intents(&self, after: Option<&Key>, limit: u32) -> Result<Vec<Intent>, CatalogError> {
        self.intents_after(after, limit).await
    }

    async fn receipt(&self, scope: &str, key: &str, now: Timestamp) -> Result<Option<Receipt>, CatalogError> {
        let receipt: Option<Receipt> = self.record(&Address::receipt(scope, key)).await?;
        Ok(receipt.filter(|receipt| receipt.expires_at > now))
    }

    async fn due_notices(
        &self,
        kind: NoticeKind,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Notice>, CatalogError> {
        self.list(&shards(&notices(kind)), Span::up_to(until(now)), limit as usize, |_| true).await
    }

    async fn song(&self, id: SongId) -> Result<Option<Song>, CatalogError> {
        self.record(&Address::song(id)).await
    }

    async fn song_by_source(&self, source_id: &str) -> Result<Option<Song>, CatalogError> {
        self.named(&Address::source(source_id)).await
    }

    async fn songs_by_title(&self, prefix: &str, limit: u32) -> Result<Vec<Song>, CatalogError> {
        self.songs_titled(prefix, limit).await
    }

    async fn operation(&self, id: OperationId) -> Result<Option<Operation>, CatalogError> {
        self.named(&Address::operation_id(id)).await
    }

    async fn video(&self, id: MediaId) -> Result<Option<Video>, CatalogError> {
        self.record(&Address::video(id)).await
    }

    async fn video_by_thumbnail(&self, uuid: Uuid) -> Result<Option<Video>, CatalogError> {
        self.named(&Address::thumbnail(uuid)).await
    }

    async fn videos(&self, query: PageQuery) -> Result<Page<Video>, CatalogError> {
        let span = Span::all(String::new(), query.after.map(|id| id.to_string()), true);
        let videos = self.list(&shards("VIDEOS"), span, query.limit as usize, |_| true).await?;
        Ok(page(videos, query, |video: &Video| video.id.0))
    }

    async fn task(&self, number: i64) -> Result<Option<Task>, CatalogError> {
        self.record(&Address::task(number)).await
    }

    async fn tasks(&self, account: UserId, query: TaskQuery) -> Result<Vec<Task>, CatalogError> {
        let span = Span::all(String::new(), query.after.map(sorted), !query.is_ascending);
        self.list(&[tasks_of(account)], span, query.limit as usize, |_| true).await
    }

    async fn task_by_file(&self, account: UserId, name: &str) -> Result<Option<Task>, CatalogError> {
        let has_it = |task: &Task| task.name == name || task.result_name() == name;
        let newest = Span::all(String::new(), None, true);
        let found = self.list(&[tasks_named(account, name)], newest, 1, has_it).await?;
        Ok(found.into_iter().next())
    }

    async fn sweep_expired(&self, now: Timestamp) -> Result<u64, CatalogError> {
        self.sweep(now).await
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
        for table in [Table::Songs, Table::Operations] {
            self.item(&Address { table, ..Address::schema() }).await?;
        }
        Ok(())
    }
}
