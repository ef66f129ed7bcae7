//! Doorbells on queues of a random name, and what is done with them in most cases.

use std::sync::Arc;
use std::time::{Duration, Instant};

use reelmill_backends::{Deployment, doorbell};
use reelmill_core::JobId;
use reelmill_core::ports::{About, Channel, Delivery, Doorbell, DoorbellError, Message, Ring};
use uuid::Uuid;

/// How long something may take that comes back by itself.
pub(crate) const SOON: Duration = Duration::from_mins(1);

pub(crate) fn variable(name: &str) -> String {
    std::env::var(name).unwrap()
}

/// A name that nobody else has.
pub(crate) fn name() -> String {
    format!("weather-{}", Uuid::new_v4())
}

pub(crate) async fn open(url: &str) -> Arc<dyn Doorbell> {
    doorbell::open(url, &Deployment::within("unused".into())).await.unwrap()
}

/// The doorbell on these queues of a broker whose URL ends with its slash.
pub(crate) async fn amqp(server: &str, name: &str) -> Arc<dyn Doorbell> {
    open(&format!("{server}?video={name}&mp3={name}-mp3&heartbeat=1")).await
}

pub(crate) fn job() -> JobId {
    JobId(Uuid::new_v4())
}

pub(crate) async fn ring(bell: &dyn Doorbell, job: JobId) -> Result<(), DoorbellError> {
    let about = About { username: "ann".into(), media_fid: Some("65f0".into()), ..About::default() };
    bell.ring(Channel::Work, &Ring { job, about: Some(about) }).await
}

/// Rings until it is taken, as whoever repeats rings after an outage does.
pub(crate) async fn ring_until_taken(bell: &dyn Doorbell, job: JobId) {
    let begun = Instant::now();
    while let Err(error) = ring(bell, job).await {
        assert!(begun.elapsed() < SOON, "{error}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Listens until something is heard, as a worker does.
pub(crate) async fn hear(bell: &dyn Doorbell) -> Box<dyn Delivery> {
    let begun = Instant::now();
    loop {
        match tokio::time::timeout(SOON, bell.listen(Channel::Work)).await.unwrap() {
            Ok(delivery) => return delivery,
            Err(error) => assert!(begun.elapsed() < SOON, "{error}"),
        }
    }
}

pub(crate) fn named(delivery: &dyn Delivery) -> JobId {
    let Message::Job(job) = delivery.message() else { panic!("heard {:?}", delivery.message()) };
    *job
}

/// Waits until something is so.
pub(crate) async fn until(what: &str, is_so: impl Fn() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < SOON, "{what} within {SOON:?}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}
