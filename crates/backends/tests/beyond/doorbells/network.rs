//! A network between us and RabbitMQ that breaks, stalls and crawls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use lapin::options::QueueDeleteOptions;
use lapin::{Connection, ConnectionProperties};
use reelmill_core::ports::{Channel, Doorbell, Ring};
use reelmill_testbed::{Proxy, servers};

use super::bells::{amqp, hear, job, name, named, ring, ring_until_taken, until, variable};

/// A doorbell whose connections go by a proxy, and one on the same queues whose connections do not.
async fn by_proxy() -> (Proxy, Arc<dyn Doorbell>, Arc<dyn Doorbell>) {
    let (server, name) = (variable(servers::RABBITMQ.variable), name());
    let port = server.rsplit(':').next().unwrap().trim_end_matches('/');
    let proxy = Proxy::start(format!("127.0.0.1:{port}").parse().unwrap()).unwrap();
    let far = amqp(&server.replace(port, &proxy.port().to_string()), &name).await;
    let near = amqp(&server, &name).await;
    near.check().await.unwrap();
    (proxy, far, near)
}

pub(crate) async fn a_ring_without_a_broker_fails_at_once_and_the_next_with_one_does_not() {
    let (proxy, far, near) = by_proxy().await;
    proxy.refuse();
    let begun = Instant::now();
    for _ in 0..200 {
        ring(&*far, job()).await.unwrap_err();
    }
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    proxy.clean().unwrap();
    let job = job();
    ring_until_taken(&*far, job).await;
    assert_eq!(named(&*hear(&*near).await), job);
}

pub(crate) async fn a_ring_goes_by_a_new_connection_where_the_old_one_was_cut() {
    let (proxy, far, near) = by_proxy().await;
    for end in [Proxy::cut, Proxy::reset] {
        far.check().await.unwrap();
        end(&proxy);
        until("both ends see it", || proxy.open_connections() == 0).await;
        let job = job();
        ring_until_taken(&*far, job).await;
        let heard = hear(&*near).await;
        assert_eq!(named(&*heard), job);
        heard.settle().await.unwrap();
    }
}

pub(crate) async fn a_ring_into_silence_is_not_said_to_be_done() {
    let (proxy, far, near) = by_proxy().await;
    far.check().await.unwrap();
    proxy.stall();
    let begun = Instant::now();
    ring(&*far, job()).await.unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    let next = Instant::now();
    ring(&*far, job()).await.unwrap_err();
    assert!(next.elapsed() < Duration::from_secs(2), "{:?}", next.elapsed());
    proxy.clean().unwrap();
    let job = job();
    ring_until_taken(&*far, job).await;
    // What was sent into the silence may have arrived after all.
    while named(&*hear(&*near).await) != job {}
}

pub(crate) async fn a_listener_outlives_its_connection() {
    let (proxy, far, near) = by_proxy().await;
    for end in [Proxy::cut, Proxy::reset] {
        let before = proxy.connections();
        let waits = tokio::spawn({
            let far = Arc::clone(&far);
            async move {
                let heard = hear(&*far).await;
                let job = named(&*heard);
                heard.settle().await.unwrap();
                job
            }
        });
        until("it connects", || proxy.open_connections() > 0).await;
        end(&proxy);
        until("it connects again", || proxy.connections() > before + 1 || proxy.open_connections() > 0).await;
        let job = job();
        ring(&*near, job).await.unwrap();
        assert_eq!(waits.await.unwrap(), job);
    }
}

pub(crate) async fn a_connection_that_falls_silent_is_noticed() {
    let (proxy, far, near) = by_proxy().await;
    let waits = tokio::spawn({
        let far = Arc::clone(&far);
        async move { named(&*hear(&*far).await) }
    });
    until("it connects", || proxy.bytes_down() > 500).await;
    let connections = proxy.connections();
    proxy.stall();
    // A new connection is what shows that the silence of the old one was noticed; it hears nothing, either.
    until("the silence is noticed", || proxy.connections() > connections).await;
    proxy.clean().unwrap();
    let job = job();
    ring(&*near, job).await.unwrap();
    assert_eq!(waits.await.unwrap(), job);
}

pub(crate) async fn what_was_held_on_a_dead_connection_comes_again() {
    let (proxy, far, near) = by_proxy().await;
    let job = job();
    ring(&*near, job).await.unwrap();
    let held = hear(&*far).await;
    assert!(!held.is_redelivered());
    proxy.cut();
    let again = hear(&*near).await;
    assert_eq!((named(&*again), again.is_redelivered()), (job, true));
    held.settle().await.unwrap_err();
    again.settle().await.unwrap();
    let nothing = tokio::time::timeout(Duration::from_millis(300), near.listen(Channel::Work)).await;
    assert!(nothing.is_err(), "it came a third time");
}

pub(crate) async fn a_queue_that_is_deleted_is_made_again_and_costs_nothing_else() {
    let (server, name) = (variable(servers::RABBITMQ.variable), name());
    let bell = amqp(&server, &name).await;
    ring(&*bell, job()).await.unwrap();
    let held = hear(&*bell).await;
    let waits = tokio::spawn({
        let bell = Arc::clone(&bell);
        async move { bell.listen(Channel::Results).await.unwrap().settle().await }
    });
    let connection =
        Connection::connect(&format!("{server}%2f"), ConnectionProperties::default()).await.unwrap();
    let channel = connection.create_channel().await.unwrap();
    for _ in 0..2 {
        // Deleted while somebody listens, and once more before the ring.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let queue = format!("{name}-mp3");
        channel.queue_delete(queue.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
    }
    bell.ring(Channel::Results, &Ring { job: job(), about: None }).await.unwrap();
    waits.await.unwrap().unwrap();
    held.settle().await.unwrap();
}

pub(crate) async fn a_slow_network_loses_nothing() {
    let (proxy, far, _) = by_proxy().await;
    proxy.delay(Duration::from_millis(50), Duration::from_millis(50));
    proxy.throttle(20_000);
    for _ in 0..5 {
        let job = job();
        ring(&*far, job).await.unwrap();
        let heard = hear(&*far).await;
        assert_eq!((named(&*heard), heard.is_redelivered()), (job, false));
        heard.settle().await.unwrap();
    }
}
