//! What an object store promises that outlives a process, and that several may share.

use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::{Objects, ObjectsError};

use super::sample::{bytes, key, not_found, put, whole, writer};
use crate::Place;

type Setup = Place<dyn Objects>;

pub(super) async fn a_reopened_store_holds_what_was_finished_and_nothing_else(place: Setup) {
    let objects = place.open().await;
    let content = bytes(500_000);
    put(&*objects, "done", &content).await;
    let unfinished = writer(&*objects, "half", &content).await;
    drop((unfinished, objects));
    let objects = place.open().await;
    assert!(whole(&*objects, "done").await == content);
    not_found(&*objects, "half").await;
}

pub(super) async fn opening_a_store_leaves_the_writers_of_another_alone(place: Setup) {
    let objects = place.open().await;
    let content = bytes(1_000_000);
    let writer = writer(&*objects, "a", &content).await;
    let others = [place.open().await, place.open().await];
    writer.finish().await.unwrap();
    for other in others {
        assert!(whole(&*other, "a").await == content);
    }
}

pub(super) async fn a_key_is_written_once_among_all_who_share_a_store(place: Setup) {
    let stores = [place.open().await, place.open().await, place.open().await];
    let tries = (0..9_usize).map(|n| {
        let objects = Arc::clone(&stores[n % 3]);
        tokio::spawn(async move {
            let mut writer = objects.create(&key("a/b")).await?;
            writer.write(vec![n as u8; 50_000].into()).await?;
            writer.finish().await.map(|_| n as u8)
        })
    });
    let verdicts: Vec<Result<u8, ObjectsError>> =
        join_all(tries).await.into_iter().map(Result::unwrap).collect();
    let winners: Vec<_> = verdicts.iter().filter_map(|verdict| verdict.as_ref().ok()).collect();
    assert_eq!(winners.len(), 1, "{verdicts:?}");
    assert!(whole(&*stores[0], "a/b").await == vec![*winners[0]; 50_000]);
}
