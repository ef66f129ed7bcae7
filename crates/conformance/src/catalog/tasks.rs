//! Conversion tasks.

use reelmill_core::ports::{Catalog, TaskQuery};
use reelmill_core::{Format, Task, Timestamp, UserId, Write};

use super::sample::{commit, conflict, id, task};
use crate::Place;

type Setup = Place<dyn Catalog>;

async fn added(catalog: &dyn Catalog, account: UserId, name: &str, format: Format) -> Task {
    let task = task(account, name, format);
    commit(catalog, [Write::AddTask(task.clone())]).await;
    task
}

pub(super) async fn a_task_comes_back_as_it_was_written(place: Setup) {
    let catalog = place.open().await;
    let name = "O'Brien \"%_\" 🎬.MP3";
    for number in [1, 1 << 40, i64::MAX] {
        let created_at = Timestamp::from_ms(-1);
        let task = Task { number, created_at, version: 7, ..task(id(), name, Format::Dca0) };
        commit(&*catalog, [Write::AddTask(task.clone())]).await;
        assert_eq!(catalog.task(number).await.unwrap(), Some(task));
    }
    assert_eq!(catalog.task(2).await.unwrap(), None);
    assert_eq!(catalog.task(-1).await.unwrap(), None);
}

pub(super) async fn a_number_has_one_task(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog, id(), "a.wav", Format::Mp3).await;
    let rival = Task { number: there.number, ..task(id(), "b.wav", Format::Mp3) };
    conflict(&*catalog, [Write::AddTask(rival.clone())]).await;
    assert_eq!(catalog.task(there.number).await.unwrap().as_ref(), Some(&there));
    assert_eq!(catalog.task_by_file(rival.account, "b.wav").await.unwrap(), None);
    commit(&*catalog, [Write::DropTask(there.number, 1), Write::AddTask(rival)]).await;
}

pub(super) async fn a_stale_task_is_refused(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog, id(), "a.wav", Format::Mp3).await;
    let next = Task { format: Format::Ogg, job: id(), version: 2, ..there.clone() };
    commit(&*catalog, [Write::ReplaceTask(next.clone())]).await;
    for version in [0, 1, 2, 4] {
        conflict(&*catalog, [Write::ReplaceTask(Task { version, ..there.clone() })]).await;
    }
    conflict(&*catalog, [Write::ReplaceTask(Task { version: 2, ..task(id(), "b.wav", Format::Mp3) })]).await;
    assert_eq!(catalog.task(there.number).await.unwrap(), Some(next));
}

pub(super) async fn a_task_is_dropped_at_its_version_only(place: Setup) {
    let catalog = place.open().await;
    let there = added(&*catalog, id(), "a.wav", Format::Mp3).await;
    for version in [0, 2] {
        conflict(&*catalog, [Write::DropTask(there.number, version)]).await;
    }
    assert_eq!(catalog.task(there.number).await.unwrap().as_ref(), Some(&there));
    commit(&*catalog, [Write::DropTask(there.number, 1)]).await;
    conflict(&*catalog, [Write::DropTask(there.number, 1)]).await;
    assert_eq!(catalog.task(there.number).await.unwrap(), None);
    for name in ["a.wav", "a.mp3"] {
        assert_eq!(catalog.task_by_file(there.account, name).await.unwrap(), None);
    }
}

pub(super) async fn tasks_are_listed_by_number_both_ways(place: Setup) {
    let catalog = place.open().await;
    let account = id();
    let mut own = Vec::new();
    for n in 0..7 {
        // Every third number, the others being somebody else's.
        for number in [3 * n + 1, 3 * n + 2, 3 * n + 3] {
            let owner = if number % 3 == 2 { account } else { id() };
            let task = Task { number, ..task(owner, "a.wav", Format::Mp3) };
            commit(&*catalog, [Write::AddTask(task.clone())]).await;
            own.extend((owner == account).then_some(task));
        }
    }
    for is_ascending in [true, false] {
        for after in std::iter::once(None).chain((-1..24).map(Some)) {
            let is_behind = |task: &&Task| {
                after.is_none_or(|after| if is_ascending { task.number > after } else { task.number < after })
            };
            let mut wanted: Vec<Task> = own.iter().filter(is_behind).cloned().collect();
            if !is_ascending {
                wanted.reverse();
            }
            for limit in [1, 3, 1000] {
                let query = TaskQuery { is_ascending, after, limit };
                let seen = catalog.tasks(account, query).await.unwrap();
                assert_eq!(seen, wanted[..wanted.len().min(limit as usize)], "{query:?}");
            }
        }
    }
    let all = TaskQuery { is_ascending: true, after: None, limit: 1000 };
    assert_eq!(catalog.tasks(id(), all).await.unwrap(), []);
}

