//! Uploads in parts: what is kept of a cut, whose turn it is, and that one becomes one media, once.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::stream::{self, BoxStream};
use futures_util::{StreamExt, TryStreamExt};
use reelmill_core::ports::{Objects as _, PageQuery};
use reelmill_core::{Kind, Media, MediaId, Phase, Role};
use sha2::{Digest as _, Sha256};
use tokio::time::{Duration, sleep};

use super::weather::Stormy;
use super::world::{World, options};
use crate::{Caller, Checksum, Error, NewUpload, Options, Portion, Service, UploadView};

type Pieces = BoxStream<'static, Result<Bytes, Error>>;

fn new(size_bytes: usize) -> NewUpload {
    NewUpload { name: "up/song.wav".into(), size_bytes: size_bytes as u64, metadata: "a YQ==".into() }
}

fn portion(at: u64, bytes: Pieces) -> Portion<Pieces> {
    Portion { offset_bytes: at, declared_bytes: None, checksum: None, bytes }
}

fn whole(text: &str) -> Pieces {
    stream::iter([Ok(Bytes::from(text.to_owned()))]).boxed()
}

fn cut(text: &str) -> Pieces {
    stream::iter([Ok(Bytes::from(text.to_owned())), Err(Error::invalid("cut"))]).boxed()
}

/// A sender that falls silent after that.
fn silent(text: &str) -> Pieces {
    whole(text).chain(stream::pending()).boxed()
}

async fn begun(world: &World, size_bytes: usize) -> MediaId {
    world.service.begin_upload(&world.alice, new(size_bytes)).await.unwrap().id
}

async fn send(world: &World, id: MediaId, at: u64, bytes: Pieces) -> Result<UploadView, Error> {
    world.service.continue_upload(&world.alice, id, portion(at, bytes)).await
}

async fn stands_at(world: &World, id: MediaId) -> u64 {
    world.service.upload_state(&world.alice, id).await.unwrap().offset_bytes
}

async fn content(world: &World, media: &Media) -> String {
    let bytes = world.shelf.read(&media.key, 0..media.size_bytes).await.unwrap();
    let pieces: Vec<Bytes> = bytes.try_collect().await.unwrap();
    String::from_utf8(pieces.concat()).unwrap()
}

async fn media_of(world: &World, view: &UploadView) -> Media {
    assert_eq!((view.media, view.offset_bytes), (Some(view.id), view.size_bytes));
    world.service.media(&world.alice, view.id).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn the_last_bytes_make_a_media_of_all_of_them() {
    let world = World::new().await;
    let id = begun(&world, 14).await;
    assert_eq!(send(&world, id, 0, whole("tone ")).await.unwrap().offset_bytes, 5);
    assert_eq!(send(&world, id, 5, whole("and ")).await.unwrap().offset_bytes, 9);
    let view = send(&world, id, 9, whole("noise")).await.unwrap();
    let media = media_of(&world, &view).await;
    assert_eq!((media.name.as_str(), media.size_bytes), ("song.wav", 14));
    assert_eq!(content(&world, &media).await, "tone and noise");
    assert_eq!(media.blake3, blake3::hash(b"tone and noise").to_hex().to_string());
    world.settle().await;
    world.nothing_is_left_over().await;
    assert_eq!(world.service.upload_state(&world.alice, id).await.unwrap().media, Some(id));
}

#[tokio::test(start_paused = true)]
async fn a_cut_keeps_what_came_to_the_byte() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    let error = send(&world, id, 0, cut("tone 12")).await.unwrap_err();
    assert!(error.detail.contains("offset"), "{error}");
    assert_eq!(stands_at(&world, id).await, 7);
    let view = send(&world, id, 7, whole("345")).await.unwrap();
    assert_eq!(content(&world, &media_of(&world, &view).await).await, "tone 12345");
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_request_that_is_dropped_midway_keeps_what_came() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    {
        let sending = send(&world, id, 0, silent("tone"));
        tokio::pin!(sending);
        tokio::select! {
            _ = &mut sending => panic!("ended by itself"),
            () = sleep(Duration::from_secs(2)) => {}
        }
    }
    // Its sender is gone without a word; who asks has what came kept at once.
    let before = tokio::time::Instant::now();
    assert_eq!(stands_at(&world, id).await, 4);
    assert!(before.elapsed() < Duration::from_secs(1));
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_silent_sender_is_sent_away_and_what_came_is_kept() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    let error = send(&world, id, 0, silent("tone")).await.unwrap_err();
    assert_eq!((error.kind, error.problem), (Kind::Timeout, "too-slow"));
    assert_eq!(stands_at(&world, id).await, 4);
}

