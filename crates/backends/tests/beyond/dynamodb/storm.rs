//! Many at the same items: processes of their own, each with its own connections.

use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::{Catalog, CatalogError, Census, JobFilter, MAX_WRITES, PageQuery};
use reelmill_core::{Event, Job, State, StateName, Write};
use serde_json::json;

use super::other::{self, has};
use super::sample::{NOW, claim, commit, done, job, operation, song};
use super::tables::Tables;

const PROCESSES: usize = 8;

async fn processes(tables: &Tables) -> Vec<Arc<dyn Catalog>> {
    join_all((0..PROCESSES).map(|_| tables.open())).await
}

pub(crate) async fn eight_at_one_job_lose_no_write() {
    let tables = Tables::fresh();
    let catalogs = processes(&tables).await;
    let job = job();
    commit(&*catalogs[0], [Write::AddJob(job.clone())]).await;
    // Each moves it on as it finds it, and beats where it runs.
    let storms = catalogs.iter().cloned().map(|catalog| {
        let id = job.id;
        tokio::spawn(async move {
            let mut moves = 0;
            for _ in 0..15 {
                let seen = catalog.job(id).await.unwrap().unwrap();
                let next = match seen.claim() {
                    Some(held) => {
                        let token = held.token;
                        match catalog.beat(id, token, reelmill_core::Pulse::default()).await {
                            Ok(_) | Err(CatalogError::Conflict) => {}
                            Err(error) => panic!("{error}"),
                        }
                        seen.apply(&Event::GiveBack { token }, NOW).unwrap()
                    }
                    None => claim(&seen).0,
                };
                match catalog.commit(vec![Write::ReplaceJob(next)]).await {
                    Ok(()) => moves += 1,
                    Err(CatalogError::Conflict) => {}
                    Err(error) => panic!("{error}"),
                }
            }
            moves
        })
    });
    let taken: u64 = join_all(storms).await.into_iter().map(Result::unwrap).sum();
    let ended = catalogs[0].job(job.id).await.unwrap().unwrap();
    assert_eq!(ended.version, 1 + taken);
    let is_claimed = ended.claim().is_some();
    let census =
        Census { queued: u64::from(!is_claimed), claimed: u64::from(is_claimed), ..Census::default() };
    assert_eq!(catalogs[1].census().await.unwrap(), census);
    assert_eq!(catalogs[2].due_jobs(NOW, 10).await.unwrap().len(), usize::from(!is_claimed));
    assert_eq!(catalogs[3].claimed_jobs(10).await.unwrap().len(), usize::from(is_claimed));
}

pub(crate) async fn eight_work_through_a_queue_and_do_each_job_once() {
    const JOBS: usize = 40;
    let tables = Tables::fresh();
    let catalogs = processes(&tables).await;
    let jobs: Vec<Job> = (0..JOBS).map(|_| job()).collect();
    for some in jobs.chunks(10) {
        commit(&*catalogs[0], some.iter().cloned().map(Write::AddJob)).await;
    }
    let workers = catalogs.iter().cloned().map(|catalog| {
        tokio::spawn(async move {
            let mut own = 0;
            loop {
                let due = catalog.due_jobs(NOW, 5).await.unwrap();
                if due.is_empty() {
                    return own;
                }
                for job in due {
                    let (running, token) = claim(&job);
                    match catalog.commit(vec![Write::ReplaceJob(running.clone())]).await {
                        Ok(()) => {}
                        Err(CatalogError::Conflict) => continue,
                        Err(error) => panic!("{error}"),
                    }
                    let (made, output) = done(&running, token);
                    commit(&*catalog, [Write::ReplaceJob(made), Write::AddOutput(output)]).await;
                    own += 1;
                }
            }
        })
    });
    let done: usize = join_all(workers).await.into_iter().map(Result::unwrap).sum();
    assert_eq!(done, JOBS);
    let catalog = &catalogs[0];
    assert_eq!(catalog.census().await.unwrap(), Census { done: 40, ..Census::default() });
    assert_eq!(catalog.claimed_jobs(10).await.unwrap(), []);
    for job in jobs {
        assert_eq!(catalog.outputs_of(job.media_id.unwrap()).await.unwrap().len(), 1);
    }
}

