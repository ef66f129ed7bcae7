//! Writing: fresh keys, patched heads, all at once or nothing.

use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{FutureExt, StreamExt};
use reelmill_core::ports::{HEAD_LIMIT_BYTES, Objects, ObjectsError, Stored};

use super::sample::{bytes, key, not_found, put, read, whole, writer};
use crate::Place;

type Setup = Place<dyn Objects>;

const HEAD: usize = HEAD_LIMIT_BYTES as usize;

pub(super) async fn what_was_written_is_read(place: Setup) {
    let objects = place.open().await;
    let content = bytes(700_001);
    put(&*objects, "media/1", &content).await;
    assert_eq!(objects.size(&key("media/1")).await.unwrap(), 700_001);
    assert!(whole(&*objects, "media/1").await == content);
}

pub(super) async fn an_empty_object_is_an_object(place: Setup) {
    let objects = place.open().await;
    let stored = objects.create(&key("empty")).await.unwrap().finish().await.unwrap();
    assert_eq!(stored.size_bytes, 0);
    assert_eq!(objects.size(&key("empty")).await.unwrap(), 0);
    assert!(read(&*objects, "empty", 0..0).await.unwrap().is_empty());
    let again = write_anew(&*objects, "empty").await;
    assert!(matches!(again, Err(ObjectsError::Conflict(_))), "{again:?}");
}

pub(super) async fn pieces_of_every_size_are_put_together(place: Setup) {
    let objects = place.open().await;
    let content = bytes(3_000_000);
    let mut writer = objects.create(&key("a")).await.unwrap();
    let (mut at, mut length) = (0, 0);
    while at < content.len() {
        let end = content.len().min(at + length);
        writer.write(Bytes::copy_from_slice(&content[at..end])).await.unwrap();
        (at, length) = (end, length * 2 % 600_011 + 1);
    }
    assert_eq!(writer.finish().await.unwrap().size_bytes, 3_000_000);
    assert!(whole(&*objects, "a").await == content);
}

pub(super) async fn nothing_is_visible_before_finish(place: Setup) {
    let objects = place.open().await;
    let writer = writer(&*objects, "a/b", &bytes(1_000_000)).await;
    not_found(&*objects, "a/b").await;
    writer.finish().await.unwrap();
    assert_eq!(objects.size(&key("a/b")).await.unwrap(), 1_000_000);
}

pub(super) async fn a_dropped_writer_leaves_nothing(place: Setup) {
    let objects = place.open().await;
    drop(writer(&*objects, "a", &bytes(1_000_000)).await);
    not_found(&*objects, "a").await;
    put(&*objects, "a", b"new").await;
    assert_eq!(whole(&*objects, "a").await, b"new");
}

pub(super) async fn a_writer_dropped_in_the_middle_of_a_write_leaves_nothing(place: Setup) {
    let objects = place.open().await;
    let mut writer = writer(&*objects, "a", &bytes(300_000)).await;
    // Polled once at most: where the store has work to do, it is left in the middle of it.
    let _ = writer.write(Bytes::from(bytes(4_000_000))).now_or_never();
    drop(writer);
    not_found(&*objects, "a").await;
    put(&*objects, "a", b"new").await;
    assert_eq!(whole(&*objects, "a").await, b"new");
}

pub(super) async fn finish_tells_the_size(place: Setup) {
    let objects = place.open().await;
    assert_eq!(put(&*objects, "a", &bytes(12_345)).await.size_bytes, 12_345);
}

async fn write_anew(objects: &dyn Objects, name: &str) -> Result<Stored, ObjectsError> {
    let mut writer = objects.create(&key(name)).await?;
    writer.write(Bytes::from_static(b"another")).await?;
    writer.finish().await
}

pub(super) async fn a_key_is_never_written_twice(place: Setup) {
    let objects = place.open().await;
    put(&*objects, "a", b"first").await;
    let refused = write_anew(&*objects, "a").await;
    assert!(matches!(refused, Err(ObjectsError::Conflict(_))), "{refused:?}");
    assert_eq!(whole(&*objects, "a").await, b"first");
}

pub(super) async fn of_two_writers_of_one_key_the_first_to_finish_wins(place: Setup) {
    let objects = place.open().await;
    let slow = writer(&*objects, "a", b"slow").await;
    put(&*objects, "a", b"fast").await;
    let refused = slow.finish().await;
    assert!(matches!(&refused, Err(ObjectsError::Conflict(of)) if *of == key("a")), "{refused:?}");
    assert_eq!(whole(&*objects, "a").await, b"fast");
}

