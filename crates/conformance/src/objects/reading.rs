//! Reading and deleting, and keys of every kind.

use std::collections::HashSet;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::future::join_all;
use futures_util::{StreamExt, TryStreamExt};
use reelmill_core::ports::{Objects, ObjectsError};

use super::sample::{bytes, key, not_found, put, read, whole};
use crate::Place;

type Setup = Place<dyn Objects>;

pub(super) async fn a_range_is_exact_at_its_edges(place: Setup) {
    const SIZE: u64 = 1_200_003;
    let objects = place.open().await;
    let content = bytes(SIZE as usize);
    put(&*objects, "a", &content).await;
    // Around the sizes that stores cut their pieces at.
    let mut edges = vec![0, 1, SIZE - 1, SIZE];
    for cut in [65_536, 262_144, 524_288, 1_048_576] {
        edges.extend([cut - 1, cut, cut + 1]);
    }
    for &start in &edges {
        for &end in edges.iter().filter(|end| **end >= start) {
            let wanted = &content[start as usize..end as usize];
            assert!(read(&*objects, "a", start..end).await.unwrap() == wanted, "{start}..{end}");
        }
    }
}

pub(super) async fn a_range_outside_the_object_is_refused(place: Setup) {
    let objects = place.open().await;
    put(&*objects, "a", b"four").await;
    let (start, end) = (3, 2);
    for range in [0..5, 4..5, 5..5, 0..u64::MAX, u64::MAX - 1..u64::MAX, start..end] {
        let refused = read(&*objects, "a", range.clone()).await;
        assert!(matches!(refused, Err(ObjectsError::OutOfRange)), "{range:?}: {refused:?}");
    }
    assert!(read(&*objects, "a", 4..4).await.unwrap().is_empty());
}

pub(super) async fn an_object_that_is_not_there_is_not_found(place: Setup) {
    let objects = place.open().await;
    put(&*objects, "a/b", b"x").await;
    for name in ["a", "b", "a/b/c", "a/c", "never/made/folder"] {
        not_found(&*objects, name).await;
    }
}

pub(super) async fn one_object_is_read_by_many_at_once(place: Setup) {
    let objects = place.open().await;
    let content = Arc::new(bytes(900_000));
    put(&*objects, "a", &content).await;
    let readers = (0..16_usize).map(|n| {
        let (objects, content) = (Arc::clone(&objects), Arc::clone(&content));
        tokio::spawn(async move {
            let (start, end) = (n * 10_007, 900_000 - n * 5_003);
            read(&*objects, "a", start as u64..end as u64).await.unwrap() == content[start..end]
        })
    });
    for same in join_all(readers).await {
        assert!(same.unwrap());
    }
}

pub(super) async fn a_stream_may_be_dropped_halfway(place: Setup) {
    let objects = place.open().await;
    let content = bytes(3_000_000);
    put(&*objects, "a", &content).await;
    for _ in 0..20 {
        let mut stream = objects.read(&key("a"), 0..3_000_000).await.unwrap();
        assert!(stream.next().await.unwrap().is_ok());
    }
    assert!(whole(&*objects, "a").await == content);
}

pub(super) async fn a_delete_leaves_nothing(place: Setup) {
    let objects = place.open().await;
    put(&*objects, "a/1", b"x").await;
    put(&*objects, "a/2", b"y").await;
    objects.delete(&key("a/1")).await.unwrap();
    not_found(&*objects, "a/1").await;
    assert_eq!(whole(&*objects, "a/2").await, b"y");
}

pub(super) async fn a_delete_of_nothing_is_done(place: Setup) {
    let objects = place.open().await;
    put(&*objects, "a", b"x").await;
    for name in ["b", "a/b", "deep/er/never"] {
        objects.delete(&key(name)).await.unwrap();
    }
    objects.delete(&key("a")).await.unwrap();
    objects.delete(&key("a")).await.unwrap();
}

pub(super) async fn a_deleted_key_may_be_written_anew(place: Setup) {
    let objects = place.open().await;
    put(&*objects, "a", b"old").await;
    objects.delete(&key("a")).await.unwrap();
    put(&*objects, "a", b"new").await;
    assert_eq!(whole(&*objects, "a").await, b"new");
}

pub(super) async fn an_object_deleted_while_it_is_read_is_whole_or_an_error(place: Setup) {
    let objects = place.open().await;
    let content = bytes(5_000_000);
    put(&*objects, "a", &content).await;
    let mut stream = objects.read(&key("a"), 0..5_000_000).await.unwrap();
    let first = stream.next().await.unwrap().unwrap();
    objects.delete(&key("a")).await.unwrap();
    let rest: Result<Vec<Bytes>, ObjectsError> = stream.try_collect().await;
    if let Ok(rest) = rest {
        assert!([first.to_vec(), rest.concat()].concat() == content, "it ended early without a word");
    }
    not_found(&*objects, "a").await;
}