#[tokio::test(start_paused = true)]
async fn only_what_belongs_where_the_upload_stands_is_taken() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    send(&world, id, 0, whole("tone")).await.unwrap();
    for at in [0, 3, 5, 10, u64::MAX] {
        let error = send(&world, id, at, whole("x")).await.unwrap_err();
        assert_eq!((error.kind, error.problem), (Kind::Conflict, "wrong-offset"), "{at}");
    }
    let unread = stream::iter([()]).map(|()| -> Result<Bytes, Error> { panic!("a byte was asked for") });
    let large = Portion { declared_bytes: Some(7), ..portion(4, unread.boxed()) };
    let error = world.service.continue_upload(&world.alice, id, large).await.unwrap_err();
    assert_eq!((error.kind, error.problem), (Kind::TooLarge, "too-large"));
    assert_eq!(send(&world, id, 4, whole("1234567")).await.unwrap_err().kind, Kind::TooLarge);
    assert_eq!(stands_at(&world, id).await, 4);
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_checksum_lets_all_in_or_nothing() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    send(&world, id, 0, whole("tone")).await.unwrap();
    let hash = |text: &str| Checksum::of("sha256", Sha256::digest(text).to_vec());
    let checked = |checksum, bytes| Portion { checksum, ..portion(4, bytes) };
    let wrong = checked(hash("123457"), whole("123456"));
    let error = world.service.continue_upload(&world.alice, id, wrong).await.unwrap_err();
    assert_eq!(error.problem, "checksum-mismatch");
    let unproved = checked(hash("123456"), cut("12"));
    world.service.continue_upload(&world.alice, id, unproved).await.unwrap_err();
    assert_eq!(stands_at(&world, id).await, 4);
    let right = checked(hash("123456"), whole("123456"));
    let view = world.service.continue_upload(&world.alice, id, right).await.unwrap();
    assert_eq!(content(&world, &media_of(&world, &view).await).await, "tone123456");
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn however_small_the_portions_are_the_parts_stay_few() {
    let world = World::new().await;
    let id = begun(&world, 300).await;
    send(&world, id, 0, whole("tone")).await.unwrap();
    for at in 4..299 {
        send(&world, id, at, whole("x")).await.unwrap();
    }
    world.settle().await;
    assert_eq!(world.catalog.upload(id).await.unwrap().unwrap().parts.len(), 1);
    assert_eq!(world.shelf.keys().len(), 1);
    let view = send(&world, id, 299, whole("x")).await.unwrap();
    assert_eq!(content(&world, &media_of(&world, &view).await).await, format!("tone{}", "x".repeat(296)));
}