pub(super) async fn of_many_writers_of_one_key_one_wins(place: Setup) {
    let objects = place.open().await;
    let tries = (0..8_u8).map(|n| {
        let objects = Arc::clone(&objects);
        tokio::spawn(async move {
            let content = vec![n; 100_000];
            match objects.create(&key("x/y")).await {
                Ok(mut writer) => {
                    writer.write(content.into()).await.unwrap();
                    writer.finish().await.map(|_| n)
                }
                Err(error) => Err(error),
            }
        })
    });
    let verdicts: Vec<_> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
    let winners: Vec<u8> = verdicts.iter().filter_map(|verdict| verdict.as_ref().ok()).copied().collect();
    assert_eq!(winners.len(), 1, "{verdicts:?}");
    let lost = verdicts.iter().filter(|verdict| matches!(verdict, Err(ObjectsError::Conflict(_)))).count();
    assert_eq!(lost, 7, "{verdicts:?}");
    assert!(whole(&*objects, "x/y").await == vec![winners[0]; 100_000]);
}

pub(super) async fn a_patch_changes_the_head(place: Setup) {
    let objects = place.open().await;
    let mut content = bytes(2_000_000);
    let mut writer = writer(&*objects, "a", &content).await;
    for (at, patch) in [(0, &b"RIFF"[..]), (4, b"size"), (1_999_990, b"near the e")] {
        writer.patch(at as u64, Bytes::copy_from_slice(patch)).await.unwrap();
        content[at..at + patch.len()].copy_from_slice(patch);
    }
    writer.finish().await.unwrap();
    assert!(whole(&*objects, "a").await == content);
}

pub(super) async fn a_patch_of_bytes_just_written_is_seen(place: Setup) {
    let objects = place.open().await;
    let mut writer = writer(&*objects, "a", b"head").await;
    writer.patch(1, Bytes::from_static(b"EA")).await.unwrap();
    writer.write(Bytes::from_static(b" tail")).await.unwrap();
    writer.patch(0, Bytes::from_static(b"h")).await.unwrap();
    writer.patch(4, Bytes::from_static(b"-")).await.unwrap();
    writer.finish().await.unwrap();
    assert_eq!(whole(&*objects, "a").await, b"hEAd-tail");
}

pub(super) async fn a_patch_may_reach_the_end_of_the_head(place: Setup) {
    let objects = place.open().await;
    let mut content = bytes(HEAD + 300_000);
    let mut writer = writer(&*objects, "a", &content).await;
    writer.patch(HEAD_LIMIT_BYTES - 4, Bytes::from_static(b"last")).await.unwrap();
    writer.patch(HEAD_LIMIT_BYTES, Bytes::new()).await.unwrap();
    writer.finish().await.unwrap();
    content[HEAD - 4..HEAD].copy_from_slice(b"last");
    assert!(whole(&*objects, "a").await == content);
}

async fn refused_patch(
    writer: &mut dyn reelmill_core::ports::ObjectWriter,
    offset: u64,
    patch: &'static [u8],
) {
    let refused = writer.patch(offset, Bytes::from_static(patch)).await;
    assert!(matches!(refused, Err(ObjectsError::OutOfRange)), "{refused:?}");
}

pub(super) async fn a_patch_beyond_the_head_is_refused(place: Setup) {
    let objects = place.open().await;
    let content = bytes(HEAD + 300_000);
    let mut writer = writer(&*objects, "a", &content).await;
    refused_patch(&mut *writer, HEAD_LIMIT_BYTES - 3, b"last").await;
    refused_patch(&mut *writer, HEAD_LIMIT_BYTES, b"x").await;
    refused_patch(&mut *writer, u64::MAX, b"x").await;
    // The object is none the worse for it.
    writer.finish().await.unwrap();
    assert!(whole(&*objects, "a").await == content);
}

pub(super) async fn a_patch_beyond_what_was_written_is_refused(place: Setup) {
    let objects = place.open().await;
    let mut writer = writer(&*objects, "a", b"four").await;
    refused_patch(&mut *writer, 1, b"four").await;
    refused_patch(&mut *writer, 4, b"x").await;
    refused_patch(&mut *writer, 1_000, b"x").await;
    writer.finish().await.unwrap();
    assert_eq!(whole(&*objects, "a").await, b"four");
}

