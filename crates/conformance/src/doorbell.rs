//! What a doorbell promises.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;
use reelmill_core::JobId;
use reelmill_core::ports::{Delivery, Doorbell};
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

/// The cases of these doorbells.
#[must_use]
pub fn trials(backends: Vec<Backend<dyn Doorbell>>) -> Trials {
    pair("doorbell", CASES, &[], backends)
}

/// How long a ring that must come may take.
const SOON: Duration = Duration::from_secs(30);
/// How long is waited for a ring that must not come.
const A_WHILE: Duration = Duration::from_millis(300);

fn job() -> JobId {
    JobId(Uuid::new_v4())
}

async fn hear(bell: &dyn Doorbell) -> Box<dyn Delivery> {
    tokio::time::timeout(SOON, bell.listen()).await.unwrap().unwrap()
}

async fn hears_nothing(bell: &dyn Doorbell) {
    let heard = tokio::time::timeout(A_WHILE, bell.listen()).await;
    assert!(heard.is_err(), "heard {}", heard.unwrap().unwrap().job());
}

async fn a_ring_is_heard(place: Setup) {
    let bell = place.open().await;
    let job = job();
    bell.ring(job).await.unwrap();
    let delivery = hear(&*bell).await;
    assert_eq!(delivery.job(), job);
    delivery.settle().await.unwrap();
}

async fn a_listener_that_waits_is_woken(place: Setup) {
    let bell = place.open().await;
    let waits = tokio::spawn({
        let bell = Arc::clone(&bell);
        async move { hear(&*bell).await.job() }
    });
    tokio::task::yield_now().await;
    let job = job();
    bell.ring(job).await.unwrap();
    assert_eq!(waits.await.unwrap(), job);
}

async fn every_ring_is_heard(place: Setup) {
    let bell = place.open().await;
    let jobs: HashSet<_> = (0..100).map(|_| job()).collect();
    for job in &jobs {
        bell.ring(*job).await.unwrap();
    }
    let mut heard = HashSet::new();
    while heard.len() < jobs.len() {
        let delivery = hear(&*bell).await;
        heard.insert(delivery.job());
        delivery.settle().await.unwrap();
    }
    assert_eq!(heard, jobs);
}

async fn a_ring_is_heard_by_one_listener(place: Setup) {
    let bell = place.open().await;
    bell.ring(job()).await.unwrap();
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
                let job = delivery.job();
                delivery.settle().await.unwrap();
                job
            })
        })
        .collect();
    for job in &jobs {
        bell.ring(*job).await.unwrap();
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
        if let Some(delivery) = bell.listen().now_or_never() {
            let delivery = delivery.unwrap();
            heard.insert(delivery.job());
            delivery.settle().await.unwrap();
        }
        let given_up = tokio::time::timeout(Duration::from_micros(20), bell.listen());
        let (rung, delivery) = futures_util::future::join(bell.ring(*job), given_up).await;
        rung.unwrap();
        if let Ok(delivery) = delivery {
            let delivery = delivery.unwrap();
            heard.insert(delivery.job());
            delivery.settle().await.unwrap();
        }
    }
    while heard.len() < jobs.len() {
        let delivery = hear(&*bell).await;
        heard.insert(delivery.job());
        delivery.settle().await.unwrap();
    }
    assert_eq!(heard, jobs);
}

async fn a_settled_ring_does_not_come_again(place: Setup) {
    let bell = place.open().await;
    bell.ring(job()).await.unwrap();
    hear(&*bell).await.settle().await.unwrap();
    hears_nothing(&*bell).await;
}

async fn a_ring_that_was_dropped_comes_again_and_says_so(place: Setup) {
    let bell = place.open().await;
    let job = job();
    bell.ring(job).await.unwrap();
    drop(hear(&*bell).await);
    let again = hear(&*bell).await;
    assert_eq!(again.job(), job);
    assert!(again.is_redelivered());
    again.settle().await.unwrap();
    hears_nothing(&*bell).await;
}

async fn a_fresh_ring_is_not_called_redelivered(place: Setup) {
    let bell = place.open().await;
    bell.ring(job()).await.unwrap();
    let delivery = hear(&*bell).await;
    assert!(!delivery.is_redelivered());
    delivery.settle().await.unwrap();
}

async fn a_job_may_ring_again_after_it_was_settled(place: Setup) {
    let bell = place.open().await;
    let job = job();
    for _ in 0..3 {
        bell.ring(job).await.unwrap();
        let delivery = hear(&*bell).await;
        assert_eq!((delivery.job(), delivery.is_redelivered()), (job, false));
        delivery.settle().await.unwrap();
    }
}

async fn a_job_may_ring_while_an_earlier_ring_is_in_hand(place: Setup) {
    let bell = place.open().await;
    let job = job();
    bell.ring(job).await.unwrap();
    let in_hand = hear(&*bell).await;
    bell.ring(job).await.unwrap();
    let second = hear(&*bell).await;
    assert_eq!(second.job(), job);
    in_hand.settle().await.unwrap();
    second.settle().await.unwrap();
    hears_nothing(&*bell).await;
}

async fn more_rings_than_anybody_hears_are_taken(place: Setup) {
    let bell = place.open().await;
    for _ in 0..12_000 {
        bell.ring(job()).await.unwrap();
    }
    // Some may be lost, as any ring may; the bell still works.
    hear(&*bell).await.settle().await.unwrap();
}

async fn it_can_be_checked(place: Setup) {
    place.open().await.check().await.unwrap();
}