#[tokio::test(start_paused = true)]
async fn large_parts_are_joined_in_their_order() {
    const MEBIBYTE: usize = 1 << 20;
    let world = World::new().await;
    let service = world.process(Options { max_upload_bytes: 1 << 30, ..options() });
    let size = 72 * MEBIBYTE;
    let id = service.begin_upload(&world.alice, new(size)).await.unwrap().id;
    let piece = |n: usize| {
        let mut text = if n == 0 { "tone".to_owned() } else { format!("{n:04}") };
        text.push_str(&".".repeat(MEBIBYTE - 4));
        Bytes::from(text)
    };
    let error = Error::invalid("cut");
    let first = stream::iter((0..66).map(piece).map(Ok)).chain(stream::iter([Err(error)])).boxed();
    service.continue_upload(&world.alice, id, portion(0, first)).await.unwrap_err();
    let at = service.upload_state(&world.alice, id).await.unwrap().offset_bytes;
    assert_eq!(at, 66 << 20);
    let parts = world.catalog.upload(id).await.unwrap().unwrap().parts;
    assert_eq!(parts.iter().map(|part| part.size_bytes >> 20).collect::<Vec<_>>(), [64, 2]);
    let rest = stream::iter((66..72).map(piece).map(Ok)).boxed();
    let view = service.continue_upload(&world.alice, id, portion(at, rest)).await.unwrap();
    let media = media_of(&world, &view).await;
    let mut expected = blake3::Hasher::new();
    for n in 0..72 {
        expected.update(&piece(n));
    }
    assert_eq!(media.blake3, expected.finalize().to_hex().to_string());
    assert_eq!(media.size_bytes, size as u64);
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn anothers_upload_is_not_there() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    let (service, bob) = (&world.service, &world.bob);
    assert_eq!(service.upload_state(bob, id).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(
        service.continue_upload(bob, id, portion(0, whole("x"))).await.unwrap_err().kind,
        Kind::NotFound
    );
    assert_eq!(service.end_upload(bob, id).await.unwrap_err().kind, Kind::NotFound);
    let mut guest = world.alice.user.clone();
    guest.role = Role::Guest;
    assert_eq!(
        service.begin_upload(&Caller { user: guest }, new(1)).await.unwrap_err().kind,
        Kind::Forbidden
    );
    assert_eq!(stands_at(&world, id).await, 0);
}

#[tokio::test(start_paused = true)]
async fn what_is_too_large_empty_or_says_too_much_is_not_begun() {
    let world = World::new().await;
    let begin = async |new| world.service.begin_upload(&world.alice, new).await.unwrap_err();
    assert_eq!(begin(new(1_000_001)).await.kind, Kind::TooLarge);
    assert_eq!(begin(new(0)).await.problem, "empty");
    assert_eq!(begin(NewUpload { metadata: "x".repeat(4097), ..new(9) }).await.kind, Kind::Invalid);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_media_leaves_nothing() {
    let world = World::new().await;
    for text in ["words", "words and words"] {
        let id = begun(&world, text.len()).await;
        let (first, rest) = text.split_at(3);
        send(&world, id, 0, whole(first)).await.unwrap();
        assert_eq!(send(&world, id, 3, whole(rest)).await.unwrap_err().kind, Kind::NotMedia);
        assert_eq!(world.service.upload_state(&world.alice, id).await.unwrap_err().kind, Kind::NotFound);
    }
    world.settle().await;
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_that_is_ended_is_gone_with_its_bytes_and_its_media_stays() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    send(&world, id, 0, whole("tone")).await.unwrap();
    // Ended while bytes come: those are not kept either.
    let (sent, ended) = tokio::join!(send(&world, id, 4, silent("12")), async {
        sleep(Duration::from_secs(1)).await;
        world.service.end_upload(&world.alice, id).await
    });
    ended.unwrap();
    assert_eq!(sent.unwrap_err().problem, "upload-locked");
    world.settle().await;
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;

    let id = begun(&world, 4).await;
    let media = media_of(&world, &send(&world, id, 0, whole("tone")).await.unwrap()).await;
    world.service.end_upload(&world.alice, id).await.unwrap();
    assert_eq!(content(&world, &media).await, "tone");
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn any_process_takes_the_next_part() {
    let world = World::new().await;
    let other = world.process(options());
    let id = begun(&world, 10).await;
    let (sent, at) = tokio::join!(send(&world, id, 0, silent("tone")), async {
        sleep(Duration::from_secs(1)).await;
        // The other process asks the first to let go, by the catalog.
        other.upload_state(&world.alice, id).await.unwrap().offset_bytes
    });
    assert_eq!((sent.unwrap_err().problem, at), ("upload-locked", 4));
    let view = other.continue_upload(&world.alice, id, portion(4, whole("123456"))).await.unwrap();
    assert_eq!(content(&world, &media_of(&world, &view).await).await, "tone123456");
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_dead_holder_is_followed_after_a_lease_and_no_sooner() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    send(&world, id, 0, whole("tone")).await.unwrap();
    // What a process leaves that dies with bytes in its hands: an intent that nobody beats.
    let upload = world.catalog.upload(id).await.unwrap().unwrap();
    let held = reelmill_core::Resumable { newest_object: 7, version: upload.version + 1, ..upload };
    let intent = reelmill_core::Intent {
        key: held.key(7).unwrap(),
        holder: reelmill_core::Holder::Upload,
        beats: 3,
        created_at: world.clock_now(),
    };
    let writes = vec![reelmill_core::Write::ReplaceUpload(held), reelmill_core::Write::AddIntent(intent)];
    world.catalog.commit(writes).await.unwrap();
    let before = tokio::time::Instant::now();
    let view = send(&world, id, 4, whole("123456")).await.unwrap();
    let waited = before.elapsed();
    assert!((options().lease..options().lease * 2).contains(&waited), "{waited:?}");
    assert_eq!(content(&world, &media_of(&world, &view).await).await, "tone123456");
}

#[tokio::test(start_paused = true)]
async fn a_holder_that_lives_and_does_not_let_go_keeps_the_upload() {
    let world = World::new().await;
    let other = world.process(options());
    let id = begun(&world, 10).await;
    let arriving = {
        let upload = world.catalog.upload(id).await.unwrap().unwrap();
        let held = reelmill_core::Resumable { newest_object: 1, version: 2, ..upload };
        let key = held.key(1).unwrap();
        crate::ingest::Arriving::begin_with(
            &world.service,
            key,
            vec![reelmill_core::Write::ReplaceUpload(held)],
        )
        .await
        .unwrap()
    };
    let error = other.continue_upload(&world.alice, id, portion(0, whole("x"))).await.unwrap_err();
    assert_eq!((error.kind, error.problem), (Kind::Busy, "upload-locked"));
    assert!(world.catalog.upload(id).await.unwrap().unwrap().is_wanted);
    drop(arriving);
    assert_eq!(send(&world, id, 0, whole("tone 56789")).await.unwrap().media, Some(id));
}

#[tokio::test(start_paused = true)]
async fn many_who_send_the_same_make_one_media() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    let all = (0..6).map(|_| send(&world, id, 0, whole("tone123456")));
    let done = futures_util::future::join_all(all).await;
    assert!(done.iter().any(Result::is_ok), "{done:?}");
    for refused in done.iter().filter_map(|sent| sent.as_ref().err()) {
        assert!(["wrong-offset", "upload-locked"].contains(&refused.problem), "{refused:?}");
    }
    let view = world.service.upload_state(&world.alice, id).await.unwrap();
    assert_eq!(content(&world, &media_of(&world, &view).await).await, "tone123456");
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn an_upload_whose_maker_died_before_the_media_becomes_one_when_asked_for() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    send(&world, id, 0, whole("tone")).await.unwrap();
    // As a process leaves it that died when all bytes were here.
    let upload = world.catalog.upload(id).await.unwrap().unwrap();
    let rest = reelmill_core::UploadPart { object: 9, size_bytes: 6, blake3: None, fid: None };
    let key = upload.key(9).unwrap();
    let mut writer = world.shelf.create(&key).await.unwrap();
    writer.write(Bytes::from("123456")).await.unwrap();
    writer.finish().await.unwrap();
    let mut whole_now = reelmill_core::Resumable { newest_object: 9, version: upload.version + 1, ..upload };
    whole_now.parts[0].blake3 = None;
    whole_now.parts.push(rest);
    world.catalog.commit(vec![reelmill_core::Write::ReplaceUpload(whole_now)]).await.unwrap();

    let (one, other) = tokio::join!(
        world.service.upload_state(&world.alice, id),
        send(&world, id, 10, stream::empty().boxed())
    );
    assert_eq!(one.unwrap().media, Some(id));
    let media = media_of(&world, &other.unwrap()).await;
    assert_eq!(content(&world, &media).await, "tone123456");
    world.settle().await;
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn what_nothing_comes_for_expires_and_bytes_put_that_off() {
    let world = World::new().await;
    let running = world.start().await;
    let id = begun(&world, 10).await;
    sleep(Duration::from_hours(20)).await;
    send(&world, id, 0, whole("tone")).await.unwrap();
    sleep(Duration::from_hours(23)).await;
    assert_eq!(stands_at(&world, id).await, 4);
    world.clock.jump_ms(61 * 60 * 1000);
    let error = world.service.upload_state(&world.alice, id).await.unwrap_err();
    assert_eq!((error.kind, error.problem), (Kind::NotFound, "upload-expired"));
    assert_eq!(send(&world, id, 4, whole("x")).await.unwrap_err().problem, "upload-expired");
    let done = begun(&world, 4).await;
    send(&world, done, 0, whole("tone")).await.unwrap();
    sleep(Duration::from_hours(26)).await;
    let left = world.catalog.uploads(PageQuery { limit: 10, after: None }).await.unwrap();
    assert_eq!(left.items, []);
    assert!(world.service.media(&world.alice, done).await.is_ok());
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_process_that_owns_all_goes_on_at_once_where_the_last_one_died() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    send(&world, id, 0, whole("tone")).await.unwrap();
    let sending = tokio::spawn({
        let (service, alice) = (world.service.clone(), world.alice.clone());
        async move { service.continue_upload(&alice, id, portion(4, silent("123"))).await }
    });
    sleep(Duration::from_secs(1)).await;
    // Nothing of the first process does anything from here on, as its record is not its own any more.
    let next: Service = world.process(Options { sole: true, ..options() });
    next.collect_all().await.unwrap();
    let before = tokio::time::Instant::now();
    assert_eq!(next.upload_state(&world.alice, id).await.unwrap().offset_bytes, 4);
    assert!(before.elapsed() < Duration::from_secs(1));
    sending.abort();
}

#[tokio::test(start_paused = true)]
async fn an_account_that_is_removed_gets_no_media_any_more() {
    let world = World::new().await;
    let id = begun(&world, 10).await;
    send(&world, id, 0, whole("tone")).await.unwrap();
    world.service.remove_account("alice@example.com").await.unwrap();
    assert_eq!(send(&world, id, 4, whole("123456")).await.unwrap_err().kind, Kind::Unauthenticated);
    world.settle().await;
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
}

/// A sender who goes on until all is there, whatever happens, as clients do.
async fn persist(service: &Service, alice: &Caller, id: MediaId, text: &str, seed: u64) -> bool {
    for attempt in 0..200_u64 {
        sleep(Duration::from_millis(500)).await;
        let view = match service.upload_state(alice, id).await {
            Ok(view) if view.media.is_some() => return true,
            Ok(view) => view,
            Err(error) if error.problem == "upload-expired" => return false,
            Err(_) => continue,
        };
        let at = usize::try_from(view.offset_bytes).unwrap();
        let length = usize::try_from((seed + attempt) * 7 % 40).unwrap() + 1;
        let end = text.len().min(at + length);
        let bytes = if attempt % 3 == 0 { cut(&text[at..end]) } else { whole(&text[at..end]) };
        let _ = service.continue_upload(alice, id, portion(view.offset_bytes, bytes)).await;
    }
    false
}

#[tokio::test(start_paused = true)]
async fn in_any_storm_the_bytes_are_the_same_and_nothing_is_left_over() {
    for seed in 1..=8 {
        let stormy = Arc::new(Stormy::default());
        let world = World::over(stormy.clone()).await;
        let second = world.process(options());
        let running = world.start().await;
        let text = format!("tone {}", (0..60).map(|n| format!("{n:03}")).collect::<Vec<_>>().concat());
        let id = begun(&world, text.len()).await;
        stormy.begin(15, seed);
        world.shelf.fault.begin(25, seed ^ 0xff);
        let is_there = tokio::join!(
            persist(&world.service, &world.alice, id, &text, seed),
            persist(&second, &world.alice, id, &text, seed + 3)
        );
        stormy.end();
        world.shelf.fault.end();
        assert_eq!(is_there, (true, true), "seed {seed}");
        let media = world.service.media(&world.alice, id).await.unwrap();
        assert_eq!(content(&world, &media).await, text, "seed {seed}");
        assert_eq!(media.blake3, blake3::hash(text.as_bytes()).to_hex().to_string());
        // Long enough for the collector to let go of what it condemned.
        sleep(Duration::from_hours(3)).await;
        let upload = world.catalog.upload(id).await.unwrap().unwrap();
        assert_eq!((upload.phase, upload.parts.len()), (Phase::Done, 0), "seed {seed}");
        world.nothing_is_left_over().await;
        running.drain().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_part_whose_answer_was_lost_is_named_or_gone_and_never_half() {
    let stormy = Arc::new(Stormy::default());
    let world = World::over(stormy.clone()).await;
    let id = begun(&world, 10).await;
    stormy.next_answer_takes_ms.store(20_000, Ordering::Relaxed);
    // A request that was given up while its commit is under way.
    let gone = tokio::time::timeout(Duration::from_secs(1), send(&world, id, 0, whole("tone"))).await;
    assert!(gone.is_err());
    sleep(Duration::from_mins(1)).await;
    let at = stands_at(&world, id).await;
    let view = send(&world, id, at, whole(&"tone123456"[usize::try_from(at).unwrap()..])).await.unwrap();
    assert_eq!(content(&world, &media_of(&world, &view).await).await, "tone123456");
}
