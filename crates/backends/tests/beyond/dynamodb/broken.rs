//! Connections that break once a call is under way.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use reelmill_core::Write;
use reelmill_core::ports::Sequence;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::sample::{claim, commit, job, operation, song};
use super::tables::Tables;

/// A way to the server on which answers get lost.
struct Way {
    endpoint: String,
    /// So many answers are cut off.
    cuts: Arc<AtomicUsize>,
    /// So many answers never come, on connections that stay.
    silences: Arc<AtomicUsize>,
}

impl Way {
    async fn to(server: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let endpoint = format!("http://{}", listener.local_addr().unwrap());
        let (cuts, silences) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let (server, own_cuts, own_silences) =
            (server.trim_start_matches("http://").to_owned(), Arc::clone(&cuts), Arc::clone(&silences));
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let upstream = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(carry(client, upstream, Arc::clone(&own_cuts), Arc::clone(&own_silences)));
            }
        });
        Self { endpoint, cuts, silences }
    }
}

async fn carry(client: TcpStream, server: TcpStream, cuts: Arc<AtomicUsize>, silences: Arc<AtomicUsize>) {
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let sending = tokio::spawn(async move { tokio::io::copy(&mut from_client, &mut to_server).await });
    let one_less = |count: usize| count.checked_sub(1);
    let mut piece = vec![0; 64 << 10];
    while let Ok(length @ 1..) = from_server.read(&mut piece).await {
        // The server has done it, and nobody hears of it.
        if cuts.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            break;
        }
        if silences.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less).is_ok() {
            std::future::pending::<()>().await;
        }
        if to_client.write_all(&piece[..length]).await.is_err() {
            break;
        }
    }
    sending.abort();
}

pub(crate) async fn a_commit_whose_answer_was_lost_is_taken_once() {
    let tables = Tables::fresh();
    let way = Way::to(&tables.endpoint).await;
    let catalog = tables.open_at(&way.endpoint).await;
    for lost in 1..4 {
        let job = job();
        way.cuts.store(lost, Ordering::SeqCst);
        // A second time, its condition would not hold.
        commit(&*catalog, [Write::AddJob(job.clone())]).await;
        assert_eq!(way.cuts.load(Ordering::SeqCst), 0);
        let (running, _) = claim(&job);
        way.cuts.store(lost, Ordering::SeqCst);
        commit(&*catalog, [Write::ReplaceJob(running.clone())]).await;
        assert_eq!(catalog.job(job.id).await.unwrap(), Some(running));
    }
    assert_eq!(catalog.census().await.unwrap().claimed, 3);
}

pub(crate) async fn an_answer_that_never_comes_is_asked_for_again() {
    let tables = Tables::fresh();
    let way = Way::to(&tables.endpoint).await;
    let catalog = tables.open_at(&way.endpoint).await;
    let job = job();
    let song = song(&job);
    let operation = operation(&song, &job);
    let writes = vec![Write::AddJob(job.clone()), Write::AddSong(song), Write::AddOperation(operation)];
    let start = Instant::now();
    way.silences.store(1, Ordering::SeqCst);
    commit(&*catalog, writes).await;
    way.silences.store(1, Ordering::SeqCst);
    assert!(catalog.job(job.id).await.unwrap().is_some());
    way.silences.store(1, Ordering::SeqCst);
    // A number may be left out, and none comes twice.
    let first = catalog.next_number(Sequence::Users).await.unwrap();
    assert!(catalog.next_number(Sequence::Users).await.unwrap() > first);
    assert_eq!(way.silences.load(Ordering::SeqCst), 0);
    assert!(start.elapsed() < Duration::from_secs(40), "{:?}", start.elapsed());
}
