//! Bad weather by seed: whatever fails in between, every job ends once and nothing is left over.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use async_trait::async_trait;
use reelmill_backends::catalog::MemoryCatalog;
use reelmill_core::ports::{
    Beat, Catalog, CatalogError, Census, ChangeQuery, JobFilter, Page, PageQuery, Part, Sequence, TaskQuery,
};
use reelmill_core::{
    ApiKey, ApiKeyId, Collection, Holder, Intent, Job, JobId, Key, Media, MediaId, Notice, NoticeKind,
    Operation, OperationId, Output, OutputId, Priority, Pulse, Receipt, Song, SongId, StateName, Task,
    Timestamp, Token, User, UserId, Video, Write,
};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::world::{Fault, WORKER, World, options, upload, wish};

/// A catalog whose commits fail now and then: half of those before they are taken, half after. Single calls can be
/// made slow, so that other things happen in between.
#[derive(Default)]
pub(super) struct Stormy {
    inner: MemoryCatalog,
    before: Fault,
    after: Fault,
    /// How long the next commit waits before it is taken.
    pub(super) next_commit_waits_ms: AtomicU64,
    /// How long the next commit's answer takes once it is taken.
    pub(super) next_answer_takes_ms: AtomicU64,
    /// How long the next look at a job waits.
    pub(super) next_look_waits_ms: AtomicU64,
    /// Whether heartbeats are lost.
    pub(super) beats_are_lost: AtomicBool,
}

impl Stormy {
    /// Has commits and beats fail now and then, by a seed.
    pub(super) fn begin(&self, one_in: u32, seed: u64) {
        self.before.begin(one_in, seed);
        self.after.begin(one_in, seed ^ 0xffff);
    }

    pub(super) fn end(&self) {
        self.before.end();
        self.after.end();
    }
}

fn struck() -> CatalogError {
    CatalogError::Unavailable("struck".into())
}

async fn once(wait_ms: &AtomicU64) {
    let ms = wait_ms.swap(0, Ordering::Relaxed);
    if ms > 0 {
        sleep(Duration::from_millis(ms)).await;
    }
}

