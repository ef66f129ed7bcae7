//! Moves of objects: whole, proved, begun again where they were cut, beside a server that goes on.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{FutureExt, TryStreamExt, stream};
use reelmill_backends::objects::MemoryObjects;
use reelmill_core::ports::{ByteStream, Handout, ObjectWriter, Objects, ObjectsError, Stored};
use reelmill_core::{Key, Media, MediaId, Write};
use tokio::time::{Duration, timeout};

use super::world::{Fault, World, upload};
use crate::{MoveStep, Moved, Moving, VideoDetails};

/// A destination that falls silent after so many writes, fails now and then, and keeps other bytes than it is given where told.
#[derive(Default)]
struct Shore {
    inner: Arc<MemoryObjects>,
    /// How many writes are left until it falls silent; none where negative.
    writes_left: Arc<AtomicI64>,
    fault: Fault,
    is_spoiling: bool,
}

struct ShoreWriter {
    inner: Box<dyn ObjectWriter>,
    writes_left: Arc<AtomicI64>,
    is_spoiling: bool,
}

impl Shore {
    fn over(inner: &Arc<MemoryObjects>, writes: i64) -> Arc<Self> {
        Arc::new(Self { inner: Arc::clone(inner), writes_left: Arc::new(writes.into()), ..Self::default() })
    }

    fn weather(&self) -> Result<(), ObjectsError> {
        if self.fault.strikes() { Err(ObjectsError::Unavailable("struck".into())) } else { Ok(()) }
    }
}

#[async_trait]
impl Objects for Shore {
    async fn create(&self, key: &Key) -> Result<Box<dyn ObjectWriter>, ObjectsError> {
        self.weather()?;
        let inner = self.inner.create(key).await?;
        let writes_left = Arc::clone(&self.writes_left);
        Ok(Box::new(ShoreWriter { inner, writes_left, is_spoiling: self.is_spoiling }))
    }

    async fn size(&self, key: &Key) -> Result<u64, ObjectsError> {
        self.weather()?;
        self.inner.size(key).await
    }

    async fn read(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, ObjectsError> {
        self.weather()?;
        self.inner.read(key, range).await
    }

    async fn presign(&self, key: &Key, handout: &Handout<'_>) -> Result<Option<String>, ObjectsError> {
        self.inner.presign(key, handout).await
    }

    fn uri(&self, key: &Key) -> String {
        self.inner.uri(key)
    }

    async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        self.weather()?;
        self.inner.delete(key).await
    }

    async fn check(&self) -> Result<(), ObjectsError> {
        self.inner.check().await
    }
}

#[async_trait]
impl ObjectWriter for ShoreWriter {
    async fn write(&mut self, bytes: Bytes) -> Result<(), ObjectsError> {
        if self.writes_left.fetch_sub(1, Ordering::Relaxed) == 0 {
            std::future::pending::<()>().await;
        }
        let bytes = if self.is_spoiling { vec![0; bytes.len()].into() } else { bytes };
        self.inner.write(bytes).await
    }

    async fn patch(&mut self, offset: u64, bytes: Bytes) -> Result<(), ObjectsError> {
        self.inner.patch(offset, bytes).await
    }

    async fn finish(self: Box<Self>) -> Result<Stored, ObjectsError> {
        self.inner.finish().await
    }
}

/// A world with some media, results of them, and a published video with its picture: six objects.
async fn inhabited() -> World {
    let world = World::new().await;
    let running = world.start().await;
    for text in ["tone 1", "tone 2"] {
        world.ended(&world.convert(text).await).await;
    }
    let video = world.service.upload_video(&world.alice, upload("tone 3")).await.unwrap().id;
    let details = VideoDetails { title: "A mill".into(), extension: "png".into(), ..VideoDetails::default() };
    let name = world.service.publish(&world.alice, video, details).await.unwrap().thumbnail.unwrap().name();
    let picture = stream::iter([Ok(Bytes::from_static(b"picture"))]);
    world.service.add_picture(&world.alice, &name, picture).await.unwrap();
    running.drain().await;
    assert_eq!(world.shelf.keys().len(), 6, "{:?}", world.shelf.keys());
    world
}

