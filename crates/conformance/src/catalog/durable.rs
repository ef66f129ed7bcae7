//! What a catalog promises that outlives a process, and that several may share.

use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::{Catalog, Sequence};
use reelmill_core::{Format, Job, Pulse, Stage, Video, Write};

use super::sample::{
    NOW, api_key, claimed, commit, condemned, first, id, intent, job, media, notice, operation, output,
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
    assert_eq!(catalog.due_notices(NOW, 10).await.unwrap(), [notice]);
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