#[async_trait]
impl Catalog for Stormy {
    async fn commit(&self, writes: Vec<Write>) -> Result<(), CatalogError> {
        if self.before.strikes() {
            return Err(struck());
        }
        once(&self.next_commit_waits_ms).await;
        let done = self.inner.commit(writes).await;
        once(&self.next_answer_takes_ms).await;
        if self.after.strikes() { Err(struck()) } else { done }
    }
    async fn beat(&self, job: JobId, token: Token, pulse: Pulse) -> Result<Beat, CatalogError> {
        let lost = self.beats_are_lost.load(Ordering::Relaxed) || self.before.strikes();
        if lost { Err(struck()) } else { self.inner.beat(job, token, pulse).await }
    }
    async fn job(&self, id: JobId) -> Result<Option<Job>, CatalogError> {
        once(&self.next_look_waits_ms).await;
        if self.before.strikes() { Err(struck()) } else { self.inner.job(id).await }
    }
    async fn touch_intent(&self, key: &Key) -> Result<(), CatalogError> {
        self.inner.touch_intent(key).await
    }
    async fn next_number(&self, sequence: Sequence) -> Result<i64, CatalogError> {
        self.inner.next_number(sequence).await
    }
    async fn pause(&self, since: Timestamp) -> Result<(), CatalogError> {
        self.inner.pause(since).await
    }
    async fn resume(&self) -> Result<(), CatalogError> {
        self.inner.resume().await
    }
    async fn paused_since(&self) -> Result<Option<Timestamp>, CatalogError> {
        self.inner.paused_since().await
    }
    async fn user(&self, id: UserId) -> Result<Option<User>, CatalogError> {
        self.inner.user(id).await
    }
    async fn user_by_login(&self, login: &str) -> Result<Option<User>, CatalogError> {
        self.inner.user_by_login(login).await
    }
    async fn users(&self, query: PageQuery) -> Result<Page<User>, CatalogError> {
        self.inner.users(query).await
    }
    async fn api_key_by_hash(&self, secret_hash: &str) -> Result<Option<ApiKey>, CatalogError> {
        self.inner.api_key_by_hash(secret_hash).await
    }
    async fn api_keys(&self, user: UserId) -> Result<Vec<ApiKey>, CatalogError> {
        self.inner.api_keys(user).await
    }
    async fn api_key(&self, id: ApiKeyId) -> Result<Option<ApiKey>, CatalogError> {
        self.inner.api_key(id).await
    }
    async fn is_token_ended(&self, jti: &str) -> Result<bool, CatalogError> {
        self.inner.is_token_ended(jti).await
    }
    async fn media(&self, id: MediaId) -> Result<Option<Media>, CatalogError> {
        self.inner.media(id).await
    }
    async fn media_page(&self, owner: Option<UserId>, query: PageQuery) -> Result<Page<Media>, CatalogError> {
        self.inner.media_page(owner, query).await
    }
    async fn jobs(&self, filter: JobFilter, query: PageQuery) -> Result<Page<Job>, CatalogError> {
        self.inner.jobs(filter, query).await
    }
    async fn due_jobs(&self, now: Timestamp, limit: u32) -> Result<Vec<Job>, CatalogError> {
        self.inner.due_jobs(now, limit).await
    }
    async fn changed_jobs(&self, query: ChangeQuery) -> Result<Vec<Job>, CatalogError> {
        self.inner.changed_jobs(query).await
    }
    async fn latest_change(&self) -> Result<Option<Timestamp>, CatalogError> {
        self.inner.latest_change().await
    }
    async fn due_by_account(
        &self,
        now: Timestamp,
        priority: Priority,
        after: Option<UserId>,
        limit: u32,
    ) -> Result<Vec<Job>, CatalogError> {
        self.inner.due_by_account(now, priority, after, limit).await
    }
    async fn claimed_jobs(&self, limit: u32) -> Result<Vec<Job>, CatalogError> {
        self.inner.claimed_jobs(limit).await
    }
    async fn output(&self, id: OutputId) -> Result<Option<Output>, CatalogError> {
        self.inner.output(id).await
    }
    async fn output_by_fid(&self, fid: &str) -> Result<Option<Output>, CatalogError> {
        self.inner.output_by_fid(fid).await
    }
    async fn outputs_of(&self, media: MediaId) -> Result<Vec<Output>, CatalogError> {
        self.inner.outputs_of(media).await
    }
    async fn intents(&self, after: Option<&Key>, limit: u32) -> Result<Vec<Intent>, CatalogError> {
        self.inner.intents(after, limit).await
    }
    async fn receipt(&self, scope: &str, key: &str, now: Timestamp) -> Result<Option<Receipt>, CatalogError> {
        self.inner.receipt(scope, key, now).await
    }
    async fn register_worker(&self, name: &str) -> Result<i64, CatalogError> {
        self.inner.register_worker(name).await
    }

    async fn worker_epoch(&self, name: &str) -> Result<i64, CatalogError> {
        self.inner.worker_epoch(name).await
    }

    async fn media_by_fid(&self, fid: &str) -> Result<Option<Media>, CatalogError> {
        self.inner.media_by_fid(fid).await
    }

