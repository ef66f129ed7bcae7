//! Records to try the catalog with: a song, its job, who asked for it, and what is made.

use reelmill_core::ports::Catalog;
use reelmill_core::{
    Door, Event, Format, Found, Job, Operation, Output, Platform, Priority, Profile, Pulse, Settings, Song,
    State, Timestamp, Token, Write,
};
use uuid::Uuid;

/// The moment at which the cases play.
pub(crate) const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

pub(crate) fn id<T: From<Uuid>>() -> T {
    T::from(Uuid::new_v4())
}

/// A queued job, due now, that makes a song.
pub(crate) fn job() -> Job {
    Job {
        id: id(),
        account: id(),
        media_id: Some(id()),
        origin: None,
        song: Some(id()),
        task: None,
        profile: Profile::named("mp3").unwrap(),
        overrides: Settings::default(),
        plan: None,
        priority: Priority::Normal,
        door: Door::Music,
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

/// The song that the job makes.
pub(crate) fn song(job: &Job) -> Song {
    let source = format!("dQw4w9WgXcQ-{}", Uuid::new_v4().simple());
    Song {
        id: job.song.unwrap(),
        found: Found {
            platform: Platform::Youtube,
            url: format!("https://www.youtube.com/watch?v={source}"),
            id: source,
            title: Some("Ñandú azul".to_owned()),
            duration_ms: Some(212_000),
            thumbnail_url: Some("https://i.ytimg.com/vi/x/hqdefault.jpg".to_owned()),
        },
        job: job.id,
        plays: 0,
        created_at: NOW,
        updated_at: NOW,
        version: 1,
    }
}

pub(crate) fn operation(song: &Song, job: &Job) -> Operation {
    Operation { id: id(), song: song.found.id.clone(), job: job.id, account: job.account, created_at: NOW }
}

pub(crate) fn output(job: &Job) -> Output {
    let id = id();
    Output {
        id,
        job_id: job.id,
        media_id: job.media_id.unwrap(),
        owner: job.account,
        fid: id.to_string(),
        name: "song.dca".to_owned(),
        key: format!("audio/Ñandú azul-{id}.dca").parse().unwrap(),
        size_bytes: 321_000,
        format: Format::Dca,
        duration_ms: 212_000,
        created_at: NOW,
    }
}

pub(crate) fn claim(job: &Job) -> (Job, Token) {
    let token = Token { attempt: job.attempt + 1, nonce: Uuid::new_v4() };
    (job.apply(&Event::Claim { token, worker: "w1".to_owned() }, NOW).unwrap(), token)
}

/// The job done, and the result that it is done with.
pub(crate) fn done(running: &Job, token: Token) -> (Job, Output) {
    let output = output(running);
    (running.apply(&Event::Complete { token, output: output.id }, NOW).unwrap(), output)
}

/// Commits what must be taken.
pub(crate) async fn commit(catalog: &dyn Catalog, writes: impl IntoIterator<Item = Write>) {
    catalog.commit(writes.into_iter().collect()).await.unwrap();
}
