//! One commit: all of a list or none, at one moment.

use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::{Catalog, MAX_WRITES};
use reelmill_core::{Format, NoticeKind, Song, State, Task, Video, Write};

use super::sample::{
    NOW, api_key, claimed, commit, condemned, conflict, first, id, intent, job, key, media, moved, notice,
    operation, output, queued, receipt, running, song, task, thumbnail, user, video,
};
use crate::Place;

type Setup = Place<dyn Catalog>;

pub(super) async fn a_commit_is_all_or_nothing(place: Setup) {
    let catalog = place.open().await;
    let before = queued(&*catalog).await;
    let user = user();
    let (own_key, media, other) = (api_key(user.id), media(user.id), job());
    let (output, notice) = (output(&before), notice(NOW));
    conflict(
        &*catalog,
        [
            Write::AddUser(user.clone()),
            Write::AddApiKey(own_key.clone()),
            Write::AddMedia(media.clone()),
            Write::AddJob(other.clone()),
            Write::ReplaceJob(claimed(&before)),
            Write::AddOutput(output.clone()),
            Write::AddIntent(intent("a/1")),
            Write::AddIntent(condemned("a/2")),
            Write::AddReceipt(receipt("k", NOW.plus_ms(1)), NOW),
            Write::AddNotice(notice.clone()),
            // The one whose condition does not hold.
            Write::TakeIntent(key("never/recorded")),
        ],
    )
    .await;
    assert_eq!(catalog.user(user.id).await.unwrap(), None);
    assert_eq!(catalog.user_by_login(&user.email).await.unwrap(), None);
    assert_eq!(catalog.api_key(own_key.id).await.unwrap(), None);
    assert_eq!(catalog.media(media.id).await.unwrap(), None);
    assert_eq!(catalog.job(other.id).await.unwrap(), None);
    assert_eq!(catalog.job(before.id).await.unwrap(), Some(before));
    assert_eq!(catalog.output(output.id).await.unwrap(), None);
    assert_eq!(catalog.intents(None, 10).await.unwrap(), []);
    assert_eq!(catalog.receipt("0193 POST /v1/jobs", "k", NOW).await.unwrap(), None);
    assert_eq!(catalog.due_notices(NoticeKind::Person, NOW, 10).await.unwrap(), []);
}

pub(super) async fn a_refused_commit_leaves_songs_videos_and_tasks_alone(place: Setup) {
    let catalog = place.open().await;
    let account = id();
    let songs: [Song; 3] = std::array::from_fn(|n| song(&format!("song {n}")));
    let videos: [Video; 3] = std::array::from_fn(|_| Video { thumbnail: Some(thumbnail()), ..video() });
    let tasks: [Task; 3] = std::array::from_fn(|n| task(account, &format!("{n}.wav"), Format::Mp3));
    let operation = operation(&songs[2]);
    commit(&*catalog, songs[..2].iter().cloned().map(Write::AddSong)).await;
    commit(&*catalog, videos[..2].iter().cloned().map(Write::AddVideo)).await;
    commit(&*catalog, tasks[..2].iter().cloned().map(Write::AddTask)).await;
    let other = |song: &Song| Song { found: super::sample::found(), version: 2, ..song.clone() };
    let writes = [
        Write::ReplaceSong(other(&songs[0])),
        Write::DropSong(songs[1].id, 1),
        Write::AddSong(songs[2].clone()),
        Write::AddOperation(operation.clone()),
        Write::ReplaceVideo(Video { thumbnail: None, version: 2, ..videos[0].clone() }),
        Write::DropVideo(videos[1].id, 1),
        Write::AddVideo(videos[2].clone()),
        Write::ReplaceTask(Task { format: Format::Flac, version: 2, ..tasks[0].clone() }),
        Write::DropTask(tasks[1].number, 1),
        Write::AddTask(tasks[2].clone()),
        Write::TakeIntent(key("never/recorded")),
    ];
    conflict(&*catalog, writes).await;
    assert_eq!(catalog.songs_by_title("song", 10).await.unwrap(), songs[..2]);
    assert_eq!(catalog.song_by_source(&songs[0].found.id).await.unwrap().as_ref(), Some(&songs[0]));
    assert_eq!(catalog.song_by_source(&songs[2].found.id).await.unwrap(), None);
    assert_eq!(catalog.operation(operation.id).await.unwrap(), None);
    assert_eq!(catalog.videos(first(10)).await.unwrap().items, [videos[1].clone(), videos[0].clone()]);
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(
            catalog.task_by_file(account, &format!("{n}.mp3")).await.unwrap(),
            (n < 2).then_some(task)
        );
    }
    assert_eq!(catalog.task_by_file(account, "0.flac").await.unwrap(), None);
    for (n, video) in videos.into_iter().enumerate() {
        let uuid = video.thumbnail.as_ref().unwrap().uuid;
        assert_eq!(catalog.video_by_thumbnail(uuid).await.unwrap(), (n < 2).then_some(video));
    }
}

