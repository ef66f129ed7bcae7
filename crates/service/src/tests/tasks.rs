//! Conversion tasks: never half made, changed and deleted at any moment, and nobody else's.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use reelmill_backends::catalog::MemoryCatalog;
use reelmill_core::ports::{PageQuery, Sequence};
use reelmill_core::{Format, Job, Kind, Media, Role, StateName, User, UserId};
use tokio::time::{Duration, sleep};
use uuid::Uuid;

use super::weather::Stormy;
use super::world::{WORKER, World, options, upload, wish};
use crate::{Caller, Content, Error, TaskView, Upload, Which};

/// A task of alice's: a file of that name and text.
async fn create(world: &World, name: &str, text: &str, format: Format) -> Result<TaskView, Error> {
    create_as(world, &world.alice, name, text, format).await
}

async fn create_as(
    world: &World,
    caller: &Caller,
    name: &str,
    text: &str,
    format: Format,
) -> Result<TaskView, Error> {
    let file = Upload { name: name.into(), ..upload(text) };
    world.service.create_task(caller, file, || Ok((name.to_owned(), format))).await
}

async fn state(world: &World, number: i64) -> StateName {
    world.service.task(&world.alice, number).await.unwrap().job.state.name()
}

async fn text(content: Content) -> String {
    let pieces: Vec<_> = content.read(0..content.size_bytes).await.unwrap().collect().await;
    String::from_utf8(pieces.into_iter().map(Result::unwrap).collect::<Vec<_>>().concat()).unwrap()
}

async fn read(world: &World, number: i64, which: Which) -> Result<String, Kind> {
    let content = world.service.task_content(&world.alice, number, which).await;
    Ok(text(content.map_err(|error| error.kind)?).await)
}

async fn numbers(world: &World, is_ascending: bool, most: Option<u32>) -> Vec<i64> {
    let tasks = world.service.tasks(&world.alice, is_ascending, most).await.unwrap();
    tasks.iter().map(|view| view.task.number).collect()
}

/// Every task has its original and its one job, every job and media of a task has that task.
async fn every_task_is_whole(world: &World) {
    let all = PageQuery { limit: 1000, after: None };
    let media: Vec<Media> = world.catalog.media_page(None, all).await.unwrap().items;
    let jobs: Vec<Job> = world.all_jobs().await;
    let mut tasks = 0;
    for number in 1..=world.catalog.next_number(Sequence::Tasks).await.unwrap() {
        let Some(task) = world.catalog.task(number).await.unwrap() else { continue };
        tasks += 1;
        assert!(media.iter().any(|media| media.id == task.media && media.task == Some(number)), "{task:?}");
        let of_task: Vec<_> = jobs.iter().filter(|job| job.task == Some(number)).collect();
        assert_eq!(of_task.iter().map(|job| job.id).collect::<Vec<_>>(), [task.job], "{task:?}");
    }
    assert_eq!(media.iter().filter(|media| media.task.is_some()).count(), tasks);
    assert_eq!(jobs.iter().filter(|job| job.task.is_some()).count(), tasks);
}