fn moving(world: &World, to: Arc<dyn Objects>) -> Moving {
    Moving { catalog: Arc::clone(&world.catalog), from: world.shelf.clone(), to, at_once: 3 }
}

async fn whole(objects: &dyn Objects, key: &str) -> Vec<u8> {
    let key = key.parse().unwrap();
    let size_bytes = objects.size(&key).await.unwrap();
    let pieces: Vec<Bytes> = objects.read(&key, 0..size_bytes).await.unwrap().try_collect().await.unwrap();
    pieces.concat()
}

/// One more media, made like another.
async fn add(world: &World, like: &Media, text: &str) {
    let id = MediaId(uuid::Uuid::new_v4());
    let key: Key = format!("media/{id}").parse().unwrap();
    let mut writer = world.shelf.create(&key).await.unwrap();
    writer.write(Bytes::from(text.to_owned())).await.unwrap();
    writer.finish().await.unwrap();
    let blake3 = blake3::hash(text.as_bytes()).to_hex().to_string();
    let media = Media { id, key, blake3, size_bytes: text.len() as u64, ..like.clone() };
    world.catalog.commit(vec![Write::AddMedia(media)]).await.unwrap();
}

async fn all_is_there(world: &World, to: &dyn Objects) {
    for key in world.shelf.keys() {
        assert_eq!(whole(to, &key).await, whole(&*world.shelf, &key).await, "{key}");
    }
}

#[tokio::test(start_paused = true)]
async fn all_that_the_catalog_names_is_moved_and_stays_where_it_was() {
    let world = inhabited().await;
    let to = Arc::new(MemoryObjects::default());
    let moved = moving(&world, to.clone()).run(|_| ()).await.unwrap();
    let mut bytes = 0;
    for key in world.shelf.keys() {
        bytes += whole(&*world.shelf, &key).await.len() as u64;
    }
    let expected = Moved { copied: 6, copied_bytes: bytes, passes: 2, ..Moved::default() };
    assert_eq!(moved, expected);
    all_is_there(&world, &*to).await;
    let again = moving(&world, to.clone()).run(|_| ()).await.unwrap();
    assert_eq!(again, Moved { found: 6, passes: 2, ..Moved::default() });
}

