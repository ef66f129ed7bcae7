//! What writers leave that were dropped, lost or killed, and that it goes with the key.

use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::join_all;
use reelmill_core::ports::ObjectsError;

use super::place::{Place, content, key};

/// Waits for what a dropped writer does behind the caller's back.
async fn settled(place: &Place, chunks: u64) {
    while place.chunks().await != chunks || place.python("print(claims.count_documents({}))").await != "0" {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

pub(crate) async fn a_writer_that_was_dropped_leaves_no_chunk() {
    let place = Place::new().await;
    let mut writer = place.objects.create(&key("media/a")).await.unwrap();
    writer.write(content(3_000_000).into()).await.unwrap();
    assert!(place.chunks().await > 0, "nothing was streamed");
    drop(writer);
    settled(&place, 0).await;
    // In the middle of a batch as well.
    let mut writer = place.objects.create(&key("media/a")).await.unwrap();
    let _ = writer.write(content(8_000_000).into()).now_or_never();
    drop(writer);
    settled(&place, 0).await;
}

pub(crate) async fn chunks_without_a_file_are_deleted_by_their_key() {
    let place = Place::new().await;
    let mut writer = place.objects.create(&key("media/a")).await.unwrap();
    writer.write(content(2_500_000).into()).await.unwrap();
    // A killed process runs no destructor.
    std::mem::forget(writer);
    place.put("media/b", &content(600_000)).await;
    assert!(place.chunks().await > 3);
    place.objects.delete(&key("media/a")).await.unwrap();
    // A batch that was under way is over by the second look; the record is kept by whoever sends it, were it not.
    tokio::time::sleep(Duration::from_millis(500)).await;
    place.objects.delete(&key("media/a")).await.unwrap();
    assert_eq!(place.chunks().await, 3);
    assert!(place.read("media/b", 0..600_000).await.unwrap() == content(600_000));
}

pub(crate) async fn a_writer_that_died_is_in_nobodys_way() {
    let place = Place::new().await;
    // Killed when it had taken hold of the claim, and not made its file visible.
    let died = "claims.insert_one({'_id': 'media/a', 'writers': [ObjectId()], 'holder': ObjectId()})";
    place.python(died).await;
    place.put("media/a", b"anew").await;
    assert_eq!(place.read("media/a", 0..4).await.unwrap(), b"anew");
    // Killed when its file was visible and its claim not sealed: the file is whole, so it is there.
    place.put("media/b", b"whole").await;
    place.python("claims.update_one({'_id': 'media/b'}, {'$unset': {'sealed': 1}})").await;
    let refused = place.objects.create(&key("media/b")).await.err();
    assert!(matches!(refused, Some(ObjectsError::Conflict(_))), "{refused:?}");
    // Sealed, and the file gone by another program's hand: the key is free once it is deleted.
    place.python("videos.fs.files.delete_many({})").await;
    for name in ["media/a", "media/b"] {
        place.objects.delete(&key(name)).await.unwrap();
        place.put(name, b"again").await;
        assert_eq!(place.read(name, 0..5).await.unwrap(), b"again");
    }
    assert_eq!(place.chunks().await, 2);
}

pub(crate) async fn an_object_deleted_while_it_is_written_does_not_come_back() {
    let place = Place::new().await;
    let mut writer = place.objects.create(&key("media/a")).await.unwrap();
    writer.write(content(1_500_000).into()).await.unwrap();
    place.objects.delete(&key("media/a")).await.unwrap();
    writer.write(content(10).into()).await.unwrap();
    let refused = writer.finish().await;
    assert!(matches!(refused, Err(ObjectsError::Unavailable(_))), "{refused:?}");
    assert!(matches!(place.objects.size(&key("media/a")).await, Err(ObjectsError::NotFound(_))));
    assert_eq!(place.chunks().await, 0);
}

pub(crate) async fn a_writer_that_lost_leaves_no_chunk() {
    let place = Place::new().await;
    let mut slow = place.objects.create(&key("outputs/a")).await.unwrap();
    slow.write(content(1_500_000).into()).await.unwrap();
    place.put("outputs/a", b"first").await;
    assert!(matches!(slow.finish().await, Err(ObjectsError::Conflict(_))));
    assert_eq!(place.chunks().await, 1);
    assert_eq!(place.read("outputs/a", 0..5).await.unwrap(), b"first");
}

pub(crate) async fn what_a_delete_leaves_is_nothing() {
    let place = Place::new().await;
    for name in ["media/a", "outputs/b"] {
        place.put(name, &content(700_000)).await;
        place.objects.delete(&key(name)).await.unwrap();
    }
    place.objects.check().await.unwrap();
    let script = "\
for database in (videos, mp3s):
    for name in database.list_collection_names():
        assert database[name].count_documents({}) == 0, name
print('nothing')
";
    assert_eq!(place.python(script).await, "nothing");
}

pub(crate) async fn of_many_that_finish_at_once_one_wins_and_the_others_leave_nothing() {
    const ROUNDS: u64 = 12;
    let place = Place::new().await;
    for round in 0..ROUNDS {
        let name = format!("media/{round}");
        let mut writers = Vec::new();
        for n in 0..6_u8 {
            let mut writer = place.objects.create(&key(&name)).await.unwrap();
            writer.write(vec![n; 1000].into()).await.unwrap();
            writers.push((n, writer));
        }
        let finishing = writers
            .into_iter()
            .map(|(n, writer)| tokio::spawn(async move { writer.finish().await.map(|_| n) }));
        let verdicts: Vec<_> = join_all(finishing).await.into_iter().map(Result::unwrap).collect();
        let winners: Vec<u8> = verdicts.iter().flatten().copied().collect();
        assert_eq!(winners.len(), 1, "{verdicts:?}");
        let lost =
            verdicts.iter().filter(|verdict| matches!(verdict, Err(ObjectsError::Conflict(_)))).count();
        assert_eq!(lost, 5, "{verdicts:?}");
        assert!(place.read(&name, 0..1000).await.unwrap() == vec![winners[0]; 1000]);
    }
    assert_eq!(place.chunks().await, ROUNDS);
}
