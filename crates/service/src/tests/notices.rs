//! Who is told of what, and a notifier that is down.

use std::sync::atomic::Ordering;

use reelmill_core::{Door, Job};
use tokio::time::{Duration, sleep};

use super::world::{World, options, upload, wish};
use crate::{JobWish, Roles};

async fn converted(world: &World, door: Door, text: &str) -> Job {
    let wish = JobWish { door, ..wish("mp3") };
    let job = world.service.ingest(&world.alice, upload(text), Some(wish)).await.unwrap().job.unwrap();
    world.ended(&job).await;
    world.settle().await;
    job
}

fn heard(world: &World) -> Vec<String> {
    world.ears.heard.lock().unwrap().iter().map(|notification| notification.subject.clone()).collect()
}

#[tokio::test(start_paused = true)]
async fn who_did_not_ask_is_written_to_only_where_a_contract_promises_it() {
    let world = World::new().await;
    world.ears.needs_consent.store(true, Ordering::Relaxed);
    let running = world.start().await;
    converted(&world, Door::V1, "tone one").await;
    assert_eq!(heard(&world), Vec::<String>::new());
    converted(&world, Door::Converter, "tone two").await;
    assert_eq!(heard(&world), ["MP3 Download"]);
    let alice = world.service.set_email_notifications(&world.alice, true).await.unwrap();
    assert!(alice.email_notifications);
    converted(&world, Door::V1, "tone three").await;
    assert_eq!(heard(&world), ["MP3 Download", "song.mp3 is ready"]);
    world.service.set_email_notifications(&world.alice, false).await.unwrap();
    converted(&world, Door::V1, "tone four").await;
    assert_eq!(heard(&world).len(), 2);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_notifier_that_is_down_is_asked_for_a_few_and_told_all_later() {
    let world = World::new().await;
    let worker = world.service.start(Roles { converter: true, notification: false }).await.unwrap();
    for number in 0..30 {
        converted(&world, Door::V1, &format!("tone {number}")).await;
    }
    world.ears.fault.begin(1, 1);
    let teller = world.process(options());
    let teller = teller.start(Roles { converter: false, notification: true }).await.unwrap();
    world.settle().await;
    assert_eq!(world.ears.asked.load(Ordering::Relaxed), 8);
    world.ears.fault.end();
    sleep(Duration::from_mins(1)).await;
    assert_eq!(heard(&world).len(), 30);
    teller.drain().await;
    worker.drain().await;
}
