//! What a doorbell promises: to all who ring and listen, and, in [`queue`], to the other programs on a broker's queue.

pub mod queue;

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt};
use reelmill_core::JobId;
use reelmill_core::ports::{Channel, Delivery, Doorbell, Message, Ring};
use uuid::Uuid;

use crate::Place;
use crate::suite::{Backend, Trials, cases, pair};

type Setup = Place<dyn Doorbell>;

cases! { CASES of dyn Doorbell:
    a_ring_is_heard,
    a_listener_that_waits_is_woken,
    every_ring_is_heard,
    a_ring_is_heard_by_one_listener,
    rings_are_shared_among_listeners,
    dropping_the_wait_loses_no_ring,
    a_settled_ring_does_not_come_again,
    a_ring_that_was_dropped_comes_again_and_says_so,
    a_fresh_ring_is_not_called_redelivered,
    a_job_may_ring_again_after_it_was_settled,
    a_job_may_ring_while_an_earlier_ring_is_in_hand,
    more_rings_than_anybody_hears_are_taken,
    it_can_be_checked,
}

cases! { DURABLE_CASES of dyn Doorbell:
    a_ring_outlives_who_rang,
    a_ring_is_heard_by_another_process,
    a_ring_in_a_dead_hand_comes_again,
    rings_are_shared_among_processes,
}

/// The cases of these doorbells.
#[must_use]
pub fn trials(backends: Vec<Backend<dyn Doorbell>>) -> Trials {
    pair("doorbell", CASES, DURABLE_CASES, backends)
}

/// How long a ring that must come may take: what was on its way to somebody who died waits for a deadline, a minute on
/// Pub/Sub. Its emulator sends to streams that were cancelled long before, too, by chance, and a minute later again.
const SOON: Duration = Duration::from_secs(280);
/// How long is waited for a ring that must not come.
const A_WHILE: Duration = Duration::from_millis(300);

fn job() -> JobId {
    JobId(Uuid::new_v4())
}

async fn ring(bell: &dyn Doorbell, job: JobId) {
    bell.ring(Channel::Work, &Ring { job, about: None }).await.unwrap();
}

/// The job that a delivery of our own names.
fn named(delivery: &dyn Delivery) -> JobId {
    let Message::Job(job) = delivery.message() else { panic!("heard {:?}", delivery.message()) };
    *job
}

async fn hear(bell: &dyn Doorbell) -> Box<dyn Delivery> {
    tokio::time::timeout(SOON, bell.listen(Channel::Work)).await.unwrap().unwrap()
}

async fn hears_nothing(bell: &dyn Doorbell) {
    let heard = tokio::time::timeout(A_WHILE, bell.listen(Channel::Work)).await;
    assert!(heard.is_err(), "heard {}", named(&*heard.unwrap().unwrap()));
}

async fn a_ring_is_heard(place: Setup) {
    let bell = place.open().await;
    let job = job();
    ring(&*bell, job).await;
    let delivery = hear(&*bell).await;
    assert_eq!(named(&*delivery), job);
    delivery.settle().await.unwrap();
}

async fn a_listener_that_waits_is_woken(place: Setup) {
    let bell = place.open().await;
    let waits = tokio::spawn({
        let bell = Arc::clone(&bell);
        async move { named(&*hear(&*bell).await) }
    });
    tokio::task::yield_now().await;
    let job = job();
    ring(&*bell, job).await;
    assert_eq!(waits.await.unwrap(), job);
}

async fn every_ring_is_heard(place: Setup) {
    let bell = place.open().await;
    let jobs: HashSet<_> = (0..100).map(|_| job()).collect();
    for job in &jobs {
        ring(&*bell, *job).await;
    }
    let mut heard = HashSet::new();
    while heard.len() < jobs.len() {
        let delivery = hear(&*bell).await;
        heard.insert(named(&*delivery));
        delivery.settle().await.unwrap();
    }
    assert_eq!(heard, jobs);
}

async fn a_ring_is_heard_by_one_listener(place: Setup) {
    let bell = place.open().await;
    ring(&*bell, job()).await;
    let in_hand = hear(&*bell).await;
    hears_nothing(&*bell).await;
    in_hand.settle().await.unwrap();
}

async fn rings_are_shared_among_listeners(place: Setup) {
    let bell = place.open().await;
    let jobs: HashSet<_> = (0..4).map(|_| job()).collect();
    // Each holds what it heard until all have heard something: one listener cannot have them all.
    let together = Arc::new(tokio::sync::Barrier::new(4));
    let listeners: Vec<_> = (0..4)
        .map(|_| {
            let (bell, together) = (Arc::clone(&bell), Arc::clone(&together));
            tokio::spawn(async move {
                let delivery = hear(&*bell).await;
                together.wait().await;
                let job = named(&*delivery);
                delivery.settle().await.unwrap();
                job
            })
        })
        .collect();
    for job in &jobs {
        ring(&*bell, *job).await;
    }
    let mut heard = HashSet::new();
    for listener in listeners {
        heard.insert(listener.await.unwrap());
    }
    assert_eq!(heard, jobs);
}

