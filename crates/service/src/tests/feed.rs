//! Live changes: who hears what, from this process and from others, and what a cursor brings back.

use reelmill_core::{Job, JobId, StateName};
use tokio::time::{Duration, timeout};
use uuid::Uuid;

use super::world::{WORKER, World, options};
use crate::{Change, Cursor, Deaf, JobView, Listener, Options, Roles, Service};

const IDLE: Roles = Roles { converter: false, notification: false };

/// What is heard until a job is over: its versions and states, and how often it moved on.
async fn heard(listener: &mut Listener, job: JobId) -> (Vec<(u64, StateName)>, usize) {
    let (mut versions, mut moves) = (Vec::new(), 0);
    loop {
        let change = timeout(Duration::from_mins(10), listener.next()).await.unwrap().unwrap();
        match &*change {
            Change::Written(view) if view.job.id == job => {
                versions.push((view.job.version, view.job.state.name()));
                if view.job.state.name().is_over() {
                    return (versions, moves);
                }
            }
            Change::Progress { job: further, .. } if *further == job => moves += 1,
            _ => {}
        }
    }
}

async fn missed(service: &Service, world: &World, cursor: Cursor) -> Vec<JobView> {
    let (mut missed, mut all) = (service.missed(&world.alice, cursor), Vec::new());
    loop {
        let part = service.next_missed(&mut missed).await.unwrap();
        if part.is_empty() {
            return all;
        }
        all.extend(part);
    }
}

#[tokio::test(start_paused = true)]
async fn a_listener_hears_each_version_once_and_in_order() {
    let world = World::new().await;
    let running = world.start().await;
    let (mut alice, mut bob) = (world.service.listen(&world.alice), world.service.listen(&world.bob));
    let job = world.convert("slow:2000").await;
    let (versions, moves) = heard(&mut alice, job.id).await;
    let states = [StateName::Queued, StateName::Running, StateName::Done];
    assert_eq!(versions, [1, 2, 3].into_iter().zip(states).collect::<Vec<_>>());
    assert!(moves > 1, "{moves} moves");
    assert!(timeout(Duration::from_mins(1), bob.next()).await.is_err(), "it is none of bob's");
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn an_end_comes_with_what_was_made() {
    let world = World::new().await;
    let running = world.start().await;
    let mut listener = world.service.listen(&world.alice);
    world.convert("tone").await;
    let view = loop {
        if let Change::Written(view) = &*listener.next().await.unwrap()
            && view.job.state.name().is_over()
        {
            break view.clone();
        }
    };
    assert_eq!(view.output.map(|output| output.name).as_deref(), Some("song.mp3"));
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_other_processes_write_is_heard_once() {
    let world = World::new().await;
    let gateway = world.service.start(IDLE).await.unwrap();
    let mut listener = world.service.listen(&world.alice);
    // The listener's process has its first look behind it.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let worker = world.process(options());
    let works = worker.start(WORKER).await.unwrap();
    let job = world.convert("slow:20000").await;
    let (versions, moves) = heard(&mut listener, job.id).await;
    assert_eq!(versions.last(), Some(&(3, StateName::Done)));
    assert!(versions.is_sorted_by(|one, other| one.0 < other.0), "{versions:?}");
    assert!(moves > 0);
    // Looks that go back over it bring it no more.
    assert!(timeout(Duration::from_secs(30), listener.next()).await.is_err());
    works.drain().await;
    gateway.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_another_process_wrote_just_before_the_first_look_is_heard() {
    let world = World::new().await;
    let gateway = world.service.start(IDLE).await.unwrap();
    let works = world.process(options()).start(WORKER).await.unwrap();
    let job = world.convert("slow:20000").await;
    // The gateway knows that it waits; that it runs, nobody has told it when the listener comes.
    while world.catalog.job(job.id).await.unwrap().unwrap().state.name() != StateName::Running {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut listener = world.service.listen(&world.alice);
    let (versions, _) = heard(&mut listener, job.id).await;
    assert_eq!(versions, [(2, StateName::Running), (3, StateName::Done)]);
    works.drain().await;
    gateway.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_listener_that_is_too_slow_is_told_so() {
    let world = World::new().await;
    let mut listener = world.service.listen(&world.alice);
    let job = world.convert("tone").await;
    for n in 0..5000 {
        let other = Job { id: JobId(Uuid::from_u128(n)), ..job.clone() };
        world.service.inner.catalog.feed().tell(other, None);
    }
    assert_eq!(listener.next().await.err(), Some(Deaf::TooSlow));
}

#[tokio::test(start_paused = true)]
async fn a_cursor_brings_back_what_was_missed_in_parts() {
    let world = World::new().await;
    let early = world.convert("tone").await;
    tokio::time::sleep(Duration::from_mins(2)).await;
    let mut jobs = vec![world.convert("tone").await.id];
    let cursor = world.service.cursor().await.unwrap();
    for _ in 0..250 {
        jobs.push(world.convert("tone").await.id);
    }
    let found = missed(&world.service, &world, cursor).await;
    assert!(found.iter().map(|view| view.job.id).eq(jobs), "{} were found", found.len());
    let all = missed(&world.service, &world, Cursor::parse("0").unwrap()).await;
    assert_eq!(all[0].job.id, early.id);
    assert_eq!(all.len(), 252);
    // A job stands where it was written last.
    world.service.cancel(&world.alice, early.id).await.unwrap();
    let found = missed(&world.service, &world, cursor).await;
    assert_eq!(found.last().map(|view| view.job.id), Some(early.id));
    let late = missed(&world.service, &world, Cursor::of(&found[251].job)).await;
    assert_eq!(late.len(), 252, "the overlap is told again");
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_jumps_back_hides_nothing_from_a_cursor() {
    let world = World::new().await;
    world.convert("tone").await;
    let cursor = world.service.cursor().await.unwrap();
    tokio::time::sleep(Duration::from_mins(5)).await;
    world.clock.jump_ms(-3_600_000);
    let job = world.convert("tone").await;
    let found = missed(&world.service, &world, cursor).await;
    assert!(found.iter().any(|view| view.job.id == job.id));
    // Nor does a process that starts after the jump.
    let late = world.process(Options { sole: true, ..options() });
    let running = late.start(IDLE).await.unwrap();
    let cancelled = late.cancel(&world.alice, job.id).await.unwrap();
    assert!(missed(&late, &world, cursor).await.iter().any(|view| view.job.version == cancelled.job.version));
    running.drain().await;
}
