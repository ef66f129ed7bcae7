//! The queue as a whole: paused, begun anew, cleared of what is old.

use std::collections::BTreeSet;
use std::sync::Arc;

use reelmill_core::ports::Channel;
use reelmill_core::{Door, Job, Kind, Role, StateName, User};
use tokio::time::{Duration, Instant, sleep};

use super::broker::{Broker, Line};
use super::world::{WORKER, World, options, upload, wish};
use crate::{Ages, Caller, JobWish, Options, Purged, VideoDetails};

fn admin(world: &World) -> Caller {
    Caller { user: User { role: Role::Admin, ..world.bob.user.clone() } }
}

async fn state(world: &World, job: &Job) -> StateName {
    world.catalog.job(job.id).await.unwrap().unwrap().state.name()
}

#[tokio::test(start_paused = true)]
async fn a_paused_queue_takes_in_and_ends_what_runs_and_begins_nothing() {
    let world = World::new().await;
    let admin = admin(&world);
    let running = world.start().await;
    let runs = world.convert("slow:5000").await;
    world.until_running(&runs).await;
    let view = world.service.pause(&admin).await.unwrap();
    assert_eq!((view.jobs.claimed, view.paused_since), (1, Some(world.clock_now())));
    let waits = world.convert("tone").await;
    assert_eq!(world.ended(&runs).await.job.state.name(), StateName::Done);
    sleep(Duration::from_mins(1)).await;
    assert_eq!(state(&world, &waits).await, StateName::Queued);
    let view = world.service.queue(&admin).await.unwrap();
    assert_eq!((view.jobs.queued, view.jobs.done), (1, 1));

    assert_eq!(world.service.resume(&admin).await.unwrap().paused_since, None);
    assert_eq!(world.ended(&waits).await.job.state.name(), StateName::Done);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn another_process_sees_a_pause_within_a_poll() {
    let world = World::new().await;
    let admin = admin(&world);
    let running = world.process(options()).start(WORKER).await.unwrap();
    let first = world.convert("tone").await;
    assert_eq!(world.ended(&first).await.job.state.name(), StateName::Done);
    world.service.pause(&admin).await.unwrap();
    sleep(options().poll).await;
    let waits = world.convert("tone").await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(state(&world, &waits).await, StateName::Queued);
    world.service.resume(&admin).await.unwrap();
    // It looks half a poll too late at most.
    sleep(options().poll * 2).await;
    assert_ne!(state(&world, &waits).await, StateName::Queued);
    world.ended(&waits).await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_broker_rings_for_stays_with_it_while_the_queue_is_paused() {
    let broker = Arc::<Broker>::default();
    let world = World::ringing(Arc::new(Line(Arc::clone(&broker)))).await;
    let admin = admin(&world);
    world.service.pause(&admin).await.unwrap();
    let running = world.start().await;
    let waits = world.convert("tone").await;
    sleep(Duration::from_mins(1)).await;
    assert_eq!(state(&world, &waits).await, StateName::Queued);
    assert!(broker.depth(Channel::Work) >= 1);
    world.service.resume(&admin).await.unwrap();
    assert_eq!(world.ended(&waits).await.job.state.name(), StateName::Done);
    world.settle().await;
    assert_eq!(broker.depth(Channel::Work), 0);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn only_admins_steer_what_is_everybodys() {
    let world = World::new().await;
    let (service, alice) = (&world.service, &world.alice);
    for refused in [
        service.queue(alice).await.err(),
        service.pause(alice).await.err(),
        service.resume(alice).await.err(),
        service.retry_failed(alice, true).await.err(),
        service.purge(alice, Ages { jobs: Some(Duration::ZERO), media: None }).await.err(),
    ] {
        assert_eq!(refused.map(|error| error.kind), Some(Kind::Forbidden));
    }
    assert_eq!(world.catalog.paused_since().await.unwrap(), None);
}

#[tokio::test(start_paused = true)]
async fn all_that_failed_is_begun_anew_and_nobody_elses() {
    let world = World::new().await;
    let running = world.start().await;
    let mut failed = Vec::new();
    // More than a commit takes.
    for number in 0..30 {
        failed.push(world.convert(&format!("broken {number}")).await);
    }
    let done = world.convert("tone").await;
    let bobs = world.service.ingest(&world.bob, upload("broken"), Some(wish("mp3"))).await.unwrap();
    let bobs = bobs.job.unwrap();
    for job in failed.iter().chain([&done]) {
        world.ended(job).await;
    }
    world.service.wait(&world.bob, bobs.id, Duration::from_hours(1)).await.unwrap();
    running.drain().await;

    let retried = world.service.retry_failed(&world.alice, false).await.unwrap();
    assert_eq!((retried.jobs, retried.is_more), (30, false));
    for job in &failed {
        let job = world.catalog.job(job.id).await.unwrap().unwrap();
        assert_eq!((job.state.name(), job.attempt), (StateName::Queued, 0));
    }
    assert_eq!(state(&world, &done).await, StateName::Done);
    assert_eq!(state(&world, &bobs).await, StateName::Failed);
    assert_eq!(world.service.retry_failed(&world.alice, false).await.unwrap().jobs, 0);

    let retried = world.service.retry_failed(&admin(&world), true).await.unwrap();
    assert_eq!((retried.jobs, retried.is_more), (1, false));
    assert_eq!(state(&world, &bobs).await, StateName::Queued);
}

#[tokio::test(start_paused = true)]
async fn what_ended_long_ago_is_purged_with_its_output_and_nothing_younger() {
    let world = World::new().await;
    let running = world.start().await;
    let (old, broken) = (world.convert("tone").await, world.convert("broken").await);
    world.ended(&old).await;
    world.ended(&broken).await;
    sleep(Duration::from_hours(48)).await;
    let young = world.convert("tone").await;
    world.ended(&young).await;
    running.drain().await;
    let waits = world.convert("tone").await;

    let ages = Ages { jobs: Some(Duration::from_hours(24)), media: None };
    let purged = world.service.purge(&admin(&world), ages).await.unwrap();
    assert_eq!(purged, Purged { jobs: 2, outputs: 1, media: 0, is_more: false });
    // Ids of the same moment are in no order.
    let left: BTreeSet<_> = world.all_jobs().await.into_iter().map(|job| job.id).collect();
    assert_eq!(left, BTreeSet::from([young.id, waits.id]));
    world.nothing_is_left_over().await;
    // The originals have an age of their own.
    assert!(world.catalog.media(old.media_id.unwrap()).await.unwrap().is_some());

    let ages = Ages { jobs: None, media: Some(Duration::from_hours(24)) };
    let purged = world.service.purge(&admin(&world), ages).await.unwrap();
    assert_eq!(purged, Purged { media: 2, ..Purged::default() });
    assert!(world.catalog.media(young.media_id.unwrap()).await.unwrap().is_some());
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn what_people_still_watch_or_ask_for_is_never_purged() {
    let world = World::new().await;
    let running = world.start().await;
    let song = world
        .service
        .start_song(&world.alice, "song tone", JobWish::plain("dca", Door::Music))
        .await
        .unwrap();
    let details = VideoDetails { title: "A mill".into(), ..VideoDetails::default() };
    let watched = world.upload("tone").await.unwrap().media;
    world.service.publish(&world.alice, watched.id, details).await.unwrap();
    let unused = world.upload("tone").await.unwrap().media;
    sleep(Duration::from_hours(48)).await;
    running.drain().await;
    let before = world.all_jobs().await;
    assert_eq!(before.len(), 1, "{song:?}");

    let all = Some(Duration::ZERO);
    let purged = world.service.purge(&admin(&world), Ages { jobs: all, media: all }).await.unwrap();
    assert_eq!(purged, Purged { media: 1, ..Purged::default() });
    assert_eq!(world.all_jobs().await, before);
    assert!(world.catalog.media(before[0].media_id.unwrap()).await.unwrap().is_some());
    assert!(world.catalog.media(watched.id).await.unwrap().is_some());
    assert!(world.catalog.media(unused.id).await.unwrap().is_none());
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_retention_purges_by_itself() {
    let world = World::new().await;
    let kept = Duration::from_hours(24);
    let options = Options { retention_jobs: Some(kept), retention_media: Some(kept * 2), ..options() };
    let running = world.process(options).start(WORKER).await.unwrap();
    let job = world.convert("tone").await;
    world.ended(&job).await;
    sleep(Duration::from_mins(24 * 60 - 5)).await;
    assert_eq!(world.all_jobs().await.len(), 1);
    sleep(Duration::from_mins(10)).await;
    assert_eq!(world.all_jobs().await, []);
    assert!(world.catalog.media(job.media_id.unwrap()).await.unwrap().is_some());
    sleep(kept).await;
    assert!(world.catalog.media(job.media_id.unwrap()).await.unwrap().is_none());
    sleep(Duration::from_hours(2)).await;
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_that_a_clock_put_off_does_not_wait_for_that_moment() {
    let world = World::new().await;
    let mut running = world.start().await;
    for (ahead_s, is_restarted) in [(10, false), (0, false), (10, true)] {
        world.service.pause(&admin(&world)).await.unwrap();
        world.clock.jump_ms(3_600_000);
        sleep(Duration::from_secs(ahead_s)).await;
        let job = world.convert("tone").await;
        world.clock.jump_ms(-3_600_000);
        if is_restarted {
            running.drain().await;
            running = world.start().await;
        }
        world.service.resume(&admin(&world)).await.unwrap();
        let began = Instant::now();
        assert_eq!(world.ended(&job).await.job.state.name(), StateName::Done);
        assert!(began.elapsed() < Duration::from_mins(1), "took {:?}", began.elapsed());
    }
    running.drain().await;
}
