//! What a catalog promises that outlives a process, and that several may share.

use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::{Catalog, CatalogError, Sequence};
use reelmill_core::{Format, Job, JobId, NoticeKind, Pulse, Stage, Video, Write};

use super::sample::{
    NOW, api_key, claimed, commit, condemned, first, id, intent, job, key, media, notice, operation, output,
    queued, running, song, task, thumbnail, token, user, video,
};
use crate::Place;

type Setup = Place<dyn Catalog>;

pub(super) async fn a_reopened_catalog_holds_what_was_committed(place: Setup) {
    let catalog = place.open().await;
    let user = user();
    let (own_key, media, waits, notice) = (api_key(user.id), media(user.id), job(), notice(NOW));
    let runs = running(&*catalog).await;
    let output = output(&waits);
    let writes = vec![
        Write::AddUser(user.clone()),
        Write::AddApiKey(own_key.clone()),
        Write::AddMedia(media.clone()),
        Write::AddJob(waits.clone()),
        Write::AddOutput(output.clone()),
        Write::AddIntent(intent("a")),
        Write::AddIntent(condemned("b")),
        Write::AddNotice(notice.clone()),
    ];
    commit(&*catalog, writes).await;
    let pulse = Pulse { beats: 0, progress: 0.5, stage: Some(Stage::Fetch) };
    catalog.beat(runs.id, token(&runs), pulse).await.unwrap();
    let number = catalog.next_number(Sequence::Users).await.unwrap();
    drop(catalog);

    let catalog = place.open().await;
    assert_eq!(catalog.user_by_login(&user.email).await.unwrap(), Some(user));
    assert_eq!(catalog.api_key(own_key.id).await.unwrap(), Some(own_key));
    assert_eq!(catalog.media(media.id).await.unwrap(), Some(media));
    assert_eq!(catalog.due_jobs(NOW, 10).await.unwrap(), [waits]);
    assert_eq!(catalog.claimed_jobs(10).await.unwrap(), [Job { pulse: Pulse { beats: 1, ..pulse }, ..runs }]);
    assert_eq!(catalog.output_by_fid(&output.fid).await.unwrap(), Some(output));
    assert_eq!(catalog.intents(None, 10).await.unwrap(), [intent("a"), condemned("b")]);
    assert_eq!(catalog.due_notices(NoticeKind::Person, NOW, 10).await.unwrap(), [notice]);
    assert_eq!(catalog.census().await.unwrap().queued, 1);
    assert!(catalog.next_number(Sequence::Users).await.unwrap() > number);
}

pub(super) async fn a_reopened_catalog_holds_songs_videos_and_tasks(place: Setup) {
    let catalog = place.open().await;
    let (song, task) = (song("Ñandú"), task(id(), "a.wav", Format::Opus));
    let (video, operation) = (Video { thumbnail: Some(thumbnail()), ..video() }, operation(&song));
    let writes = [
        Write::AddSong(song.clone()),
        Write::AddOperation(operation.clone()),
        Write::AddVideo(video.clone()),
        Write::AddTask(task.clone()),
    ];
    commit(&*catalog, writes).await;
    let sequences = [Sequence::Videos, Sequence::Tasks];
    for sequence in sequences {
        assert_eq!(catalog.next_number(sequence).await.unwrap(), 1);
    }
    drop(catalog);

    let catalog = place.open().await;
    assert_eq!(catalog.songs_by_title("ñan", 5).await.unwrap(), std::slice::from_ref(&song));
    assert_eq!(catalog.song_by_source(&song.found.id.clone()).await.unwrap(), Some(song));
    assert_eq!(catalog.operation(operation.id).await.unwrap(), Some(operation));
    assert_eq!(catalog.videos(first(5)).await.unwrap().items, [video]);
    assert_eq!(catalog.task_by_file(task.account, "a.opus").await.unwrap(), Some(task));
    for sequence in sequences {
        assert!(catalog.next_number(sequence).await.unwrap() > 1);
    }
}

pub(super) async fn ten_that_open_together_migrate_once(place: Setup) {
    let opened = (0..10).map(|_| {
        let place = place.clone();
        tokio::spawn(async move { place.open().await })
    });
    let catalogs = join_all(opened).await.into_iter().map(Result::unwrap);
    let numbers = join_all(catalogs.map(|catalog| async move {
        queued(&*catalog).await;
        catalog.next_number(Sequence::Users).await.unwrap()
    }));
    let mut numbers = numbers.await;
    numbers.sort_unstable();
    numbers.dedup();
    assert_eq!(numbers.len(), 10, "a sequence began anew");
    assert_eq!(place.open().await.census().await.unwrap().queued, 10);
}

