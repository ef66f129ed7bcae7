//! Records to try a catalog with: each call makes another one, sound in itself.

use std::sync::atomic::{AtomicI64, Ordering};

use reelmill_core::ports::{Catalog, CatalogError, PageQuery};
use reelmill_core::{
    ApiKey, Claim, Delivery, DeliveryState, Door, Event, Format, Found, Holder, Intent, Job, Key, Media,
    MediaInfo, Notice, NoticeKind, Operation, Output, Phase, Picture, Platform, Priority, Profile, Pulse,
    Receipt, Resumable, Role, Settings, Song, State, Task, Thumbnail, Timestamp, Token, UploadPart, User,
    UserId, Video, Webhook, WebhookEvent, WebhookId, WebhookSecret, Write,
};
use uuid::Uuid;

/// The moment at which the cases play.
pub(super) const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

pub(super) fn at(ms: i64) -> Timestamp {
    Timestamp::from_ms(NOW.as_ms() + ms)
}

fn count() -> i64 {
    static COUNT: AtomicI64 = AtomicI64::new(1);
    COUNT.fetch_add(1, Ordering::Relaxed)
}

/// An id that is after all those made before.
pub(super) fn id<T: From<Uuid>>() -> T {
    // Version 7 is ordered by the millisecond only, and pages are promised in the order of ids.
    let random = Uuid::new_v4().as_u128() >> 64;
    T::from(Uuid::from_u128(u128::from(count().unsigned_abs()) << 64 | random))
}

pub(super) fn key(name: &str) -> Key {
    name.parse().unwrap()
}

pub(super) fn user() -> User {
    let number = count();
    User {
        id: id(),
        number,
        email: format!("User{number}@Example.org"),
        name: format!("User {number}"),
        role: Role::Member,
        password_hash: Some("$argon2id$v=19$m=19456,t=2,p=1$c2FsdA$aGFzaA".to_owned().into()),
        epoch: 0,
        email_notifications: false,
        created_at: NOW,
        version: 1,
    }
}

pub(super) fn api_key(of: UserId) -> ApiKey {
    ApiKey { id: id(), user_id: of, name: "script".to_owned(), secret_hash: hash(), created_at: NOW }
}

pub(super) fn hash() -> String {
    format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple())
}

pub(super) fn media(owner: UserId) -> Media {
    Media {
        id: id(),
        owner,
        name: "talk.mp4".to_owned(),
        key: key(&format!("media/{}", Uuid::new_v4())),
        size_bytes: 5_000_000_000,
        blake3: hash(),
        content_type: "video/mp4".to_owned(),
        fid: None,
        info: MediaInfo { container: "mp4".to_owned(), duration_ms: Some(61_500), ..MediaInfo::default() },
        task: None,
        created_at: NOW,
    }
}

/// A queued job, due now.
pub(super) fn job() -> Job {
    Job {
        id: id(),
        account: id(),
        media_id: Some(id()),
        origin: None,
        song: None,
        task: None,
        profile: Profile::named("mp3").unwrap(),
        overrides: Settings { bitrate_kbps: Some(192), ..Settings::default() },
        plan: Some("encoded: aac 44.1 kHz stereo to mp3 128 kbit/s".to_owned()),
        priority: Priority::Normal,
        door: Door::V1,
        max_attempts: 3,
        deadline_ms: 3_600_000,
        created_at: NOW,
        started_at: None,
        changed_at: NOW,
        attempt: 0,
        state: State::Queued { due_at: NOW, last_failure: None },
        version: 1,
        pulse: Pulse::default(),
    }
}

/// The job one version on, in another state.
pub(super) fn moved(job: &Job, state: State) -> Job {
    Job { state, version: job.version + 1, ..job.clone() }
}

/// The job as its next worker's.
pub(super) fn claimed(job: &Job) -> Job {
    let token = Token { attempt: job.attempt + 1, nonce: Uuid::new_v4() };
    job.apply(&Event::Claim { token, worker: "w1".to_owned() }, NOW).unwrap()
}

pub(super) fn token(job: &Job) -> Token {
    claim(job).token
}

pub(super) fn claim(job: &Job) -> Claim {
    job.claim().unwrap().clone()
}

pub(super) fn output(job: &Job) -> Output {
    let id = id();
    Output {
        id,
        job_id: job.id,
        media_id: job.media_id.unwrap(),
        owner: job.account,
        fid: id.to_string(),
        name: "talk.mp3".to_owned(),
        key: key(&format!("outputs/{id}")),
        size_bytes: 321_000,
        format: Format::Mp3,
        duration_ms: 20_032,
        created_at: NOW,
    }
}

pub(super) fn intent(name: &str) -> Intent {
    Intent { key: key(name), holder: Holder::Upload, beats: 0, created_at: NOW }
}

pub(super) fn condemned(name: &str) -> Intent {
    Intent { holder: Holder::Condemned { since: NOW }, ..intent(name) }
}

pub(super) fn receipt(key: &str, expires_at: Timestamp) -> Receipt {
    let scope = "0193 POST /v1/jobs".to_owned();
    Receipt { scope, key: key.to_owned(), body_hash: hash(), job: id(), expires_at }
}