    async fn records(
        &self,
        collection: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Part, CatalogError> {
        self.inner.records(collection, after, limit).await
    }

    async fn due_notices(
        &self,
        kind: NoticeKind,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Notice>, CatalogError> {
        self.inner.due_notices(kind, now, limit).await
    }
    async fn user_by_number(&self, number: i64) -> Result<Option<User>, CatalogError> {
        self.inner.user_by_number(number).await
    }
    async fn song(&self, id: SongId) -> Result<Option<Song>, CatalogError> {
        self.inner.song(id).await
    }
    async fn song_by_source(&self, source_id: &str) -> Result<Option<Song>, CatalogError> {
        self.inner.song_by_source(source_id).await
    }
    async fn songs_by_title(&self, prefix: &str, limit: u32) -> Result<Vec<Song>, CatalogError> {
        self.inner.songs_by_title(prefix, limit).await
    }
    async fn operation(&self, id: OperationId) -> Result<Option<Operation>, CatalogError> {
        self.inner.operation(id).await
    }
    async fn video(&self, id: MediaId) -> Result<Option<Video>, CatalogError> {
        self.inner.video(id).await
    }
    async fn video_by_thumbnail(&self, uuid: Uuid) -> Result<Option<Video>, CatalogError> {
        self.inner.video_by_thumbnail(uuid).await
    }
    async fn videos(&self, query: PageQuery) -> Result<Page<Video>, CatalogError> {
        self.inner.videos(query).await
    }
    async fn task(&self, number: i64) -> Result<Option<Task>, CatalogError> {
        self.inner.task(number).await
    }
    async fn tasks(&self, account: UserId, query: TaskQuery) -> Result<Vec<Task>, CatalogError> {
        self.inner.tasks(account, query).await
    }
    async fn task_by_file(&self, account: UserId, name: &str) -> Result<Option<Task>, CatalogError> {
        self.inner.task_by_file(account, name).await
    }
    async fn sweep_expired(&self, now: Timestamp) -> Result<u64, CatalogError> {
        self.inner.sweep_expired(now).await
    }
    async fn census(&self) -> Result<Census, CatalogError> {
        self.inner.census().await
    }
    async fn check(&self) -> Result<(), CatalogError> {
        self.inner.check().await
    }
}

async fn storm(seed: u64) {
    let stormy = Arc::new(Stormy::default());
    let world = World::over(stormy.clone()).await;
    let mut wished = 0;
    for number in 0..15 {
        world.convert(&format!("slow:{} {number}", number * 100)).await;
        wished += 1;
    }
    stormy.begin(12, seed);
    world.shelf.fault.begin(40, seed ^ 0xff);
    world.ears.fault.begin(3, seed ^ 0xf);
    let first = world.start().await;
    let second = world.process(options()).start(WORKER).await.unwrap();
    for number in 15..30 {
        let made = world
            .service
            .ingest(&world.alice, upload(&format!("slow:{number} {number}")), Some(wish("mp3")))
            .await;
        wished += usize::from(made.is_ok());
    }
    sleep(Duration::from_mins(5)).await;
    stormy.end();
    for fault in [&world.shelf.fault, &world.ears.fault] {
        fault.end();
    }
    // Long enough for the rescuers, and for the collector to let go of what it condemned.
    sleep(Duration::from_hours(2)).await;

    let all = world.all_jobs().await;
    // Where the answer was lost, a job may be there that its sender does not know of.
    assert!((wished..=30).contains(&all.len()), "seed {seed}: {wished} wished, {} there", all.len());
    for job in &all {
        let outputs = world.catalog.outputs_of(job.media_id.unwrap()).await.unwrap();
        let expected = usize::from(job.state.name() == StateName::Done);
        assert!(job.state.name().is_over(), "seed {seed}: {:?}", job.state);
        assert_eq!(outputs.len(), expected, "seed {seed}: {:?}", job.state);
    }
    assert!(all.iter().filter(|job| job.state.name() == StateName::Done).count() >= 20, "seed {seed}");
    let told: BTreeSet<_> = world.ears.heard.lock().unwrap().iter().map(|notice| notice.id).collect();
    assert_eq!(told.len(), all.len(), "seed {seed}: one notice id an end");
    world.nothing_is_left_over().await;
    first.drain().await;
    second.drain().await;
}

#[tokio::test(start_paused = true)]
async fn in_any_storm_every_job_ends_once_and_nothing_is_left_over() {
    for seed in 1..=8 {
        storm(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn the_collector_spares_what_lives() {
    let world = World::new().await;
    let now = world.clock_now();
    let key: Key = "media/alive".parse().unwrap();
    let intent = Intent { key: key.clone(), holder: Holder::Upload, beats: 0, created_at: now };
    world.catalog.commit(vec![Write::AddIntent(intent)]).await.unwrap();
    let running = world.start().await;
    for _ in 0..40 {
        sleep(Duration::from_secs(5)).await;
        world.catalog.touch_intent(&key).await.unwrap();
    }
    assert!(matches!(world.intents().await[..], [Intent { holder: Holder::Upload, .. }]));
    sleep(Duration::from_mins(2)).await;
    assert!(matches!(world.intents().await[..], [Intent { holder: Holder::Condemned { .. }, .. }]));
    assert!(world.catalog.touch_intent(&key).await.is_err());
    sleep(Duration::from_hours(2)).await;
    assert_eq!(world.intents().await, []);
    running.drain().await;
}