pub(super) async fn a_patch_does_not_move_the_end(place: Setup) {
    let objects = place.open().await;
    let mut writer = writer(&*objects, "a", &b"-".repeat(400_000)).await;
    writer.patch(0, Bytes::from_static(b"ab")).await.unwrap();
    writer.write(Bytes::from_static(b"end")).await.unwrap();
    assert_eq!(writer.finish().await.unwrap().size_bytes, 400_003);
    assert_eq!(read(&*objects, "a", 0..3).await.unwrap(), b"ab-");
    assert_eq!(read(&*objects, "a", 399_999..400_003).await.unwrap(), b"-end");
}

pub(super) async fn many_objects_are_written_at_once(place: Setup) {
    let objects = place.open().await;
    let tries = (0..24_usize).map(|n| {
        let objects = Arc::clone(&objects);
        tokio::spawn(async move {
            let mut writer = objects.create(&key(&format!("n/{n}/o"))).await.unwrap();
            for _ in 0..10 {
                writer.write(Bytes::from(vec![n as u8; 10_000 + n])).await.unwrap();
            }
            writer.finish().await.unwrap();
        })
    });
    for done in join_all(tries).await {
        done.unwrap();
    }
    for n in 0..24_usize {
        assert!(whole(&*objects, &format!("n/{n}/o")).await == vec![n as u8; 10 * (10_000 + n)]);
    }
}

pub(super) async fn a_large_object_is_streamed_in_small_pieces(place: Setup) {
    const PIECE: usize = 64 * 1024;
    const PIECES: u64 = 1600;
    let objects = place.open().await;
    let mut writer = objects.create(&key("large")).await.unwrap();
    let mut piece = bytes(PIECE);
    for n in 0..PIECES {
        piece[..8].copy_from_slice(&n.to_be_bytes());
        writer.write(Bytes::copy_from_slice(&piece)).await.unwrap();
    }
    let size_bytes = PIECES * PIECE as u64;
    assert_eq!(writer.finish().await.unwrap().size_bytes, size_bytes);

    let mut stream = objects.read(&key("large"), 0..size_bytes).await.unwrap();
    let (mut at, mut largest) = (0_u64, 0);
    while let Some(read) = stream.next().await.transpose().unwrap() {
        largest = largest.max(read.len());
        for byte in read {
            let (n, within) = (at / PIECE as u64, (at % PIECE as u64) as usize);
            let expected = if within < 8 { n.to_be_bytes()[within] } else { piece[within] };
            assert!(byte == expected, "at {at}");
            at += 1;
        }
    }
    assert_eq!(at, size_bytes);
    assert!(largest <= 4 * 1024 * 1024, "a piece of {largest} bytes");
}

/// Around the lengths at which stores begin another part.
pub(super) async fn a_large_object_is_whole_whatever_its_length(place: Setup) {
    const MIB: usize = 1024 * 1024;
    let objects = place.open().await;
    for (n, length) in [5, 10, 13, 15, 21].into_iter().flat_map(|mib| [mib * MIB, mib * MIB + 1]).enumerate()
    {
        let (name, mut content) = (format!("large/{n}"), bytes(length));
        let mut writer = objects.create(&key(&name)).await.unwrap();
        for piece in content.chunks(700_001) {
            writer.write(Bytes::copy_from_slice(piece)).await.unwrap();
        }
        writer.patch(HEAD_LIMIT_BYTES - 4, Bytes::from_static(b"last")).await.unwrap();
        content[HEAD - 4..HEAD].copy_from_slice(b"last");
        assert_eq!(writer.finish().await.unwrap().size_bytes, length as u64);
        assert!(whole(&*objects, &name).await == content, "{length}");
        objects.delete(&key(&name)).await.unwrap();
    }
}

pub(super) async fn a_large_object_is_never_written_over(place: Setup) {
    let objects = place.open().await;
    let late = writer(&*objects, "a", &bytes(30_000_000)).await;
    put(&*objects, "a", b"first").await;
    let refused = late.finish().await;
    assert!(matches!(refused, Err(ObjectsError::Conflict(_))), "{refused:?}");
    assert_eq!(whole(&*objects, "a").await, b"first");
}

pub(super) async fn a_large_object_dropped_halfway_leaves_its_key_free(place: Setup) {
    let objects = place.open().await;
    drop(writer(&*objects, "a", &bytes(30_000_000)).await);
    not_found(&*objects, "a").await;
    objects.delete(&key("a")).await.unwrap();
    put(&*objects, "a", b"new").await;
    assert_eq!(whole(&*objects, "a").await, b"new");
}
