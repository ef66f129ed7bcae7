//! Turns: an account with many jobs does not hold up one with few.

use std::sync::Arc;

use reelmill_core::ports::Channel;
use reelmill_core::{Job, JobId, Priority, StateName};
use tokio::time::{Duration, sleep};

use super::broker::{Broker, Line};
use super::world::{WORKER, World, options};
use crate::{Caller, Options, Service};

/// How many other jobs are begun between this one's coming and its beginning.
async fn begun_before(world: &World, id: JobId) -> usize {
    loop {
        let jobs = world.all_jobs().await;
        let job = jobs.iter().find(|job| job.id == id).unwrap();
        if let Some(begun) = job.started_at {
            let between =
                |other: &&Job| other.started_at.is_some_and(|at| at > job.created_at && at <= begun);
            return jobs.iter().filter(between).filter(|other| other.id != id).count();
        }
        sleep(Duration::from_millis(10)).await;
    }
}

async fn one_waits_for_many(world: &World, service: Service, others: &[Priority]) -> usize {
    for number in 0..200 {
        let priority = others[number % others.len()];
        world.wished(&world.alice, priority, &format!("slow:1000 {number}")).await;
    }
    let running = service.start(WORKER).await.unwrap();
    // Well into it, in the midst of a conversion.
    sleep(Duration::from_millis(5500)).await;
    let job = world.wished(&world.bob, Priority::Normal, "slow:1000").await;
    let before = begun_before(world, job.id).await;
    running.give_back().await;
    before
}

#[tokio::test(start_paused = true)]
async fn one_job_behind_two_hundred_of_anothers_is_among_the_next_two() {
    for slots in [1, 2] {
        let world = World::new().await;
        let service = world.process(Options { slots, ..options() });
        let before = one_waits_for_many(&world, service, &[Priority::Normal]).await;
        assert!(before <= 1, "{before} with {slots} slots");
    }
}

#[tokio::test(start_paused = true)]
async fn jobs_that_nobody_waits_for_hold_nobody_up() {
    let world = World::new().await;
    let service = world.process(options());
    let before = one_waits_for_many(&world, service, &[Priority::Bulk, Priority::Normal]).await;
    assert!(before <= 1, "{before}");
}

#[tokio::test(start_paused = true)]
async fn a_brokers_queue_does_not_hold_up_whoever_came_later() {
    let broker = Arc::<Broker>::default();
    let world = World::ringing(Arc::new(Line(Arc::clone(&broker)))).await;
    let service = world.service.clone();
    let before = one_waits_for_many(&world, service, &[Priority::Normal]).await;
    assert!(before <= 1, "{before}");
    // A message was taken for each job that was begun, whichever it named; what was given back was rung for again.
    let queued = world.all_jobs().await.iter().filter(|job| job.state.name() == StateName::Queued).count();
    assert!(broker.depth(Channel::Work) <= queued + 8, "{} for {queued}", broker.depth(Channel::Work));
}

#[tokio::test(start_paused = true)]
async fn two_accounts_that_wait_share_alike() {
    let world = World::new().await;
    for number in 0..40 {
        world.wished(&world.alice, Priority::Normal, &format!("slow:500 {number}")).await;
    }
    for number in 0..20 {
        world.wished(&world.bob, Priority::Normal, &format!("slow:500 {number}")).await;
    }
    let running = world.start().await;
    sleep(Duration::from_secs(4)).await;
    let jobs = world.all_jobs().await;
    let done = |caller: &Caller| {
        let is_done = |job: &&Job| job.account == caller.id() && job.state.name() == StateName::Done;
        jobs.iter().filter(is_done).count()
    };
    let (alices, bobs) = (done(&world.alice), done(&world.bob));
    assert!(bobs >= 5 && alices.abs_diff(bobs) <= 2, "{alices} and {bobs}");
    running.give_back().await;
}