#[tokio::test(start_paused = true)]
async fn a_move_that_was_killed_at_any_write_goes_on_where_it_was() {
    let world = inhabited().await;
    for writes in 0..6 {
        let to = Arc::new(MemoryObjects::default());
        let cut = moving(&world, Shore::over(&to, writes));
        assert!(timeout(Duration::from_mins(5), cut.run(|_| ())).await.is_err(), "it ended at {writes}");
        let moved = moving(&world, to.clone()).run(|_| ()).await.unwrap();
        assert_eq!((moved.copied + moved.found, moved.failed), (6, 0), "{moved:?}");
        assert!(moved.found >= u64::try_from(writes).unwrap().saturating_sub(2), "{moved:?}");
        all_is_there(&world, &*to).await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_comes_meanwhile_is_moved_as_well() {
    let world = inhabited().await;
    let like = world.upload("tone, too").await.unwrap().media;
    let to = Arc::new(MemoryObjects::default());
    let moved = moving(&world, to.clone())
        .run(|step| {
            let n = world.shelf.keys().len();
            if step == MoveStep::Object && n < 9 {
                // Memory makes nobody wait.
                let added = add(&world, &like, &format!("come {n}")).now_or_never();
                added.expect("memory is fast");
            }
        })
        .await
        .unwrap();
    assert_eq!((moved.copied, moved.failed), (9, 0), "{moved:?}");
    assert!(moved.passes >= 2);
    all_is_there(&world, &*to).await;
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_meanwhile_is_not_left_at_the_destination() {
    let world = inhabited().await;
    let media = world.upload("tone and gone").await.unwrap().media;
    let to = Arc::new(MemoryObjects::default());
    let key = &media.key;
    let moved = moving(&world, to.clone())
        .run(|_| {
            if to.size(key).now_or_never().unwrap().is_ok() {
                // It is there once; the second time it is not in the catalog any more.
                let _ = world.catalog.commit(vec![Write::DropMedia(media.id)]).now_or_never().unwrap();
            }
        })
        .await
        .unwrap();
    assert_eq!((moved.copied, moved.taken_back, moved.failed), (7, 1, 0), "{moved:?}");
    assert!(matches!(to.size(key).await, Err(ObjectsError::NotFound(_))));
    assert!(world.shelf.size(key).await.is_ok(), "the source is only read");
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_from_store_and_catalog_is_no_failure_and_what_is_gone_from_the_store_alone_is_one() {
    let world = inhabited().await;
    let (lost, dropped) =
        (world.upload("tone a").await.unwrap().media, world.upload("tone b").await.unwrap().media);
    world.shelf.delete(&lost.key).await.unwrap();
    world.shelf.delete(&dropped.key).await.unwrap();
    let to = Arc::new(MemoryObjects::default());
    let moved = moving(&world, to)
        .run(|step| {
            if step == MoveStep::Object {
                let _ = world.catalog.commit(vec![Write::DropMedia(dropped.id)]).now_or_never().unwrap();
            }
        })
        .await
        .unwrap();
    // Which of the two is looked at first is not promised.
    assert_eq!(moved.copied, 6, "{moved:?}");
    assert!(moved.failures.contains(&(lost.key, "the source has no such object".to_owned())), "{moved:?}");
}

#[tokio::test(start_paused = true)]
async fn damage_on_either_side_is_told_and_nothing_is_written_over() {
    let world = inhabited().await;
    let to = Arc::new(MemoryObjects::default());
    // Three objects whose bytes are not right: at the source, at the destination, and of another length there.
    let keys: Vec<Key> = world.shelf.keys().iter().map(|key| key.parse().unwrap()).collect();
    let media: Vec<_> = keys.iter().filter(|key| key.as_str().starts_with("media/")).collect();
    world.shelf.delete(media[0]).await.unwrap();
    for (store, key, bytes) in [
        (&*world.shelf as &dyn Objects, media[0], &b"other "[..]),
        (&*to, media[1], b"othe r"),
        (&*to, keys.iter().find(|key| key.as_str().starts_with("outputs/")).unwrap(), b"short"),
    ] {
        let mut writer = store.create(key).await.unwrap();
        writer.write(Bytes::from_static(bytes)).await.unwrap();
        writer.finish().await.unwrap();
    }
    let moved = moving(&world, to.clone()).run(|_| ()).await.unwrap();
    assert_eq!((moved.copied, moved.failed), (3, 3), "{moved:?}");
    let said: Vec<_> = moved.failures.iter().map(|(_, said)| said.as_str()).collect();
    for words in [
        "the source's bytes are damaged",
        "has other bytes under this key",
        "has 5 bytes under this key instead",
    ] {
        assert!(said.iter().any(|said| said.contains(words)), "{words}: {said:?}");
    }
    assert!(matches!(to.size(media[0]).await, Err(ObjectsError::NotFound(_))));
    assert_eq!(whole(&*to, media[1].as_str()).await, b"othe r");
}

#[tokio::test(start_paused = true)]
async fn a_destination_that_keeps_other_bytes_is_found_out() {
    let world = inhabited().await;
    let to = Arc::new(MemoryObjects::default());
    let spoiling = Shore {
        is_spoiling: true,
        inner: to.clone(),
        writes_left: Arc::new((-1).into()),
        ..Shore::default()
    };
    let moved = moving(&world, Arc::new(spoiling)).run(|_| ()).await.unwrap();
    assert_eq!((moved.copied, moved.failed), (0, 6), "{moved:?}");
    for key in world.shelf.keys() {
        assert!(matches!(to.size(&key.parse().unwrap()).await, Err(ObjectsError::NotFound(_))));
    }
}

#[tokio::test(start_paused = true)]
async fn stores_that_fail_now_and_then_are_asked_again() {
    let world = inhabited().await;
    for seed in 0..20 {
        let to = Arc::new(MemoryObjects::default());
        let shore = Shore::over(&to, -1);
        shore.fault.begin(8, seed);
        let mut runs = 0;
        // Four tries an object: who is struck at all of them is told, and moved by the next run.
        while moving(&world, shore.clone()).run(|_| ()).await.unwrap().failed > 0 {
            runs += 1;
            assert!(runs < 10, "seed {seed}");
        }
        all_is_there(&world, &*to).await;
    }
}