/// Keys that a store may take for one another, or for something else.
const NAMES: &[&str] = &[
    "a",
    "A",
    "a.",
    ".a",
    "a..b",
    "...",
    ".partial/x",
    "%61",
    "a%2Fb",
    "a%",
    "100%25",
    "a b",
    " a",
    "a ",
    "a+b",
    "a+",
    "a~",
    "a:b",
    "CON",
    "nul.txt",
    "a?b=c&d",
    "a#b",
    "*",
    "\"q\"",
    "'",
    "<a>",
    "|",
    "é",
    "e\u{301}",
    "日本語/曲",
    "🎬.mp3",
    "\u{202e}x",
    "-rf",
    "$HOME",
    "`x`",
    "{}",
    "[a]",
    "a=b",
    "@",
    "a,b;c",
];

pub(super) async fn a_uri_names_one_object(place: Setup) {
    let objects = place.open().await;
    let name = "media/01939f00-0000-7000-8000-00000000000a";
    let before = objects.uri(&key(name));
    put(&*objects, name, b"x").await;
    assert_eq!(objects.uri(&key(name)), before, "it moved");
    assert!(before.ends_with("/01939f00-0000-7000-8000-00000000000a"), "{before}");
    let uris: HashSet<_> = NAMES.iter().map(|name| objects.uri(&key(name))).collect();
    assert_eq!(uris.len(), NAMES.len());
    for uri in uris {
        let (scheme, rest) = uri.split_once(':').unwrap();
        assert!(
            !scheme.is_empty()
                && scheme.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit()),
            "{uri}"
        );
        // The tools of these two take a key as it is, and would take an escape for a part of it.
        if ["s3", "gs"].contains(&scheme) {
            assert!(NAMES.iter().any(|name| rest.ends_with(&format!("/{name}"))), "{uri}");
            continue;
        }
        assert!(
            rest.bytes().all(|byte| byte.is_ascii_graphic() && !b"\"<>\\^`{|}?#".contains(&byte)),
            "{uri}"
        );
    }
}

pub(super) async fn keys_of_every_kind_are_told_apart(place: Setup) {
    let objects = place.open().await;
    for name in NAMES {
        put(&*objects, name, name.as_bytes()).await;
    }
    for name in NAMES {
        assert_eq!(whole(&*objects, name).await, name.as_bytes(), "{name}");
    }
    for (n, name) in NAMES.iter().enumerate() {
        objects.delete(&key(name)).await.unwrap();
        not_found(&*objects, name).await;
        if let Some(next) = NAMES.get(n + 1) {
            assert_eq!(whole(&*objects, next).await, next.as_bytes(), "{next}");
        }
    }
}

pub(super) async fn a_key_below_another_is_an_object_of_its_own(place: Setup) {
    let objects = place.open().await;
    let names = ["a", "a/b", "a/b/c"];
    for name in names {
        put(&*objects, name, name.as_bytes()).await;
    }
    for name in names {
        assert_eq!(whole(&*objects, name).await, name.as_bytes());
    }
}

/// Stores over a file system may have a folder of that name by then.
pub(super) async fn a_key_above_another_is_an_object_of_its_own_or_refused(place: Setup) {
    let objects = place.open().await;
    put(&*objects, "x/y/z", b"x/y/z").await;
    for name in ["x/y", "x"] {
        let mut writer = objects.create(&key(name)).await.unwrap();
        writer.write(Bytes::copy_from_slice(name.as_bytes())).await.unwrap();
        match writer.finish().await {
            Ok(_) => assert_eq!(whole(&*objects, name).await, name.as_bytes()),
            // It is not for having been written before.
            Err(ObjectsError::Unavailable(_)) => not_found(&*objects, name).await,
            Err(error) => panic!("{error:?}"),
        }
        assert_eq!(whole(&*objects, "x/y/z").await, b"x/y/z");
    }
}

pub(super) async fn the_longest_key_is_taken(place: Setup) {
    let objects = place.open().await;
    // Segments of 255 bytes, which is what stores over a file system take at the most.
    let segment = |letter: &str| letter.repeat(255 / letter.len());
    let names = [
        format!("{0}/{0}/{0}", segment("x")),
        format!("{0}/{0}/{0}", segment("é")),
        format!("{0}/{0}/{1}y", segment("x"), "x".repeat(254)),
        format!("a/{0}/{0}/{1}", segment("ü"), "ü".repeat(126)),
    ];
    for name in &names {
        put(&*objects, name, name.as_bytes()).await;
    }
    for name in &names {
        assert_eq!(whole(&*objects, name).await, name.as_bytes());
        objects.delete(&key(name)).await.unwrap();
        not_found(&*objects, name).await;
    }
}

pub(super) async fn a_name_longer_than_a_files_is_taken_or_refused(place: Setup) {
    let objects = place.open().await;
    for name in ["x".repeat(768), format!("a/{}/b", "é".repeat(300))] {
        let taken = match objects.create(&key(&name)).await {
            Ok(mut writer) => match writer.write(Bytes::from_static(b"long")).await {
                Ok(()) => writer.finish().await.map(drop),
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        if taken.is_ok() {
            assert_eq!(whole(&*objects, &name).await, b"long");
            objects.delete(&key(&name)).await.unwrap();
        }
        not_found(&*objects, &name).await;
    }
}

pub(super) async fn it_can_be_checked(place: Setup) {
    let objects = place.open().await;
    objects.check().await.unwrap();
    objects.check().await.unwrap();
}
