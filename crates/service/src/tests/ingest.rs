//! Taking in, and leaving nothing behind where that fails.

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reelmill_core::{Kind, Role};
use tokio::time::{Duration, sleep};

use super::world::{World, upload};
use crate::{Caller, Error, Upload};

#[tokio::test(start_paused = true)]
async fn an_upload_becomes_media_under_a_name_without_folders() {
    let world = World::new().await;
    let file = Upload { name: "../up/My song.wav".into(), ..upload("tone") };
    let media = world.service.ingest(&world.alice, file, None).await.unwrap().media;
    assert_eq!(
        (media.name.as_str(), media.size_bytes, media.content_type.as_str()),
        ("My song.wav", 4, "audio/wav")
    );
    assert_eq!(media.blake3, blake3::hash(b"tone").to_hex().to_string());
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_refused_upload_leaves_nothing() {
    let world = World::new().await;
    let long = "tone".repeat(300_000);
    for (text, kind) in [("", Kind::Invalid), ("some text", Kind::NotMedia), (long.as_str(), Kind::TooLarge)]
    {
        assert_eq!(world.upload(text).await.unwrap_err().kind, kind);
    }
    let cut = stream::iter([Ok(Bytes::from("tone")), Err(Error::invalid("the upload was cut"))]);
    let cut = Upload { name: "a".into(), declared_bytes: None, bytes: cut };
    assert_eq!(world.service.ingest(&world.alice, cut, None).await.unwrap_err().detail, "the upload was cut");
    world.settle().await;
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn an_announced_size_that_is_too_large_is_refused_before_the_first_byte() {
    let world = World::new().await;
    let bytes = stream::iter([()]).map(|()| -> Result<Bytes, Error> { panic!("a byte was asked for") });
    let file = Upload { name: "a".into(), declared_bytes: Some(10 << 30), bytes };
    assert_eq!(world.service.ingest(&world.alice, file, None).await.unwrap_err().kind, Kind::TooLarge);
}

#[tokio::test(start_paused = true)]
async fn a_sender_who_leaves_leaves_nothing() {
    let world = World::new().await;
    let bytes = stream::iter([Ok(Bytes::from("tone"))]).chain(stream::pending());
    let file = Upload { name: "a".into(), declared_bytes: None, bytes };
    {
        let ingest = world.service.ingest(&world.alice, file, None);
        tokio::pin!(ingest);
        tokio::select! {
            _ = &mut ingest => panic!("ended by itself"),
            () = sleep(Duration::from_secs(2)) => {}
        }
        assert_eq!(world.intents().await.len(), 1);
    }
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_sender_is_sent_away() {
    let world = World::new().await;
    let bytes = stream::iter([Ok(Bytes::from("tone"))]).chain(stream::pending());
    let file = Upload { name: "a".into(), declared_bytes: None, bytes };
    let error = world.service.ingest(&world.alice, file, None).await.unwrap_err();
    assert_eq!((error.kind, error.problem), (Kind::Timeout, "too-slow"));
}

#[tokio::test(start_paused = true)]
async fn a_sender_of_one_byte_now_and_then_is_sent_away() {
    let world = World::new().await;
    let bytes = stream::unfold((), |()| async {
        sleep(Duration::from_secs(10)).await;
        Some((Ok(Bytes::from("x")), ()))
    });
    let file = Upload { name: "a".into(), declared_bytes: None, bytes };
    assert_eq!(world.service.ingest(&world.alice, file, None).await.unwrap_err().kind, Kind::Timeout);
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_guest_takes_nothing_in() {
    let world = World::new().await;
    let mut guest = world.alice.user.clone();
    guest.role = Role::Guest;
    let error = world.service.ingest(&Caller { user: guest }, upload("tone"), None).await.unwrap_err();
    assert_eq!(error.kind, Kind::Forbidden);
}

#[tokio::test(start_paused = true)]
async fn anothers_media_is_not_there() {
    let world = World::new().await;
    let media = world.upload("tone").await.unwrap().media;
    assert_eq!(world.service.media(&world.bob, media.id).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(world.service.delete_media(&world.bob, media.id).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(world.service.media(&world.alice, media.id).await.unwrap(), media);
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_outlives_its_account_is_not_kept() {
    let world = World::new().await;
    let bytes = stream::iter([Ok(Bytes::from("tone"))]).chain(stream::unfold((), |()| async {
        sleep(Duration::from_secs(2)).await;
        None::<(Result<Bytes, Error>, ())>
    }));
    let file = Upload { name: "a".into(), declared_bytes: None, bytes };
    let (ingested, removed) = tokio::join!(
        world.service.ingest(&world.alice, file, None),
        world.service.remove_account("alice@example.com")
    );
    removed.unwrap();
    assert_eq!(ingested.unwrap_err().kind, Kind::Unauthenticated);
    world.settle().await;
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
}