pub(super) async fn two_that_share_a_catalog_see_each_others_commits(place: Setup) {
    let (one, other) = (place.open().await, place.open().await);
    let job = queued(&*one).await;
    assert_eq!(other.job(job.id).await.unwrap().as_ref(), Some(&job));
    let next = claimed(&job);
    commit(&*other, [Write::ReplaceJob(next.clone())]).await;
    assert_eq!(one.job(job.id).await.unwrap(), Some(next));
}

pub(super) async fn of_two_that_share_a_catalog_one_wins(place: Setup) {
    let catalogs = [place.open().await, place.open().await];
    for _ in 0..10 {
        let job = queued(&*catalogs[0]).await;
        let tries = catalogs.iter().map(|catalog| {
            let (catalog, rival) = (Arc::clone(catalog), claimed(&job));
            tokio::spawn(async move { catalog.commit(vec![Write::ReplaceJob(rival)]).await.is_ok() })
        });
        let won = join_all(tries).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
        assert_eq!(won, 1);
    }
}

pub(super) async fn two_that_share_a_catalog_register_different_epochs(place: Setup) {
    let catalogs = [place.open().await, place.open().await];
    let registered = (0..20).map(|n| {
        let catalog = Arc::clone(&catalogs[n % 2]);
        tokio::spawn(async move { catalog.register_worker("w1").await.unwrap() })
    });
    let mut epochs: Vec<_> = join_all(registered).await.into_iter().map(Result::unwrap).collect();
    epochs.sort_unstable();
    assert_eq!(epochs, (1..=20).collect::<Vec<_>>());
    drop(catalogs);
    assert_eq!(place.open().await.worker_epoch("w1").await.unwrap(), 20);
}

pub(super) async fn many_that_change_the_same_jobs_all_come_through(place: Setup) {
    let shared = place.open().await;
    let jobs: Vec<_> =
        join_all((0..5).map(|_| queued(&*shared))).await.into_iter().map(|job| job.id).collect();
    // Each commit takes two of the jobs on, in an order of its own: a pattern that databases find deadlocks in.
    let processes = (0..8).map(|process| {
        let (place, jobs) = (place.clone(), jobs.clone());
        tokio::spawn(async move {
            let catalog = place.open().await;
            let tasks = (0..4).map(|task| take_on(&*catalog, &jobs, process, task));
            join_all(tasks).await;
        })
    });
    assert!(join_all(processes).await.iter().all(Result::is_ok));
    let mut versions = 0;
    for job in jobs {
        versions += shared.job(job).await.unwrap().unwrap().version - 1;
    }
    assert_eq!(versions, 2 * 8 * 4 * 5);
    assert_eq!(shared.intents(None, 1000).await.unwrap().len(), 8 * 4 * 5);
    assert_eq!(shared.census().await.unwrap().queued, 5);
}

/// Takes two jobs on by a version in one commit, five times.
async fn take_on(catalog: &dyn Catalog, jobs: &[JobId], process: usize, task: usize) {
    for round in 0..5 {
        let first = process + task + round;
        let pair = [jobs[first % 5], jobs[(first + 1 + process % 4) % 5]];
        loop {
            let mut writes = vec![Write::AddIntent(intent(&format!("{process}/{task}/{round}")))];
            for id in pair {
                let job = catalog.job(id).await.unwrap().unwrap();
                writes.push(Write::ReplaceJob(Job { version: job.version + 1, ..job }));
            }
            match catalog.commit(writes).await {
                Ok(()) => break,
                Err(CatalogError::Conflict) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

pub(super) async fn nothing_is_added_to_a_media_that_was_dropped_meanwhile(place: Setup) {
    let catalogs = [place.open().await, place.open().await];
    for round in 0..30 {
        let media = media(id());
        commit(&*catalogs[0], [Write::AddMedia(media.clone())]).await;
        let names = (0..24).map(|n| Write::AddIntent(intent(&format!("{round:02}/{n:02}"))));
        let adds: Vec<_> = [Write::NeedMedia(media.id)].into_iter().chain(names).collect();
        let catalog = Arc::clone(&catalogs[0]);
        let added = tokio::spawn(async move { catalog.commit(adds).await });
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        commit(&*catalogs[1], [Write::DropMedia(media.id)]).await;
        // What is not there once the media is gone must not come any more.
        let first = key(&format!("{round:02}"));
        let seen = catalogs[1].intents(Some(&first), 1).await.unwrap();
        let was_first = seen.first().is_some_and(|seen| seen.key == key(&format!("{round:02}/00")));
        let added = added.await.unwrap();
        assert_eq!(added.is_ok(), was_first, "round {round}: {added:?}");
    }
}