pub(super) async fn a_commit_of_everything_is_seen_at_once(place: Setup) {
    let catalog = place.open().await;
    let job = running(&*catalog).await;
    let output = output(&job);
    commit(&*catalog, [Write::AddIntent(intent(output.key.as_str()))]).await;
    let done = moved(&job, State::Done { output: output.id, at: NOW });
    let writes = vec![
        Write::ReplaceJob(done),
        Write::AddOutput(output.clone()),
        Write::TakeIntent(output.key.clone()),
        Write::AddNotice(notice(NOW)),
    ];
    let shared = Arc::clone(&catalog);
    let committed = tokio::spawn(async move { shared.commit(writes).await });
    // Whenever it is looked at, a job that is done has its output.
    loop {
        let seen = catalog.job(job.id).await.unwrap().unwrap();
        if let State::Done { output, .. } = seen.state {
            assert!(catalog.output(output).await.unwrap().is_some());
            assert_eq!(catalog.intents(None, 10).await.unwrap(), []);
            assert_eq!(catalog.due_notices(NoticeKind::Person, NOW, 10).await.unwrap().len(), 1);
            break;
        }
        tokio::task::yield_now().await;
    }
    committed.await.unwrap().unwrap();
}

pub(super) async fn writes_hold_as_if_done_in_order(place: Setup) {
    let catalog = place.open().await;
    let job = job();
    let next = claimed(&job);
    commit(&*catalog, [Write::AddJob(job.clone()), Write::ReplaceJob(next.clone())]).await;
    assert_eq!(catalog.job(job.id).await.unwrap(), Some(next));
    conflict(&*catalog, [Write::AddIntent(intent("a")), Write::AddIntent(intent("a"))]).await;
    commit(&*catalog, [Write::AddIntent(intent("a")), Write::TakeIntent(key("a"))]).await;
    assert_eq!(catalog.intents(None, 10).await.unwrap(), []);
}

pub(super) async fn a_commit_of_nothing_is_taken(place: Setup) {
    commit(&*place.open().await, []).await;
}

pub(super) async fn too_many_writes_are_refused_for_good(place: Setup) {
    let catalog = place.open().await;
    let writes = (0..=MAX_WRITES).map(|n| Write::AddIntent(intent(&format!("a/{n}")))).collect();
    let refused = catalog.commit(writes).await.unwrap_err();
    assert!(!refused.is_transient(), "{refused}");
    assert_eq!(catalog.intents(None, 100).await.unwrap(), []);
}

pub(super) async fn the_most_writes_are_taken(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, (0..MAX_WRITES).map(|n| Write::AddIntent(intent(&format!("a/{n}"))))).await;
    assert_eq!(catalog.intents(None, 100).await.unwrap().len(), MAX_WRITES);
}

pub(super) async fn of_many_writers_of_one_version_one_wins(place: Setup) {
    let catalog = place.open().await;
    let mut job = queued(&*catalog).await;
    for _ in 0..5 {
        let rivals: Vec<_> = (0..8).map(|_| claimed(&job)).collect();
        let tries = rivals.iter().map(|rival| {
            let (catalog, rival) = (Arc::clone(&catalog), rival.clone());
            tokio::spawn(async move { catalog.commit(vec![Write::ReplaceJob(rival)]).await })
        });
        let verdicts = join_all(tries).await;
        let winners: Vec<_> = rivals
            .into_iter()
            .zip(verdicts)
            .filter(|(_, verdict)| verdict.as_ref().unwrap().is_ok())
            .collect();
        assert_eq!(winners.len(), 1);
        assert_eq!(catalog.job(job.id).await.unwrap().as_ref(), Some(&winners[0].0));
        job = moved(&winners[0].0, State::Queued { due_at: NOW, last_failure: None });
        commit(&*catalog, [Write::ReplaceJob(job.clone())]).await;
    }
}

pub(super) async fn many_commits_at_once_each_get_their_own_verdict(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::AddIntent(intent("taken"))]).await;
    // Every third stands on a condition that does not hold, after a write that must not stay.
    let tries = (0..60).map(|n| {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move {
            let mut writes = vec![Write::AddIntent(intent(&format!("n/{n:02}")))];
            if n % 3 == 0 {
                writes.push(Write::AddIntent(intent("taken")));
            }
            catalog.commit(writes).await.is_ok()
        })
    });
    for (n, taken) in join_all(tries).await.into_iter().enumerate() {
        assert_eq!(taken.unwrap(), n % 3 != 0, "{n}");
    }
    let there = catalog.intents(None, 100).await.unwrap();
    let expected: Vec<_> = (0..60).filter(|n| n % 3 != 0).map(|n| key(&format!("n/{n:02}"))).collect();
    assert_eq!(there.into_iter().map(|intent| intent.key).take(40).collect::<Vec<_>>(), expected);
}

pub(super) async fn a_read_that_follows_a_commit_sees_it(place: Setup) {
    let catalog = place.open().await;
    let account = id();
    for seen in 1..=50 {
        let mut job = job();
        job.account = account;
        commit(&*catalog, [Write::AddJob(job.clone())]).await;
        assert!(catalog.job(job.id).await.unwrap().is_some());
        let filter = reelmill_core::ports::JobFilter { account: Some(account), ..Default::default() };
        assert_eq!(catalog.jobs(filter, first(100)).await.unwrap().items.len(), seen);
    }
}

pub(super) async fn it_can_be_checked(place: Setup) {
    place.open().await.check().await.unwrap();
}
