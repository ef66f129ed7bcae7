//! Jobs, from the wish to the one effect.

use reelmill_core::ports::CatalogError;
use reelmill_core::{Event, FailureKind, Kind, Settings, State, StateName, Token, Write};
use tokio::time::{Duration, Instant, sleep};
use uuid::Uuid;

use super::world::{WORKER, World, options, upload, wish};
use crate::{JobWish, Options, Submission};

#[tokio::test(start_paused = true)]
async fn a_job_ends_with_one_output_and_one_notice() {
    let world = World::new().await;
    let running = world.start().await;
    let job = world.convert("tone").await;
    let view = world.ended(&job).await;
    let output = view.output.unwrap();
    assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Done, 1));
    assert_eq!((output.name.as_str(), output.size_bytes), ("song.mp3", 14));
    world.settle().await;
    let heard = world.ears.heard.lock().unwrap().clone();
    assert_eq!(heard.len(), 1);
    assert_eq!(
        (heard[0].recipient.as_str(), heard[0].subject.as_str()),
        ("alice@example.com", "song.mp3 is ready")
    );
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_damaged_file_fails_once_and_says_why() {
    let world = World::new().await;
    let running = world.start().await;
    for (text, kind) in [("broken", FailureKind::Corrupt), ("silent film", FailureKind::Unsupported)] {
        let view = world.ended(&world.convert(text).await).await;
        assert_eq!(view.job.attempt, 1);
        assert!(matches!(view.job.state, State::Failed { failure, .. } if failure.kind == kind));
    }
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_down_for_a_while_costs_attempts_not_the_job() {
    let world = World::new().await;
    let running = world.start().await;
    let view = world.ended(&world.convert("flaky:2").await).await;
    assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Done, 3));
    let view = world.ended(&world.convert("flaky:99").await).await;
    assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Failed, 3));
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_finds_no_room_waits_on_and_loses_no_attempt() {
    let world = World::new().await;
    let running = world.start().await;
    let view = world.ended(&world.convert("crowded:9").await).await;
    assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Done, 1));
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_media_cannot_become_is_refused_before_a_job_is_made() {
    let world = World::new().await;
    let silent = world.upload("silent film").await.unwrap().media;
    let error = world.service.submit(&world.alice, silent.id, wish("mp3")).await.unwrap_err();
    assert_eq!((error.problem, error.detail.as_str()), ("unsupported", "there is no audio track"));
    let tone = world.upload("tone").await.unwrap().media;
    let error = world.service.submit(&world.alice, tone.id, wish("mp9")).await.unwrap_err();
    assert!(error.detail.contains("mp3-voice"), "{}", error.detail);
    let both = Settings { bitrate_kbps: Some(1), quality: Some(1), ..Settings::default() };
    let error = world
        .service
        .submit(&world.alice, tone.id, JobWish { overrides: both, ..wish("mp3") })
        .await
        .unwrap_err();
    assert_eq!(error.problem, "bad-setting");
    assert_eq!(
        world.service.submit(&world.bob, tone.id, wish("mp3")).await.unwrap_err().kind,
        Kind::NotFound
    );
    assert_eq!(world.all_jobs().await, []);
}