pub(super) async fn a_task_is_found_by_either_of_its_file_names(place: Setup) {
    let catalog = place.open().await;
    let account = id();
    let named = [("a.b.wav", "a.b.mp3"), ("plain", "plain.mp3"), (".wav", "untitled.mp3")];
    for (name, result_name) in named {
        let task = added(&*catalog, account, name, Format::Mp3).await;
        assert_eq!(catalog.task_by_file(account, name).await.unwrap().as_ref(), Some(&task));
        assert_eq!(catalog.task_by_file(account, result_name).await.unwrap().as_ref(), Some(&task));
    }
    for none in ["a.b", "a.b.ogg", "A.B.WAV", "", "wav", ".mp3"] {
        assert_eq!(catalog.task_by_file(account, none).await.unwrap(), None, "{none}");
    }
}

pub(super) async fn the_newest_task_of_a_name_is_found(place: Setup) {
    let catalog = place.open().await;
    let account = id();
    let newest = async |name: &str| catalog.task_by_file(account, name).await.unwrap();
    let first = added(&*catalog, account, "a.wav", Format::Mp3).await;
    // Its original is called what the first one's result is.
    let second = added(&*catalog, account, "a.mp3", Format::Flac).await;
    assert_eq!(newest("a.wav").await.as_ref(), Some(&first));
    assert_eq!(newest("a.mp3").await.as_ref(), Some(&second));
    let third = added(&*catalog, account, "a.wav", Format::Mp3).await;
    assert_eq!(newest("a.wav").await.as_ref(), Some(&third));
    assert_eq!(newest("a.mp3").await.as_ref(), Some(&third));
    // The number says which is the newest, not the order of writes.
    let early = Task { number: -1, ..task(account, "a.wav", Format::Mp3) };
    let again = Task { job: id(), version: 2, ..first };
    commit(&*catalog, [Write::AddTask(early), Write::ReplaceTask(again.clone())]).await;
    assert_eq!(newest("a.wav").await.as_ref(), Some(&third));
    commit(&*catalog, [Write::DropTask(third.number, 1)]).await;
    assert_eq!(newest("a.wav").await, Some(again));
    assert_eq!(newest("a.mp3").await, Some(second));
}

pub(super) async fn a_task_of_another_account_is_never_found_by_its_name(place: Setup) {
    let catalog = place.open().await;
    let (one, other) = (id(), id());
    let own = added(&*catalog, one, "a.wav", Format::Mp3).await;
    added(&*catalog, other, "a.wav", Format::Mp3).await;
    added(&*catalog, other, "b.wav", Format::Mp3).await;
    for name in ["a.wav", "a.mp3"] {
        assert_eq!(catalog.task_by_file(one, name).await.unwrap().as_ref(), Some(&own));
        assert_eq!(catalog.task_by_file(id(), name).await.unwrap(), None);
    }
    for name in ["b.wav", "b.mp3"] {
        assert_eq!(catalog.task_by_file(one, name).await.unwrap(), None);
    }
}

pub(super) async fn a_replaced_task_is_found_by_its_new_names_only(place: Setup) {
    let catalog = place.open().await;
    let old = added(&*catalog, id(), "a.wav", Format::Mp3).await;
    let new = Task { name: "b.wav".to_owned(), format: Format::Aac, version: 2, ..old };
    commit(&*catalog, [Write::ReplaceTask(new.clone())]).await;
    for name in ["a.wav", "a.mp3", "b.mp3"] {
        assert_eq!(catalog.task_by_file(new.account, name).await.unwrap(), None, "{name}");
    }
    for name in ["b.wav", "b.aac"] {
        assert_eq!(catalog.task_by_file(new.account, name).await.unwrap().as_ref(), Some(&new), "{name}");
    }
}

pub(super) async fn names_of_every_kind_are_told_apart(place: Setup) {
    let catalog = place.open().await;
    let account = id();
    // The last two are as long as a name gets, in bytes and in characters.
    let (long, wide) = ("x".repeat(255), format!("{}x.wav", "🎬".repeat(62)));
    let names = [
        "a",
        "A",
        "a ",
        " a",
        "á",
        "a\u{301}",
        "%",
        "_",
        "a%",
        "a_b.wav",
        "axb.wav",
        "O'Brien.wav",
        "\"",
        "\\",
        "日本語.wav",
        &long,
        &wide,
    ];
    let mut tasks = Vec::new();
    for name in names {
        tasks.push(added(&*catalog, account, name, Format::Opus).await);
    }
    for task in tasks {
        for name in [task.name.clone(), task.result_name()] {
            assert_eq!(catalog.task_by_file(account, &name).await.unwrap().as_ref(), Some(&task), "{name}");
        }
    }
}
