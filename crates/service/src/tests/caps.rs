//! The cap: no account has more jobs running at once than its operator allows.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;

use reelmill_core::ports::Channel;
use reelmill_core::{Job, Priority, StateName};
use tokio::time::{Duration, Instant, sleep};

use super::broker::{Broker, Line};
use super::world::{WORKER, World, account, options};
use crate::{Caller, Options};

fn capped(slots: usize, account_slots: usize) -> Options {
    Options { slots, account_slots: NonZeroUsize::new(account_slots), ..options() }
}

async fn wished_often(world: &World, caller: &Caller, times: usize, text: &str) {
    for number in 0..times {
        world.wished(caller, Priority::Normal, &format!("{text} {number}")).await;
    }
}

async fn in_state(world: &World, state: StateName) -> Vec<Job> {
    let jobs = world.all_jobs().await.into_iter();
    jobs.filter(|job| job.state.name() == state).collect()
}

/// The most jobs that run at once until all are done.
async fn most_at_once(world: &World) -> usize {
    let all = world.all_jobs().await.len();
    let mut most = 0;
    while in_state(world, StateName::Done).await.len() < all {
        most = most.max(in_state(world, StateName::Running).await.len());
        sleep(Duration::from_millis(10)).await;
    }
    most
}

#[tokio::test(start_paused = true)]
async fn an_account_has_no_more_jobs_running_than_its_cap_and_the_next_begins_as_one_ends() {
    let world = World::new().await;
    wished_often(&world, &world.alice, 20, "slow:500").await;
    let begun = Instant::now();
    let running = world.process(capped(4, 2)).start(WORKER).await.unwrap();
    assert_eq!(most_at_once(&world).await, 2);
    // Ten rounds of half a second, and no wait for the clock between them.
    assert!(begun.elapsed() < Duration::from_millis(6500), "{:?}", begun.elapsed());
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn without_a_cap_an_account_that_nobody_waits_beside_has_every_slot() {
    let world = World::new().await;
    wished_often(&world, &world.alice, 20, "slow:500").await;
    let options = Options { slots: 4, ..options() };
    let running = world.process(options).start(WORKER).await.unwrap();
    assert_eq!(most_at_once(&world).await, 4);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_cap_leaves_free_is_anothers_however_much_less_urgent() {
    let world = World::new().await;
    for number in 0..20 {
        world.wished(&world.alice, Priority::Interactive, &format!("slow:600000 {number}")).await;
    }
    let bobs = world.wished(&world.bob, Priority::Bulk, "slow:600000").await;
    let running = world.process(capped(3, 1)).start(WORKER).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let begun = in_state(&world, StateName::Running).await;
    assert_eq!(begun.len(), 2, "one of each account");
    assert!(begun.iter().any(|job| job.id == bobs.id));
    running.give_back().await;
}

#[tokio::test(start_paused = true)]
async fn accounts_at_their_cap_hide_nobody_however_many_they_are() {
    let world = World::new().await;
    for number in 0..20 {
        let caller = account(&world.service, &format!("{number}@example.com")).await;
        wished_often(&world, &caller, 3, "slow:600000").await;
    }
    let first = world.process(capped(20, 1)).start(WORKER).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let begun = in_state(&world, StateName::Running).await;
    let accounts: BTreeSet<_> = begun.iter().map(|job| job.account).collect();
    assert_eq!((begun.len(), accounts.len()), (20, 20));

    // Whoever is last in the ring of a process that has served nobody.
    let late = account(&world.service, "late@example.com").await;
    let job = world.wished(&late, Priority::Normal, "tone").await;
    let second = world.process(capped(1, 1)).start(WORKER).await.unwrap();
    sleep(Duration::from_secs(3)).await;
    let seen = world.catalog.job(job.id).await.unwrap().unwrap();
    assert_eq!(seen.state.name(), StateName::Done);
    second.give_back().await;
    first.give_back().await;
}

#[tokio::test(start_paused = true)]
async fn a_cap_counts_what_runs_in_other_processes() {
    let world = World::new().await;
    wished_often(&world, &world.alice, 12, "slow:2000").await;
    let first = world.process(capped(2, 2)).start(WORKER).await.unwrap();
    sleep(Duration::from_millis(100)).await;
    let second = world.process(capped(2, 2)).start(WORKER).await.unwrap();
    // Both may see the same room in the same moment.
    let most = most_at_once(&world).await;
    assert!((2..=3).contains(&most), "{most}");
    first.drain().await;
    second.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_broker_that_brings_jobs_of_an_account_at_its_cap_brings_the_others_too() {
    let broker = Arc::<Broker>::default();
    let line = Arc::new(Line(Arc::clone(&broker)));
    let world = World::ringing(line.clone()).await;
    wished_often(&world, &world.alice, 20, "slow:2000").await;
    let bobs = world.wished(&world.bob, Priority::Normal, "slow:2000").await;
    let running = world.process_with(capped(3, 1), line).start(WORKER).await.unwrap();
    sleep(Duration::from_secs(1)).await;
    let begun = in_state(&world, StateName::Running).await;
    assert_eq!(begun.len(), 2, "one of each account");
    assert!(begun.iter().any(|job| job.id == bobs.id));
    assert_eq!(most_at_once(&world).await, 2);
    world.settle().await;
    assert_eq!(broker.depth(Channel::Work), 0);
    running.drain().await;
}