#[tokio::test(start_paused = true)]
async fn the_same_key_makes_one_job_and_another_body_is_refused() {
    let world = World::new().await;
    let media = world.upload("tone").await.unwrap().media;
    let wish_of = |body: &str| {
        let submission = Submission { route: "POST /v1/jobs", key: "k".into(), body_hash: body.into() };
        JobWish { submission: Some(submission), ..wish("mp3") }
    };
    let submits = (0..8).map(|_| world.service.submit(&world.alice, media.id, wish_of("a")));
    let jobs: Vec<_> =
        futures_util::future::join_all(submits).await.into_iter().map(|made| made.unwrap().job.id).collect();
    assert!(jobs.iter().all(|id| *id == jobs[0]));
    let error = world.service.submit(&world.alice, media.id, wish_of("b")).await.unwrap_err();
    assert_eq!((error.kind, error.problem), (Kind::Unprocessable, "idempotency-key-reused"));
    world.clock.jump_ms(25 * 3_600_000);
    let later = world.service.submit(&world.alice, media.id, wish_of("b")).await.unwrap();
    assert_ne!(later.job.id, jobs[0]);
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_job_stops_and_leaves_nothing() {
    let world = World::new().await;
    let running = world.start().await;
    let job = world.convert("slow:60000").await;
    world.until_running(&job).await;
    let asked = Instant::now();
    world.service.cancel(&world.alice, job.id).await.unwrap();
    assert_eq!(world.ended(&job).await.job.state.name(), StateName::Cancelled);
    assert!(asked.elapsed() < Duration::from_millis(200), "took {:?}", asked.elapsed());
    world.settle().await;
    world.nothing_is_left_over().await;
    assert_eq!(
        world.service.cancel(&world.alice, job.id).await.unwrap_err().detail,
        "cannot cancel a job that is cancelled"
    );
    world.service.retry(&world.alice, job.id).await.unwrap();
    assert_eq!(world.ended(&job).await.job.state.name(), StateName::Done);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_of_another_process_is_cancelled_within_two_seconds() {
    let world = World::new().await;
    let worker = world.process(options()).start(WORKER).await.unwrap();
    let job = world.convert("slow:60000").await;
    while world.service.job(&world.alice, job.id).await.unwrap().job.state.name() != StateName::Running {
        sleep(Duration::from_millis(100)).await;
    }
    // Just behind a heartbeat, so that the next one is far.
    sleep(Duration::from_millis(5100)).await;
    let asked = Instant::now();
    let view = world.service.cancel(&world.alice, job.id).await.unwrap();
    assert_eq!(view.job.state.name(), StateName::Cancelling);
    assert_eq!(world.ended(&job).await.job.state.name(), StateName::Cancelled);
    assert!(asked.elapsed() <= Duration::from_secs(2), "took {:?}", asked.elapsed());
    worker.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_workers_job_moves_again_a_lease_later() {
    let world = World::new().await;
    let job = world.convert("tone").await;
    let token = Token { attempt: 1, nonce: Uuid::new_v4() };
    let dead = job.apply(&Event::Claim { token, worker: "dead".into() }, job.created_at).unwrap();
    world.catalog.commit(vec![Write::ReplaceJob(dead)]).await.unwrap();

    let began = Instant::now();
    let running = world.start().await;
    let view = world.ended(&job).await;
    assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Done, 2));
    assert!(began.elapsed() >= Duration::from_secs(15), "the lease was not waited for");
    assert!(began.elapsed() <= Duration::from_secs(21), "took {:?}", began.elapsed());
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn another_nodes_clock_does_not_move_a_lease() {
    let world = World::new().await;
    let running = world.start().await;
    let job = world.convert("slow:60000").await;
    world.until_running(&job).await;
    let other = world.process(options()).start(WORKER).await.unwrap();
    world.clock.jump_ms(3_000_000);
    sleep(Duration::from_secs(20)).await;
    world.clock.jump_ms(-3_000_000);
    let view = world.ended(&job).await;
    assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Done, 1));
    other.drain().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_sole_process_takes_over_at_once_what_the_last_one_left() {
    let world = World::new().await;
    let job = world.convert("tone").await;
    let token = Token { attempt: 1, nonce: Uuid::new_v4() };
    let dead = job.apply(&Event::Claim { token, worker: "dead".into() }, job.created_at).unwrap();
    world.catalog.commit(vec![Write::ReplaceJob(dead)]).await.unwrap();

    let sole = world.process(Options { sole: true, ..options() });
    let running = sole.start(WORKER).await.unwrap();
    let view = sole.wait(&world.alice, job.id, Duration::from_secs(2)).await.unwrap();
    assert_eq!((view.job.state.name(), view.job.attempt), (StateName::Done, 2));
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_lost_its_claim_cannot_end_the_job() {
    let world = World::new().await;
    let running = world.start().await;
    let job = world.convert("slow:8000").await;
    let held = world.until_running(&job).await.job;
    // A rescuer elsewhere takes the job over and finishes it while the first worker goes on.
    let token = held.claim().unwrap().token;
    let lapsed = held.apply(&Event::Lapse { token }, held.created_at.plus_ms(9)).unwrap();
    let second = Token { attempt: 2, nonce: Uuid::new_v4() };
    let due = lapsed.created_at.plus_ms(10);
    let claimed = lapsed.apply(&Event::Claim { token: second, worker: "second".into() }, due).unwrap();
    for step in [lapsed, claimed.clone()] {
        world.catalog.commit(vec![Write::ReplaceJob(step)]).await.unwrap();
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(world.catalog.job(job.id).await.unwrap().unwrap().claim().unwrap().token, second);
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_poisoned_job_is_set_aside_after_its_attempts() {
    let world = World::new().await;
    let mut job = world.convert("tone").await;
    for attempt in 1..=3 {
        let token = Token { attempt, nonce: Uuid::new_v4() };
        for event in [Event::Claim { token, worker: "dies".into() }, Event::Lapse { token }] {
            job = job.apply(&event, job.created_at).unwrap();
            world.catalog.commit(vec![Write::ReplaceJob(job.clone())]).await.unwrap();
        }
    }
    let State::Failed { failure, .. } = job.state else { panic!("{:?}", job.state) };
    assert_eq!(failure.message, "the worker of attempt 3 of 3 died at it");
}

#[tokio::test(start_paused = true)]
async fn draining_lets_short_work_end_and_gives_long_work_back_unharmed() {
    let world = World::new().await;
    let running = world.start().await;
    let (short, long) = (world.convert("slow:10000").await, world.convert("slow:600000").await);
    world.until_running(&long).await;
    running.drain().await;
    let at = |id| world.catalog.job(id);
    assert_eq!(at(short.id).await.unwrap().unwrap().state.name(), StateName::Done);
    let back = at(long.id).await.unwrap().unwrap();
    assert_eq!((back.state.name(), back.attempt), (StateName::Queued, 0));
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_past_its_deadline_fails_by_name() {
    let world = World::new().await;
    let service = world.process(Options { job_deadline: Duration::from_secs(20), ..options() });
    let running = service.start(WORKER).await.unwrap();
    let job =
        service.ingest(&world.alice, upload("slow:60000"), Some(wish("mp3"))).await.unwrap().job.unwrap();
    let State::Failed { failure, .. } = world.ended(&job).await.job.state else { panic!("did not fail") };
    assert_eq!(
        (failure.kind, failure.message.as_str()),
        (FailureKind::Timeout, "was not done within its 20 s")
    );
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn deleting_a_media_stops_its_conversion_and_takes_everything_with_it() {
    let world = World::new().await;
    let running = world.start().await;
    let done = world.convert("tone").await;
    world.ended(&done).await;
    world.service.submit(&world.alice, done.media_id.unwrap(), wish("flac")).await.unwrap();
    let slow = world.convert("slow:60000").await;
    world.until_running(&slow).await;
    for media in [done.media_id, slow.media_id] {
        world.service.delete_media(&world.alice, media.unwrap()).await.unwrap();
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!(world.all_jobs().await, []);
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_media_under_conversion_elsewhere_can_be_deleted() {
    let world = World::new().await;
    let worker = world.process(options()).start(WORKER).await.unwrap();
    let job = world.convert("slow:30000").await;
    while world.engine.running.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        sleep(Duration::from_millis(100)).await;
    }
    world.service.delete_media(&world.alice, job.media_id.unwrap()).await.unwrap();
    sleep(Duration::from_secs(40)).await;
    world.nothing_is_left_over().await;
    assert!(matches!(
        world.catalog.beat(job.id, Token { attempt: 1, nonce: Uuid::nil() }, job.pulse).await,
        Err(CatalogError::NotFound)
    ));
    worker.drain().await;
}
