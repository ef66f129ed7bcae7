//! Songs: asked for by many, fetched once, made once.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use futures_util::future::join_all;
use reelmill_core::{
    Door, Event, Failure, FailureKind, Kind, Obstacle, Operation, Role, Stage, State, StateName, Token, Write,
};
use secrecy::SecretString;
use tokio::time::{Duration, Instant, sleep, timeout};
use uuid::Uuid;

use super::weather::Stormy;
use super::world::{WORKER, World, options};
use crate::{Caller, Entrance, Error, JobWish, NewAccount, OperationView, Options, Service};

fn dca() -> JobWish {
    JobWish::plain("dca", Door::Music)
}

impl World {
    async fn ask(&self, song: &str) -> Operation {
        self.service.start_song(&self.alice, song, dca()).await.unwrap()
    }

    async fn look(&self, operation: &Operation) -> OperationView {
        self.service.operation_by_id(&self.alice, operation.id).await.unwrap()
    }

    /// The operation when it is over.
    async fn told_of(&self, operation: &Operation) -> OperationView {
        let mut listener = self.service.listen_to(&self.look(operation).await);
        loop {
            let view = self.look(operation).await;
            if view.is_over() {
                return view;
            }
            let _ = timeout(Duration::from_secs(1), listener.next()).await;
        }
    }

    pub(super) async fn until_fetching(&self) {
        while self.spring.fetching.load(Ordering::Relaxed) == 0 {
            sleep(Duration::from_millis(20)).await;
        }
    }

    fn fetches(&self) -> usize {
        self.spring.fetches.load(Ordering::Relaxed)
    }
}