#[tokio::test(start_paused = true)]
async fn a_task_becomes_what_is_wished_and_keeps_its_original() {
    let world = World::new().await;
    let running = world.start().await;
    let made = create(&world, "a.b.wav", "tone one", Format::Mp3).await.unwrap();
    assert_eq!((made.task.number, made.job.state.name()), (1, StateName::Queued));
    world.ended(&made.job).await;
    assert_eq!(read(&world, 1, Which::Latest).await.unwrap(), "converted tone one");
    assert_eq!(read(&world, 1, Which::Converted).await.unwrap(), "converted tone one");
    assert_eq!(read(&world, 1, Which::Original).await.unwrap(), "tone one");
    let names =
        [Which::Original, Which::Converted].map(|which| world.service.task_content(&world.alice, 1, which));
    let [original, converted] = names.map(|content| async { content.await.unwrap().name });
    assert_eq!((original.await, converted.await), ("a.b.wav".into(), "a.b.mp3".into()));
    let keys = world.shelf.keys();
    assert!(keys.contains(&"1/a.b.wav".to_owned()), "{keys:?}");
    assert!(keys.iter().any(|key| key.starts_with("1/") && key.ends_with("/a.b.mp3")), "{keys:?}");
    every_task_is_whole(&world).await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn the_result_never_takes_the_originals_place_even_under_its_name() {
    let world = World::new().await;
    let running = world.start().await;
    let made = create(&world, "song.wav", "tone", Format::Wav).await.unwrap();
    world.ended(&made.job).await;
    assert_eq!(read(&world, 1, Which::Original).await.unwrap(), "tone");
    assert_eq!(read(&world, 1, Which::Converted).await.unwrap(), "converted tone");
    let by_name = world.service.task_file(&world.alice, "song.wav").await.unwrap();
    assert_eq!(text(by_name).await, "tone");
    assert_eq!(world.shelf.keys().len(), 2);
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_wish_that_is_none_when_the_bytes_are_here_leaves_nothing() {
    let world = World::new().await;
    let refused = world
        .service
        .create_task(&world.alice, upload("tone"), || Err(Error::invalid("no format")))
        .await
        .unwrap_err();
    assert_eq!(refused.detail, "no format");
    for name in ["", " ", "..", "a/..", "/", "\n"] {
        let error = create(&world, name, "tone", Format::Mp3).await.unwrap_err();
        assert_eq!((error.kind, error.problem), (Kind::Invalid, "no-name"), "{name:?}");
    }
    world.settle().await;
    assert_eq!(numbers(&world, true, None).await, Vec::<i64>::new());
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn the_wish_is_asked_for_when_all_bytes_are_here_and_not_before() {
    let world = World::new().await;
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let (bytes, wish) = (Arc::clone(&asked), Arc::clone(&asked));
    let pieces = stream::iter(["to", "ne"]).map(move |piece| {
        bytes.lock().unwrap().push(piece);
        Ok::<_, Error>(Bytes::from(piece))
    });
    let file = Upload { name: "part.wav".into(), declared_bytes: None, bytes: pieces };
    let made = world.service.create_task(&world.alice, file, move || {
        wish.lock().unwrap().push("wish");
        Ok(("field.wav".into(), Format::Mp3))
    });
    assert_eq!(made.await.unwrap().task.name, "field.wav");
    assert_eq!(*asked.lock().unwrap(), ["to", "ne", "wish"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_no_media_and_what_is_cut_makes_no_task() {
    let world = World::new().await;
    assert_eq!(create(&world, "a.mp3", "rubbish", Format::Wav).await.unwrap_err().kind, Kind::NotMedia);
    let cut = stream::iter([Ok(Bytes::from("tone")), Err(Error::invalid("cut"))]);
    let file = Upload { name: "a.wav".into(), declared_bytes: None, bytes: cut };
    let error = world.service.create_task(&world.alice, file, || Ok(("a.wav".into(), Format::Mp3))).await;
    assert_eq!(error.unwrap_err().kind, Kind::Invalid);
    world.settle().await;
    assert_eq!(numbers(&world, true, None).await, Vec::<i64>::new());
    world.nothing_is_left_over().await;
}

#[tokio::test(start_paused = true)]
async fn a_guest_makes_and_changes_nothing() {
    let world = World::new().await;
    let mut guest = world.alice.clone();
    guest.user.role = Role::Guest;
    let error = create_as(&world, &guest, "a.wav", "tone", Format::Mp3).await.unwrap_err();
    assert_eq!(error.kind, Kind::Forbidden);
    create(&world, "a.wav", "tone", Format::Mp3).await.unwrap();
    let changed = world.service.change_task(&guest, 1, Format::Ogg).await;
    let deleted = world.service.delete_task(&guest, 1).await;
    assert_eq!((changed.unwrap_err().kind, deleted.unwrap_err().kind), (Kind::Forbidden, Kind::Forbidden));
    every_task_is_whole(&world).await;
}

#[tokio::test(start_paused = true)]
async fn another_users_task_is_not_there() {
    let world = World::new().await;
    create(&world, "a.wav", "tone", Format::Mp3).await.unwrap();
    let admin =
        Caller { user: User { id: UserId(Uuid::nil()), role: Role::Admin, ..world.bob.user.clone() } };
    for other in [&world.bob, &admin] {
        let kinds = [
            world.service.task(other, 1).await.map(drop),
            world.service.change_task(other, 1, Format::Ogg).await.map(drop),
            world.service.delete_task(other, 1).await,
            world.service.task_content(other, 1, Which::Latest).await.map(drop),
            world.service.task_file(other, "a.wav").await.map(drop),
        ]
        .map(|done| done.unwrap_err().kind);
        assert_eq!(kinds, [Kind::NotFound; 5]);
        assert!(world.service.tasks(other, true, None).await.unwrap().is_empty());
    }
    assert_eq!(numbers(&world, true, None).await, [1]);
}

#[tokio::test(start_paused = true)]
async fn only_an_administrator_speaks_as_a_worker_and_hears_what_is_true() {
    let world = World::new().await;
    create(&world, "a.wav", "tone", Format::Mp3).await.unwrap();
    for caller in [&world.alice, &world.bob] {
        assert_eq!(world.service.task_for_worker(caller, 1).await.unwrap_err().kind, Kind::Forbidden);
    }
    let admin = Caller { user: User { role: Role::Admin, ..world.bob.user.clone() } };
    let view = world.service.task_for_worker(&admin, 1).await.unwrap();
    assert_eq!(view.job.state.name(), StateName::Queued);
    assert_eq!(world.service.task_for_worker(&admin, 2).await.unwrap_err().kind, Kind::NotFound);
    assert_eq!(state(&world, 1).await, StateName::Queued);
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_either_order_and_as_long_as_is_asked() {
    let world = World::new().await;
    // More than one page of the catalog's.
    for _ in 0..502 {
        create(&world, "a.wav", "tone", Format::Mp3).await.unwrap();
    }
    create_as(&world, &world.bob, "a.wav", "tone", Format::Mp3).await.unwrap();
    let all: Vec<i64> = (1..=502).collect();
    assert_eq!(numbers(&world, true, None).await, all);
    assert_eq!(numbers(&world, false, None).await, all.iter().rev().copied().collect::<Vec<_>>());
    assert_eq!(numbers(&world, true, Some(2)).await, [1, 2]);
    assert_eq!(numbers(&world, false, Some(2)).await, [502, 501]);
    assert_eq!(numbers(&world, true, Some(501)).await, all[..501]);
    assert_eq!(numbers(&world, true, Some(0)).await, Vec::<i64>::new());
}

#[tokio::test(start_paused = true)]
async fn a_file_is_found_by_either_name_and_the_newest_task_counts() {
    let world = World::new().await;
    let running = world.start().await;
    for words in ["tone old", "tone new"] {
        let made = create(&world, "song.wav", words, Format::Mp3).await.unwrap();
        world.ended(&made.job).await;
    }
    let file = |name: &'static str| world.service.task_file(&world.alice, name);
    assert_eq!(text(file("song.wav").await.unwrap()).await, "tone new");
    assert_eq!(text(file("song.mp3").await.unwrap()).await, "converted tone new");
    assert_eq!(file("song.ogg").await.err().unwrap().problem, "not-found");
    running.drain().await;
    create(&world, "late.wav", "tone", Format::Mp3).await.unwrap();
    let error = file("late.mp3").await.err().unwrap();
    assert_eq!((error.problem, error.detail.as_str()), ("no-result", "the task is not processed yet"));
}

#[tokio::test(start_paused = true)]
async fn a_failed_task_says_why_and_has_its_original() {
    let world = World::new().await;
    let running = world.start().await;
    let made = create(&world, "a.wav", "broken", Format::Mp3).await.unwrap();
    assert_eq!(world.ended(&made.job).await.job.state.name(), StateName::Failed);
    assert_eq!(read(&world, 1, Which::Latest).await.unwrap(), "broken");
    let error = world.service.task_content(&world.alice, 1, Which::Converted).await.err().unwrap();
    assert_eq!(error.detail, "the task failed: the file ends in the middle");
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_changed_task_is_converted_again_and_what_was_made_before_goes() {
    let world = World::new().await;
    let running = world.start().await;
    let made = create(&world, "song.wav", "tone", Format::Mp3).await.unwrap();
    world.ended(&made.job).await;
    let changed = world.service.change_task(&world.alice, 1, Format::Flac).await.unwrap();
    assert_eq!((changed.task.format, changed.job.state.name()), (Format::Flac, StateName::Queued));
    world.ended(&changed.job).await;
    assert!(world.service.task_file(&world.alice, "song.flac").await.is_ok());
    assert_eq!(world.service.task_file(&world.alice, "song.mp3").await.err().unwrap().kind, Kind::NotFound);
    assert_eq!(world.shelf.keys().len(), 2);
    every_task_is_whole(&world).await;
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_changed_while_it_is_converted_ends_once_as_what_was_wished_last() {
    let world = World::new().await;
    let running = world.start().await;
    let made = create(&world, "song.wav", "slow:60000", Format::Mp3).await.unwrap();
    world.until_running(&made.job).await;
    let changed = world.service.change_task(&world.alice, 1, Format::Flac).await.unwrap();
    sleep(Duration::from_secs(10)).await;
    // The old conversion has stopped; the new one alone runs.
    assert_eq!(world.engine.running.load(Ordering::Relaxed), 1);
    world.ended(&changed.job).await;
    assert_eq!(read(&world, 1, Which::Converted).await.unwrap(), "converted slow:60000");
    sleep(Duration::from_hours(2)).await;
    assert_eq!(world.all_jobs().await.len(), 1);
    every_task_is_whole(&world).await;
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_another_process_converts_is_changed_and_deleted_all_the_same() {
    let world = World::new().await;
    let running = world.process(options()).start(WORKER).await.unwrap();
    for is_change in [true, false] {
        let made = create(&world, "song.wav", "slow:3600000", Format::Mp3).await.unwrap();
        world.until_running(&made.job).await;
        if is_change {
            world.service.change_task(&world.alice, made.task.number, Format::Flac).await.unwrap();
        }
        world.service.delete_task(&world.alice, made.task.number).await.unwrap();
    }
    sleep(Duration::from_hours(2)).await;
    assert_eq!(world.engine.running.load(Ordering::Relaxed), 0);
    assert_eq!((world.all_jobs().await, world.shelf.keys()), (vec![], vec![]));
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn a_deleted_task_takes_original_result_and_conversion_along() {
    let world = World::new().await;
    let running = world.start().await;
    let done = create(&world, "song.wav", "tone", Format::Mp3).await.unwrap();
    world.ended(&done.job).await;
    // Another conversion of the same original, through /v1.
    let also = world.service.submit(&world.alice, done.task.media, wish("flac")).await.unwrap();
    world.ended(&also.job).await;
    let slow = create(&world, "song.wav", "slow:600000", Format::Mp3).await.unwrap();
    world.until_running(&slow.job).await;
    for number in [1, 2] {
        world.service.delete_task(&world.alice, number).await.unwrap();
        assert_eq!(world.service.delete_task(&world.alice, number).await.unwrap_err().kind, Kind::NotFound);
        assert_eq!(world.service.task(&world.alice, number).await.unwrap_err().kind, Kind::NotFound);
    }
    sleep(Duration::from_secs(10)).await;
    assert_eq!((world.all_jobs().await, world.shelf.keys()), (vec![], vec![]));
    assert_eq!(numbers(&world, true, None).await, Vec::<i64>::new());
    world.nothing_is_left_over().await;
    running.drain().await;
}

#[tokio::test(start_paused = true)]
async fn of_two_changes_at_once_one_comes_after_the_other_and_nothing_is_left_of_the_first() {
    for wait_ms in [0, 1, 50] {
        let stormy = Arc::new(Stormy::default());
        let world = World::over(stormy.clone()).await;
        create(&world, "song.wav", "tone", Format::Mp3).await.unwrap();
        stormy.next_commit_waits_ms.store(wait_ms, Ordering::Relaxed);
        let (one, two) = tokio::join!(
            world.service.change_task(&world.alice, 1, Format::Flac),
            world.service.change_task(&world.alice, 1, Format::Ogg),
        );
        let versions = [one.unwrap().task.version, two.unwrap().task.version];
        assert!(versions == [2, 3] || versions == [3, 2], "{versions:?}");
        every_task_is_whole(&world).await;
        let running = world.start().await;
        let view = world.service.task(&world.alice, 1).await.unwrap();
        world.ended(&view.job).await;
        assert_eq!(view.job.profile.format, view.task.format);
        world.nothing_is_left_over().await;
        running.drain().await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_change_and_a_delete_at_once_leave_nothing() {
    for (change_waits, delete_waits) in [(0, 10), (10, 0), (0, 0)] {
        for text in ["tone", "slow:3600000"] {
            let stormy = Arc::new(Stormy::default());
            let world = World::over(stormy.clone()).await;
            let running = world.start().await;
            let made = create(&world, "song.wav", text, Format::Mp3).await.unwrap();
            sleep(Duration::from_secs(5)).await;
            stormy.next_commit_waits_ms.store(50, Ordering::Relaxed);
            let (changed, deleted) = tokio::join!(
                async {
                    sleep(Duration::from_millis(change_waits)).await;
                    world.service.change_task(&world.alice, made.task.number, Format::Flac).await
                },
                async {
                    sleep(Duration::from_millis(delete_waits)).await;
                    world.service.delete_task(&world.alice, made.task.number).await
                }
            );
            deleted.unwrap();
            assert!(changed.is_ok() || changed.is_err_and(|error| error.kind == Kind::NotFound));
            sleep(Duration::from_hours(2)).await;
            assert_eq!((world.all_jobs().await, world.shelf.keys()), (vec![], vec![]));
            world.nothing_is_left_over().await;
            running.drain().await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_looked_at_while_it_is_changed_is_there() {
    let stormy = Arc::new(Stormy::default());
    let world = World::over(stormy.clone()).await;
    create(&world, "song.wav", "tone", Format::Mp3).await.unwrap();
    // The task was read; it is changed before its job is.
    stormy.next_look_waits_ms.store(1000, Ordering::Relaxed);
    let (seen, listed, changed) = tokio::join!(
        world.service.task(&world.alice, 1),
        async {
            stormy.next_look_waits_ms.store(1000, Ordering::Relaxed);
            world.service.tasks(&world.alice, true, None).await
        },
        async {
            sleep(Duration::from_millis(500)).await;
            world.service.change_task(&world.alice, 1, Format::Flac).await
        }
    );
    changed.unwrap();
    assert_eq!(seen.unwrap().task.format, Format::Flac);
    assert_eq!(listed.unwrap().len(), 1);
}

async fn storm(seed: u64) {
    let stormy = Arc::new(Stormy::default());
    let world = World::over(stormy.clone()).await;
    stormy.begin(6, seed);
    world.shelf.fault.begin(20, seed ^ 0xff);
    let first = world.start().await;
    let second = world.process(options()).start(WORKER).await.unwrap();
    for number in 0..40 {
        let text = format!("slow:{} {number}", number * 50);
        if let Ok(made) = create(&world, "song.wav", &text, Format::Mp3).await {
            let number = made.task.number;
            match number % 4 {
                0 => drop(world.service.change_task(&world.alice, number, Format::Flac).await),
                1 => drop(world.service.delete_task(&world.alice, number).await),
                _ => {}
            }
        }
        // Also between two writes of what was broken off.
        every_task_is_whole(&world).await;
    }
    stormy.end();
    world.shelf.fault.end();
    sleep(Duration::from_hours(3)).await;
    every_task_is_whole(&world).await;
    for view in world.service.tasks(&world.alice, true, None).await.unwrap() {
        assert!(view.job.state.name().is_over(), "seed {seed}: {view:?}");
        assert_eq!(view.job.profile.format, view.task.format);
    }
    world.nothing_is_left_over().await;
    first.drain().await;
    second.drain().await;
}

#[tokio::test(start_paused = true)]
async fn in_any_storm_no_task_is_half_made() {
    for seed in 1..=8 {
        storm(seed).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_removed_account_takes_its_tasks_along() {
    let world = World::over(Arc::new(MemoryCatalog::default())).await;
    create(&world, "a.wav", "tone", Format::Mp3).await.unwrap();
    world.service.remove_account("alice@example.com").await.unwrap();
    world.settle().await;
    assert!(world.catalog.task(1).await.unwrap().is_none());
    assert_eq!(world.shelf.keys(), Vec::<String>::new());
    world.nothing_is_left_over().await;
}