pub(crate) async fn operations_added_while_their_job_ends_are_all_told() {
    let tables = Tables::fresh();
    let catalogs = processes(&tables).await;
    let job = job();
    let song = song(&job);
    commit(&*catalogs[0], [Write::AddJob(job.clone()), Write::AddSong(song.clone())]).await;
    let operations: Vec<_> = (0..40).map(|_| operation(&song, &job)).collect();
    let asking = operations.iter().enumerate().map(|(n, operation)| {
        let (catalog, operation) = (Arc::clone(&catalogs[n % PROCESSES]), operation.clone());
        tokio::spawn(async move { commit(&*catalog, [Write::AddOperation(operation)]).await })
    });
    let (running, token) = claim(&job);
    let (made, output) = done(&running, token);
    let ending = {
        let (catalog, output) = (Arc::clone(&catalogs[0]), output.clone());
        tokio::spawn(async move {
            commit(&*catalog, [Write::ReplaceJob(running)]).await;
            commit(&*catalog, [Write::ReplaceJob(made), Write::AddOutput(output)]).await;
        })
    };
    for asked in join_all(asking).await {
        asked.unwrap();
    }
    ending.await.unwrap();
    assert_told(&tables, &operations, &song, &format!("s3://bucket/some/{}", output.key));
}

pub(crate) async fn more_operations_than_a_transaction_takes_are_all_told() {
    let tables = Tables::fresh();
    let catalog = tables.open().await;
    let job = job();
    let song = song(&job);
    commit(&*catalog, [Write::AddJob(job.clone()), Write::AddSong(song.clone())]).await;
    let operations: Vec<_> = (0..230).map(|_| operation(&song, &job)).collect();
    for some in operations.chunks(20) {
        commit(&*catalog, some.iter().cloned().map(Write::AddOperation)).await;
    }
    let (running, token) = claim(&job);
    let (made, output) = done(&running, token);
    let writes = [Write::ReplaceJob(running), Write::ReplaceJob(made), Write::AddOutput(output.clone())];
    commit(&*catalog, writes).await;
    assert_told(&tables, &operations, &song, &format!("s3://bucket/some/{}", output.key));
}

/// Holds that each operation's item, and the song's, say where the file is.
fn assert_told(
    tables: &Tables,
    operations: &[reelmill_core::Operation],
    song: &reelmill_core::Song,
    uri: &str,
) {
    let mut reads: Vec<_> =
        operations.iter().map(|operation| other::operation(tables, operation.id, &song.found.id)).collect();
    reads.push(other::song(tables, song.id));
    let mut items = has(tables, &reads);
    assert_eq!(items.pop().unwrap()["URLS3"], json!(uri));
    let told =
        items.iter().filter(|item| item["Data"] == json!(format!("Archivo guardado en S3: {uri}"))).count();
    assert_eq!(told, operations.len());
}

pub(crate) async fn the_most_jobs_are_added_moved_and_dropped_in_one_commit() {
    let tables = Tables::fresh();
    let catalog = tables.open().await;
    let account = super::sample::id();
    let jobs: Vec<Job> = (0..MAX_WRITES).map(|_| Job { account, ..job() }).collect();
    let all = PageQuery { limit: 100, after: None };
    let count = async |state: Option<StateName>, account| {
        let filter = JobFilter { state, account, ..JobFilter::default() };
        catalog.jobs(filter, all).await.unwrap().items.len()
    };
    commit(&*catalog, jobs.iter().cloned().map(Write::AddJob)).await;
    assert_eq!(count(None, None).await, MAX_WRITES);
    assert_eq!(count(Some(StateName::Queued), Some(account)).await, MAX_WRITES);
    let moved: Vec<Job> = jobs.iter().map(|job| claim(job).0).collect();
    commit(&*catalog, moved.iter().cloned().map(Write::ReplaceJob)).await;
    for account in [None, Some(account)] {
        assert_eq!(count(Some(StateName::Queued), account).await, 0);
        assert_eq!(count(Some(StateName::Running), account).await, MAX_WRITES);
    }
    assert_eq!(catalog.claimed_jobs(100).await.unwrap().len(), MAX_WRITES);
    assert_eq!(catalog.due_jobs(NOW, 100).await.unwrap(), []);
    // One of them does not stand where it is thought to: all stay.
    let mut drops: Vec<Write> = moved.iter().map(|job| Write::DropJob(job.id, job.version)).collect();
    let last = drops.pop().unwrap();
    drops.push(Write::DropJob(moved[MAX_WRITES - 1].id, 1));
    assert!(matches!(catalog.commit(drops.clone()).await, Err(CatalogError::Conflict)));
    assert_eq!(count(None, Some(account)).await, MAX_WRITES);
    drops.pop();
    drops.push(last);
    commit(&*catalog, drops).await;
    assert_eq!(count(None, None).await, 0);
    assert_eq!(catalog.census().await.unwrap(), Census::default());
    assert!(matches!(moved[0].state, State::Running { .. }));
}
