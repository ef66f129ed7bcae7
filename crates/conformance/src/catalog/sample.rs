//! Records to try a catalog with: each call makes another one, sound in itself.

use std::sync::atomic::{AtomicI64, Ordering};

use reelmill_core::ports::{Catalog, CatalogError, PageQuery};
use reelmill_core::{
    ApiKey, Claim, Door, Event, Format, Holder, Intent, Job, Key, Media, MediaInfo, Notice, Output, Priority,
    Profile, Pulse, Receipt, Role, Settings, State, Timestamp, Token, User, UserId, Write,
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
        info: MediaInfo { container: "mp4".to_owned(), duration_ms: Some(61_500), ..MediaInfo::default() },
        created_at: NOW,
    }
}

/// A queued job, due now.
pub(super) fn job() -> Job {
    Job {
        id: id(),
        account: id(),
        media_id: id(),
        profile: Profile::named("mp3").unwrap(),
        overrides: Settings { bitrate_kbps: Some(192), ..Settings::default() },
        plan: Some("encoded: aac 44.1 kHz stereo to mp3 128 kbit/s".to_owned()),
        priority: Priority::Normal,
        door: Door::V1,
        max_attempts: 3,
        deadline_ms: 3_600_000,
        created_at: NOW,
        started_at: None,
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
        media_id: job.media_id,
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
        account: id(),
        job: id(),
        output: Some(id()),
        door: Door::Converter,
        due_at,
        failures: 0,
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