async fn dropping_the_wait_loses_no_ring(place: Setup) {
    let bell = place.open().await;
    let jobs: HashSet<_> = (0..50).map(|_| job()).collect();
    let mut heard = HashSet::new();
    for job in &jobs {
        // Waits that are given up before, around and after the ring.
        if let Some(delivery) = bell.listen(Channel::Work).now_or_never() {
            let delivery = delivery.unwrap();
            heard.insert(named(&*delivery));
            delivery.settle().await.unwrap();
        }
        let given_up = tokio::time::timeout(Duration::from_micros(20), bell.listen(Channel::Work));
        let ((), delivery) = futures_util::future::join(ring(&*bell, *job), given_up).await;
        if let Ok(delivery) = delivery {
            let delivery = delivery.unwrap();
            heard.insert(named(&*delivery));
            delivery.settle().await.unwrap();
        }
    }
    while heard.len() < jobs.len() {
        let delivery = hear(&*bell).await;
        heard.insert(named(&*delivery));
        delivery.settle().await.unwrap();
    }
    assert_eq!(heard, jobs);
}

async fn a_settled_ring_does_not_come_again(place: Setup) {
    let bell = place.open().await;
    ring(&*bell, job()).await;
    hear(&*bell).await.settle().await.unwrap();
    hears_nothing(&*bell).await;
}

async fn a_ring_that_was_dropped_comes_again_and_says_so(place: Setup) {
    let bell = place.open().await;
    let job = job();
    ring(&*bell, job).await;
    drop(hear(&*bell).await);
    let again = hear(&*bell).await;
    assert_eq!(named(&*again), job);
    assert!(again.is_redelivered());
    again.settle().await.unwrap();
    hears_nothing(&*bell).await;
}

async fn a_fresh_ring_is_not_called_redelivered(place: Setup) {
    let bell = place.open().await;
    ring(&*bell, job()).await;
    let delivery = hear(&*bell).await;
    assert!(!delivery.is_redelivered());
    delivery.settle().await.unwrap();
}

async fn a_job_may_ring_again_after_it_was_settled(place: Setup) {
    let bell = place.open().await;
    let job = job();
    for _ in 0..3 {
        ring(&*bell, job).await;
        let delivery = hear(&*bell).await;
        assert_eq!((named(&*delivery), delivery.is_redelivered()), (job, false));
        delivery.settle().await.unwrap();
    }
}

async fn a_job_may_ring_while_an_earlier_ring_is_in_hand(place: Setup) {
    let bell = place.open().await;
    let job = job();
    ring(&*bell, job).await;
    let in_hand = hear(&*bell).await;
    ring(&*bell, job).await;
    let second = hear(&*bell).await;
    assert_eq!(named(&*second), job);
    in_hand.settle().await.unwrap();
    second.settle().await.unwrap();
    hears_nothing(&*bell).await;
}

async fn more_rings_than_anybody_hears_are_taken(place: Setup) {
    let bell = place.open().await;
    // A broker says of each that it has it; it need not be asked so often.
    let rings = if bell.is_queue() { 1_500 } else { 12_000 };
    futures_util::stream::iter(0..rings).for_each_concurrent(100, |_| ring(&*bell, job())).await;
    // Some may be lost, as any ring may; the bell still works.
    hear(&*bell).await.settle().await.unwrap();
}

async fn it_can_be_checked(place: Setup) {
    place.open().await.check().await.unwrap();
}

async fn a_ring_outlives_who_rang(place: Setup) {
    let job = job();
    let bell = place.open().await;
    ring(&*bell, job).await;
    drop(bell);
    let delivery = hear(&*place.open().await).await;
    assert_eq!((named(&*delivery), delivery.is_redelivered()), (job, false));
    delivery.settle().await.unwrap();
}

async fn a_ring_is_heard_by_another_process(place: Setup) {
    let (one, other) = (place.open().await, place.open().await);
    let waits = tokio::spawn(async move { named(&*hear(&*other).await) });
    tokio::task::yield_now().await;
    let job = job();
    ring(&*one, job).await;
    assert_eq!(waits.await.unwrap(), job);
}

async fn a_ring_in_a_dead_hand_comes_again(place: Setup) {
    let (dies, lives) = (place.open().await, place.open().await);
    let job = job();
    ring(&*dies, job).await;
    let in_hand = hear(&*dies).await;
    hears_nothing(&*lives).await;
    drop((in_hand, dies));
    let again = hear(&*lives).await;
    assert_eq!(named(&*again), job);
    again.settle().await.unwrap();
    hears_nothing(&*lives).await;
}

async fn rings_are_shared_among_processes(place: Setup) {
    let (busy, idle) = (place.open().await, place.open().await);
    let jobs: HashSet<_> = (0..2).map(|_| job()).collect();
    let waits = tokio::spawn({
        let busy = Arc::clone(&busy);
        async move { hear(&*busy).await }
    });
    for job in &jobs {
        ring(&*busy, *job).await;
    }
    // What a process has in hand keeps nothing else from the others.
    let in_hand = waits.await.unwrap();
    let other = hear(&*idle).await;
    assert_eq!(HashSet::from([named(&*in_hand), named(&*other)]), jobs);
    in_hand.settle().await.unwrap();
    other.settle().await.unwrap();
}
