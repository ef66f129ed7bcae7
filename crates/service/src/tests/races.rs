//! What happens between two steps of another.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reelmill_core::ports::PageQuery;
use reelmill_core::{Kind, StateName};
use tokio::time::{Duration, Instant, sleep};

use super::weather::Stormy;
use super::world::{World, wish};
use crate::collect::Collector;
use crate::{Error, Upload};

async fn world() -> (Arc<Stormy>, World) {
    let stormy = Arc::new(Stormy::default());
    (stormy.clone(), World::over(stormy).await)
}

#[tokio::test(start_paused = true)]
async fn a_result_that_becomes_visible_under_the_collectors_eyes_is_spared() {
    let (stormy, world) = world().await;
    let running = world.start().await;
    let job = world.convert("slow:3000").await;
    world.until_running(&job).await;
    // The collector has read the intent; the job ends before it reads the job.
    stormy.next_look_waits_ms.store(5_000, Ordering::Relaxed);
    Collector::default().look(&world.service).await.unwrap();
    assert_eq!(world.ended(&job).await.job.state.name(), StateName::Done);
    world.settle().await;
    assert_eq!(world.shelf.keys().len(), 2);
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_client_who_leaves_at_the_last_commit_leaves_a_whole_media() {
    let (stormy, world) = world().await;
    let late = stream::once(async {
        sleep(Duration::from_secs(1)).await;
        Ok::<_, Error>(Bytes::from("tone"))
    });
    let file = Upload { name: "a".into(), declared_bytes: None, bytes: late.boxed() };
    {
        let ingest = world.service.ingest(&world.alice, file, None);
        tokio::pin!(ingest);
        tokio::select! {
            _ = &mut ingest => panic!("ended by itself"),
            () = sleep(Duration::from_millis(500)) => {}
        }
        stormy.next_answer_takes_ms.store(5_000, Ordering::Relaxed);
        tokio::select! {
            _ = &mut ingest => panic!("ended by itself"),
            () = sleep(Duration::from_secs(2)) => {}
        }
    }
    sleep(Duration::from_secs(10)).await;
    let all = world.service.media_list(&world.alice, PageQuery { limit: 10, after: None }).await.unwrap();
    assert_eq!(all.items.len(), 1);
    assert_eq!(world.shelf.keys(), [all.items[0].key.to_string()]);
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_job_is_not_made_for_a_media_that_is_deleted_at_the_same_moment() {
    let (stormy, world) = world().await;
    let media = world.upload("tone").await.unwrap().media;
    stormy.next_commit_waits_ms.store(2_000, Ordering::Relaxed);
    let (submitted, deleted) =
        tokio::join!(world.service.submit(&world.alice, media.id, wish("mp3")), async {
            sleep(Duration::from_secs(1)).await;
            world.service.delete_media(&world.alice, media.id).await
        });
    deleted.unwrap();
    assert_eq!(submitted.unwrap_err().kind, Kind::NotFound);
    assert_eq!(world.all_jobs().await, []);
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_being_written_when_the_drain_begins_is_not_left_behind() {
    let (stormy, world) = world().await;
    let job = world.convert("slow:600000").await;
    stormy.next_commit_waits_ms.store(2_000, Ordering::Relaxed);
    let running = world.start().await;
    sleep(Duration::from_secs(1)).await;
    let began = Instant::now();
    running.drain().await;
    // The process may end now: what was not over yet would be left behind.
    assert!(began.elapsed() >= Duration::from_secs(1), "the drain did not wait for the claim");
    let job = world.catalog.job(job.id).await.unwrap().unwrap();
    assert_eq!((job.state.name(), job.attempt), (StateName::Queued, 0));
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_worker_whose_heartbeats_are_lost_stops_before_its_lease_has_passed() {
    let (stormy, world) = world().await;
    let running = world.start().await;
    let job = world.convert("slow:600000").await;
    stormy.beats_are_lost.store(true, Ordering::Relaxed);
    world.until_running(&job).await;
    sleep(Duration::from_millis(12_500)).await;
    assert_eq!(world.engine.running.load(Ordering::Relaxed), 0);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn what_a_removed_account_had_is_collected_once_the_store_is_back() {
    let (_, world) = world().await;
    world.upload("tone").await.unwrap();
    world.shelf.fault.begin(1, 1);
    // The objects cannot be deleted now; what is left is on record and collected later.
    world.service.remove_account("alice@example.com").await.unwrap();
    world.shelf.fault.end();
    let running = world.start().await;
    sleep(Duration::from_hours(2)).await;
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
    let again = world.service.remove_account("alice@example.com").await.unwrap_err();
    assert_eq!(again.detail, "there is no account `alice@example.com`");
    running.drain().await;
}