/// How the operation's job ended badly.
fn failure(view: OperationView) -> Failure {
    match view.job.unwrap().state {
        State::Failed { failure, .. } => failure,
        other => panic!("{other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a_hundred_who_ask_at_once_at_two_processes_share_one_download() {
    let world = World::new().await;
    let other = world.process(options());
    let running = [world.start().await, other.start(WORKER).await.unwrap()];
    let asked = (0..100).map(|nth| {
        let (service, caller) =
            if nth % 2 == 0 { (&world.service, &world.alice) } else { (&other, &world.bob) };
        service.start_song(caller, "song late:500 tone", dca())
    });
    let operations: Vec<Operation> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    let ids: BTreeSet<_> = operations.iter().map(|operation| operation.id).collect();
    let jobs: BTreeSet<_> = operations.iter().map(|operation| operation.job).collect();
    assert_eq!((ids.len(), jobs.len()), (100, 1));
    for operation in &operations {
        assert!(world.told_of(operation).await.is_success());
    }
    assert_eq!(world.fetches(), 1);
    assert_eq!(world.shelf.keys().len(), 2);
    world.nothing_is_left_over().await;
    for running in running {
        running.drain().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_song_that_is_there_answers_at_once_and_counts_a_play() {
    let world = World::new().await;
    let running = world.start().await;
    let first = world.ask("song tone").await;
    let made = world.told_of(&first).await;
    let uri = made.uri.unwrap();
    let name = uri.strip_prefix("memory:/audio/Title%20of%20tone-").unwrap_or_else(|| panic!("{uri}"));
    assert!(name.strip_suffix(".dca").is_some_and(|id| id.len() == 36), "{uri}");
    running.drain().await;

    // Nobody works any more.
    let again = world.ask("song tone").await;
    let there = world.look(&again).await;
    assert!(there.is_over() && there.is_success());
    assert_eq!((there.uri.as_deref(), again.job), (Some(uri.as_str()), first.job));
    assert_eq!(world.fetches(), 1);
    let song = world.service.song(&world.bob, &again.song).await.unwrap();
    assert_eq!((song.song.plays, song.song.title_lower().as_str()), (1, "title of tone"));
    assert_eq!(song.file.unwrap().1, uri);
}

#[tokio::test(start_paused = true)]
async fn a_song_that_failed_is_asked_for_anew() {
    let world = World::new().await;
    let running = world.start().await;
    let first = world.ask("song gone").await;
    let said = failure(world.told_of(&first).await);
    assert_eq!((said.kind, said.obstacle), (FailureKind::Source, Some(Obstacle::Removed)));
    let second = world.ask("song gone").await;
    assert_ne!(first.job, second.job);
    failure(world.told_of(&second).await);
    assert_eq!(world.fetches(), 2);
    world.settle().await;
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_song_whose_file_was_deleted_is_made_anew() {
    let world = World::new().await;
    let running = world.start().await;
    let first = world.ask("song tone").await;
    let media = world.told_of(&first).await.job.unwrap().media_id.unwrap();
    world.service.delete_media(&world.alice, media).await.unwrap();
    let gone = world.look(&first).await;
    assert!(gone.is_over() && !gone.is_success() && gone.job.is_none());
    let second = world.ask("song tone").await;
    assert!(world.told_of(&second).await.is_success());
    assert_eq!(world.fetches(), 2);
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_song_is_fetched_and_then_converted_by_stages() {
    let world = World::new().await;
    let running = world.start().await;
    let operation = world.ask("song late:2000 slow:2000").await;
    let mut stages = Vec::new();
    loop {
        let view = world.look(&operation).await;
        let Some(job) = view.job.filter(|job| !job.state.name().is_over()) else { break };
        if let (Some(_), Some(stage)) = (job.claim(), job.pulse.stage) {
            assert_eq!(job.media_id.is_none(), stage == Stage::Fetch, "{stage:?}");
            stages.push(stage);
        }
        sleep(Duration::from_millis(100)).await;
    }
    stages.dedup();
    assert_eq!(stages, [Stage::Fetch, Stage::Convert]);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_was_fetched_is_not_fetched_again_by_the_next_attempt() {
    let world = World::new().await;
    let running = world.start().await;
    let operation = world.ask("song flaky:2").await;
    let made = world.told_of(&operation).await;
    assert!(made.is_success());
    assert_eq!((made.job.unwrap().attempt, world.fetches()), (3, 1));
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_is_no_media_or_empty_is_a_failure_and_never_a_song() {
    let world = World::new().await;
    let running = world.start().await;
    for (song, kind) in [
        ("song some text", FailureKind::Unsupported),
        ("song hollow", FailureKind::Corrupt),
        ("song silent film", FailureKind::Unsupported),
        ("song broken", FailureKind::Corrupt),
    ] {
        let operation = world.ask(song).await;
        let view = world.told_of(&operation).await;
        assert!(!view.is_success() && view.uri.is_none());
        assert_eq!(failure(view).kind, kind, "{song}");
    }
    world.settle().await;
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_is_away_costs_attempts_and_then_the_song() {
    let world = World::new().await;
    let running = world.start().await;
    let operation = world.ask("song shy:2 tone").await;
    let view = world.told_of(&operation).await;
    assert!(view.is_success());
    assert_eq!(view.job.unwrap().attempt, 3);

    let world = World::new().await;
    let other = world.start().await;
    let operation = world.ask("song shy:99 tone").await;
    let view = world.told_of(&operation).await;
    assert_eq!(view.job.as_ref().unwrap().attempt, 3);
    assert_eq!(failure(view).obstacle, Some(Obstacle::Unreachable));
    world.settle().await;
    world.nothing_is_left_over().await;
    other.drain().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_source_that_says_when_to_come_back_is_left_alone_until_then() {
    let world = World::new().await;
    let running = world.start().await;
    let began = Instant::now();
    let operation = world.ask("song busy:60000 tone").await;
    let view = world.told_of(&operation).await;
    assert!(view.is_success());
    assert_eq!(view.job.unwrap().attempt, 2);
    assert!(began.elapsed() >= Duration::from_mins(1), "came back after {:?}", began.elapsed());
    assert!(began.elapsed() <= Duration::from_secs(65), "took {:?}", began.elapsed());
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_song_past_its_deadline_fails_by_name_and_leaves_nothing() {
    let world = World::new().await;
    let running = world.start().await;
    let began = Instant::now();
    let operation = world.ask("song late:3600000 tone").await;
    let said = failure(world.told_of(&operation).await);
    assert_eq!((said.kind, said.message.as_str()), (FailureKind::Timeout, "was not done within its 240 s"));
    assert!(began.elapsed() < Duration::from_secs(243), "took {:?}", began.elapsed());
    world.settle().await;
    assert_eq!(world.spring.fetching.load(Ordering::Relaxed), 0);
    world.nothing_is_left_over().await;

    // To be told to come back after the deadline is to fail.
    let world = World::new().await;
    let other = world.start().await;
    let operation = world.ask("song busy:600000 tone").await;
    let view = world.told_of(&operation).await;
    assert_eq!(view.job.as_ref().unwrap().attempt, 1);
    assert_eq!(failure(view).obstacle, Some(Obstacle::RateLimited));
    other.drain().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_song_that_is_cancelled_while_it_is_fetched_leaves_nothing() {
    let world = World::new().await;
    let running = world.start().await;
    let operation = world.ask("song late:60000 tone").await;
    world.until_fetching().await;
    let asked = Instant::now();
    world.service.cancel(&world.alice, operation.job).await.unwrap();
    let view = world.told_of(&operation).await;
    assert_eq!(view.job.as_ref().unwrap().state.name(), StateName::Cancelled);
    assert!(asked.elapsed() < Duration::from_secs(2), "took {:?}", asked.elapsed());
    assert!(!view.is_success());
    world.settle().await;
    assert_eq!(world.spring.fetching.load(Ordering::Relaxed), 0);
    world.nothing_is_left_over().await;
    let again = world.ask("song late:60000 tone").await;
    assert!(world.told_of(&again).await.is_success());
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn draining_gives_a_download_back_with_its_attempt() {
    let world = World::new().await;
    let service = world.process(Options { music_deadline: Duration::from_hours(1), ..options() });
    let running = service.start(WORKER).await.unwrap();
    let operation = service.start_song(&world.alice, "song late:600000 tone", dca()).await.unwrap();
    world.until_fetching().await;
    running.drain().await;
    let job = world.look(&operation).await.job.unwrap();
    assert_eq!((job.state.name(), job.attempt, job.media_id), (StateName::Queued, 0, None));
    assert_eq!(world.spring.fetching.load(Ordering::Relaxed), 0);
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_download_whose_worker_was_lost_is_done_by_the_next_and_leaves_nothing() {
    let world = World::new().await;
    let running = world.start().await;
    let operation = world.ask("song late:8000 tone").await;
    world.until_fetching().await;
    // A rescuer takes the job over while its worker goes on.
    let held = world.catalog.job(operation.job).await.unwrap().unwrap();
    let token = held.claim().unwrap().token;
    let lapsed = held.apply(&Event::Lapse { token }, world.clock_now()).unwrap();
    world.catalog.commit(vec![Write::ReplaceJob(lapsed)]).await.unwrap();
    let view = world.told_of(&operation).await;
    assert!(view.is_success());
    assert_eq!((view.job.unwrap().attempt, world.fetches()), (2, 2));
    sleep(Duration::from_hours(2)).await;
    assert_eq!(world.shelf.keys().len(), 2, "{:?}", world.shelf.keys());
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_workers_song_moves_again_a_lease_later() {
    let world = World::new().await;
    let operation = world.ask("song tone").await;
    let job = world.catalog.job(operation.job).await.unwrap().unwrap();
    let token = Token { attempt: 1, nonce: Uuid::new_v4() };
    let dead = job.apply(&Event::Claim { token, worker: "dead".into() }, job.created_at).unwrap();
    world.catalog.commit(vec![Write::ReplaceJob(dead)]).await.unwrap();
    let running = world.start().await;
    let view = world.told_of(&operation).await;
    assert!(view.is_success());
    assert_eq!((view.job.unwrap().attempt, world.fetches()), (2, 1));
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn downloads_leave_the_slots_to_conversions_as_long_as_there_are_places() {
    let world = World::new().await;
    let narrow = |fetches| world.process(Options { slots: 1, fetches, ..options() });
    let service = narrow(1);
    let running = service.start(WORKER).await.unwrap();
    let song = service.start_song(&world.alice, "song late:60000 tone", dca()).await.unwrap();
    world.until_fetching().await;
    let began = Instant::now();
    world.ended(&world.convert("tone").await).await;
    assert!(began.elapsed() < Duration::from_secs(5), "took {:?}", began.elapsed());
    assert!(world.told_of(&song).await.is_success());
    running.drain().await;

    // Without a place, a download works in its slot.
    let service = narrow(0);
    let running = service.start(WORKER).await.unwrap();
    let song = service.start_song(&world.alice, "song late:61000 tone", dca()).await.unwrap();
    world.until_fetching().await;
    let began = Instant::now();
    world.ended(&world.convert("tone").await).await;
    assert!(began.elapsed() > Duration::from_secs(50), "took {:?}", began.elapsed());
    assert!(world.told_of(&song).await.is_success());
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn an_import_is_its_owners_alone() {
    let world = World::new().await;
    let running = world.start().await;
    let wish = JobWish::plain("flac", Door::V1);
    let job = world.service.import(&world.alice, "song tone", wish).await.unwrap().job;
    let view = world.ended(&job).await;
    assert_eq!(view.output.unwrap().name, "Title of tone.flac");
    let media = view.job.media_id.unwrap();
    assert_eq!(world.service.media(&world.bob, media).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(world.service.job(&world.bob, job.id).await.unwrap_err().kind, Kind::NotFound);
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn the_library_is_for_members_and_is_searched_by_three_bytes_or_more() {
    let world = World::new().await;
    let running = world.start().await;
    for song in ["song tone", "song tone of two"] {
        let operation = world.ask(song).await;
        world.told_of(&operation).await;
    }
    let titles = |title: &'static str| {
        let world = &world;
        async move {
            let found = world.service.songs(&world.bob, title).await.unwrap();
            found.into_iter().map(|view| view.song.title_lower()).collect::<Vec<_>>()
        }
    };
    assert_eq!(titles("TITLE OF").await, ["title of tone", "title of tone of two"]);
    assert_eq!(titles(" title of tone of ").await, ["title of tone of two"]);
    assert_eq!(titles("tone").await, Vec::<String>::new());
    assert_eq!(world.service.songs(&world.bob, " ti ").await.unwrap_err().kind, Kind::Invalid);
    let mut guest = world.alice.user.clone();
    guest.role = Role::Guest;
    let guest = Caller { user: guest };
    assert_eq!(world.service.songs(&guest, "title").await.unwrap_err().kind, Kind::Forbidden);
    let refused = world.service.start_song(&guest, "song tone", dca()).await.unwrap_err();
    assert_eq!(refused.kind, Kind::Forbidden);
    running.drain().await;
}

#[tokio::test]
async fn two_processes_that_need_the_anonymous_account_at_once_make_one() {
    let world = World::new().await;
    let other = world.process(options());
    let callers = join_all([world.service.audio_caller(), other.audio_caller(), other.audio_caller()]).await;
    let ids: BTreeSet<_> = callers.into_iter().map(|caller| caller.unwrap().id()).collect();
    assert_eq!(ids.len(), 1);
    let entrance = Entrance { door: Door::V1, peer: None };
    for password in ["", "audio"] {
        let refused = world.service.sign_in("audio", SecretString::from(password), entrance).await;
        assert_eq!(refused.unwrap_err().kind, Kind::Unauthenticated);
    }
}

#[tokio::test]
async fn nobodys_account_is_taken_for_the_anonymous_one() {
    let add = async |world: &World, email: &str, name: &str| {
        let password = SecretString::from("a good password");
        let new = NewAccount { email: email.into(), name: Some(name.into()), role: Role::Admin, password };
        world.service.add_account(new).await.unwrap()
    };
    let world = World::new().await;
    let person = add(&world, "eve@example.com", "audio").await;
    let caller = world.service.audio_caller().await.unwrap();
    assert_ne!(caller.id(), person.id);
    assert!(!caller.is_admin());
    assert_eq!(world.service.audio_caller().await.unwrap(), caller);

    let world = World::new().await;
    add(&world, "audio@reelmill.invalid", "eve").await;
    assert_eq!(world.service.audio_caller().await.unwrap_err().kind, Kind::Internal);
}

#[tokio::test]
async fn an_operation_is_found_by_both_its_ids_alone() {
    let world = World::new().await;
    let operation = world.ask("song tone").await;
    let of = async |song: &str| world.service.operation(&world.bob, operation.id, song).await;
    assert_eq!(of(&operation.song).await.unwrap().operation, operation);
    assert_eq!(of("another").await.unwrap_err().kind, Kind::NotFound);
    let refused = world.service.start_song(&world.alice, "nothing", dca()).await.unwrap_err();
    assert_eq!((refused.kind, refused.obstacle), (Kind::NotFound, Some(Obstacle::NotFound)));
}

/// Asks until the catalog takes it.
async fn insist(service: &Service, caller: &Caller, song: &str) -> Operation {
    loop {
        match service.start_song(caller, song, dca()).await {
            Ok(operation) => return operation,
            Err(Error { kind: Kind::Unavailable | Kind::Conflict, .. }) => {
                sleep(Duration::from_millis(10)).await;
            }
            Err(error) => panic!("{error:?}"),
        }
    }
}

async fn storm(seed: u64) {
    let stormy = Arc::new(Stormy::default());
    let world = World::over(stormy.clone()).await;
    let other = world.process(options());
    let running = [world.start().await, other.start(WORKER).await.unwrap()];
    stormy.begin(12, seed);
    world.shelf.fault.begin(40, seed ^ 0xff);
    world.spring.fault.begin(8, seed ^ 0xf);
    let mut operations = Vec::new();
    for nth in 0..12 {
        let song = format!("song late:{} slow:{}", nth * 400 + 50, nth * 100);
        for (service, caller) in [(&world.service, &world.alice), (&other, &world.bob)] {
            operations.push(insist(service, caller, &song).await);
        }
    }
    sleep(Duration::from_mins(6)).await;
    stormy.end();
    world.shelf.fault.end();
    world.spring.fault.end();
    // Long enough for the rescuers, and for the collector to let go of what it condemned.
    sleep(Duration::from_hours(2)).await;

    let mut done = 0;
    for operation in &operations {
        let view = world.look(operation).await;
        assert!(view.is_over(), "seed {seed}: {:?}", view.job);
        assert_eq!(view.is_success(), view.uri.is_some());
        done += usize::from(view.is_success());
    }
    assert!(done >= 16, "seed {seed}: {done} of {}", operations.len());
    for job in world.all_jobs().await {
        let outputs = match job.media_id {
            Some(media) => world.catalog.outputs_of(media).await.unwrap().len(),
            None => 0,
        };
        assert_eq!(outputs, usize::from(job.state.name() == StateName::Done), "seed {seed}: {:?}", job.state);
    }
    world.nothing_is_left_over().await;
    for running in running {
        running.drain().await;
    }
}

#[tokio::test(start_paused = true)]
async fn in_any_storm_every_operation_ends_and_nothing_is_left_over() {
    for seed in 1..=8 {
        storm(seed).await;
    }
}