pub(super) fn notice(due_at: Timestamp) -> Notice {
    Notice {
        id: id(),
        kind: NoticeKind::Person,
        account: id(),
        job: id(),
        output: Some(id()),
        door: Door::Converter,
        due_at,
        failures: 0,
    }
}

pub(super) fn found() -> Found {
    let id = format!("dQw4w9WgXcQ-{}", count());
    Found {
        platform: Platform::Youtube,
        url: format!("https://www.youtube.com/watch?v={id}"),
        id,
        title: None,
        duration_ms: Some(61_500),
        thumbnail_url: None,
    }
}

pub(super) fn song(title: &str) -> Song {
    Song {
        id: id(),
        found: Found { title: Some(title.to_owned()), ..found() },
        job: id(),
        plays: 0,
        created_at: NOW,
        updated_at: NOW,
        version: 1,
    }
}

pub(super) fn operation(song: &Song) -> Operation {
    Operation { id: id(), song: song.found.id.clone(), job: song.job, account: id(), created_at: NOW }
}

/// A published video without a thumbnail.
pub(super) fn video() -> Video {
    Video {
        id: id(),
        number: count(),
        owner: id(),
        size_bytes: 5_000_000_000,
        title: "A talk".to_owned(),
        explain: "What was said.".to_owned(),
        tags: vec!["talk".to_owned(), "mañana".to_owned()],
        category: "talks".to_owned(),
        thumbnail: None,
        published_at: NOW,
        version: 1,
    }
}

/// An upload of which some bytes are here.
pub(super) fn upload() -> Resumable {
    let only =
        UploadPart { object: 3, size_bytes: 700, blake3: Some(hash()), fid: Some("64b7f0".to_owned()) };
    Resumable {
        id: id(),
        owner: id(),
        name: "a talk, mañana.mp4".to_owned(),
        size_bytes: 5_000_000_000,
        metadata: "filename YSB0YWxr,is_private".to_owned(),
        parts: vec![only],
        newest_object: 4,
        is_wanted: false,
        phase: Phase::Open,
        expires_at: at(86_400_000),
        created_at: NOW,
        version: 1,
    }
}

/// A thumbnail that was announced and has not come yet.
pub(super) fn thumbnail() -> Thumbnail {
    Thumbnail { uuid: Uuid::new_v4(), extension: "webp".to_owned(), oversize: true, picture: None }
}

pub(super) fn picture() -> Picture {
    Picture {
        key: key(&format!("pictures/{}", Uuid::new_v4())),
        size_bytes: 12_345,
        blake3: hash(),
        content_type: "image/webp".to_owned(),
        width_px: 640,
        height_px: 360,
        created_at: NOW,
    }
}

/// A task whose number is above all those made before.
pub(super) fn task(account: UserId, name: &str, format: Format) -> Task {
    Task {
        number: count(),
        account,
        name: name.to_owned(),
        format,
        media: id(),
        job: id(),
        created_at: NOW,
        version: 1,
    }
}

pub(super) fn webhook(owner: UserId) -> Webhook {
    Webhook {
        id: id(),
        owner,
        url: "https://example.org/hook?a=1&b=%2F".to_owned(),
        events: WebhookEvent::ALL.to_vec(),
        secrets: vec![WebhookSecret::new("whsec_c2VjcmV0".to_owned())],
        disabled: None,
        created_at: NOW,
        version: 1,
    }
}

/// A delivery that was not tried yet.
pub(super) fn delivery(webhook: WebhookId) -> Delivery {
    Delivery {
        id: id(),
        webhook,
        event: WebhookEvent::JobDone,
        job: id(),
        body: r#"{"type":"job.done","data":{"name":"O'Brien \"🎬\""}}"#.to_owned(),
        state: DeliveryState::Waiting { due_at: NOW },
        tries: Vec::new(),
        begun_at: NOW,
        created_at: NOW,
        expires_at: at(1000),
        version: 1,
    }
}

/// Commits what must be taken.
pub(super) async fn commit(catalog: &dyn Catalog, writes: impl IntoIterator<Item = Write>) {
    catalog.commit(writes.into_iter().collect()).await.unwrap();
}

/// Commits what must be refused as a conflict.
pub(super) async fn conflict(catalog: &dyn Catalog, writes: impl IntoIterator<Item = Write>) {
    let refused = catalog.commit(writes.into_iter().collect()).await;
    assert!(matches!(refused, Err(CatalogError::Conflict)), "{refused:?}");
}

/// A queued job in the catalog.
pub(super) async fn queued(catalog: &dyn Catalog) -> Job {
    let job = job();
    commit(catalog, [Write::AddJob(job.clone())]).await;
    job
}

/// A running job in the catalog.
pub(super) async fn running(catalog: &dyn Catalog) -> Job {
    let job = claimed(&queued(catalog).await);
    commit(catalog, [Write::ReplaceJob(job.clone())]).await;
    job
}

pub(super) const fn first(limit: u32) -> PageQuery {
    PageQuery { limit, after: None }
}
