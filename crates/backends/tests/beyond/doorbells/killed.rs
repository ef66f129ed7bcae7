//! Brokers that are killed, and come back with what they had or without.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use reelmill_testbed::servers::{PUBSUB, RABBITMQ};
use reelmill_testbed::{Server, Tools};

use super::bells::{amqp, hear, job, name, named, open, ring, ring_until_taken};

/// Does something that takes its time with a server, as a test outside of a runtime would.
async fn with(mut server: Server, deed: fn(&mut Server)) -> Server {
    tokio::task::spawn_blocking(move || {
        deed(&mut server);
        server
    })
    .await
    .unwrap()
}

pub(crate) async fn rabbitmq_that_comes_back_has_every_ring_that_was_taken() {
    let server =
        tokio::task::spawn_blocking(|| RABBITMQ.start(&Tools::from_environment()).unwrap()).await.unwrap();
    let bell = amqp(&server.url(), &name()).await;
    let mut jobs: HashSet<_> = (0..20).map(|_| job()).collect();
    for job in &jobs {
        ring(&*bell, *job).await.unwrap();
    }
    let held = hear(&*bell).await;
    let server = with(server, |server| server.kill().unwrap()).await;
    let begun = Instant::now();
    for _ in 0..100 {
        ring(&*bell, job()).await.unwrap_err();
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    held.settle().await.unwrap_err();
    let server = with(server, |server| server.start_again().unwrap()).await;
    let late = job();
    ring_until_taken(&*bell, late).await;
    jobs.insert(late);
    let mut heard = HashSet::new();
    while heard.len() < jobs.len() {
        let delivery = hear(&*bell).await;
        assert!(heard.insert(named(&*delivery)), "one came twice");
        delivery.settle().await.unwrap();
    }
    assert_eq!(heard, jobs);
    drop(server);
}

pub(crate) async fn rabbitmq_that_comes_back_without_its_queues_gets_them_again() {
    let server =
        tokio::task::spawn_blocking(|| RABBITMQ.start(&Tools::from_environment()).unwrap()).await.unwrap();
    let bell = amqp(&server.url(), &name()).await;
    ring(&*bell, job()).await.unwrap();
    hear(&*bell).await.settle().await.unwrap();
    let waits = tokio::spawn({
        let bell = std::sync::Arc::clone(&bell);
        async move { named(&*hear(&*bell).await) }
    });
    let server = with(server, |server| {
        server.forget().unwrap();
        server.start_again().unwrap();
    })
    .await;
    let job = job();
    ring_until_taken(&*bell, job).await;
    assert_eq!(waits.await.unwrap(), job);
    drop(server);
}

pub(crate) async fn pubsub_that_comes_back_empty_gets_its_topic_again() {
    let server =
        tokio::task::spawn_blocking(|| PUBSUB.start(&Tools::from_environment()).unwrap()).await.unwrap();
    let name = name();
    let bell =
        open(&format!("pubsub://reelmill?topic={name}&subscription={name}&endpoint={}", server.url())).await;
    ring(&*bell, job()).await.unwrap();
    hear(&*bell).await.settle().await.unwrap();
    let waits = tokio::spawn({
        let bell = std::sync::Arc::clone(&bell);
        async move { named(&*hear(&*bell).await) }
    });
    let server = with(server, |server| server.kill().unwrap()).await;
    let begun = Instant::now();
    for _ in 0..100 {
        ring(&*bell, job()).await.unwrap_err();
    }
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    // The emulator keeps nothing.
    let server = with(server, |server| server.start_again().unwrap()).await;
    let job = job();
    ring_until_taken(&*bell, job).await;
    assert_eq!(waits.await.unwrap(), job);
    drop(server);
}
