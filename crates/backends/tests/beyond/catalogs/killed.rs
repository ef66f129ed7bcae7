//! Connections that are killed, at any moment.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use reelmill_backends::Deployment;
use reelmill_backends::catalog::{self, Migrated};
use reelmill_core::ports::{Catalog, CatalogError, PageQuery, Sequence};
use reelmill_core::{
    Door, Holder, Intent, Job, Key, Media, MediaInfo, Priority, Profile, Pulse, Settings, State, Timestamp,
    Write,
};
use sqlx::{AssertSqlSafe, Connection};
use uuid::Uuid;

use super::database::{Database, run};
use super::proxy::Proxy;

const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

fn deployment() -> Deployment {
    Deployment::within(".".into())
}

/// An intent, a media and a job of one id: one commit.
fn trio(id: Uuid) -> Vec<Write> {
    let key: Key = format!("media/{id}").parse().unwrap();
    let media = Media {
        id: id.into(),
        owner: id.into(),
        name: "talk.mp4".to_owned(),
        key: key.clone(),
        size_bytes: 5,
        blake3: "ab".repeat(32),
        content_type: "video/mp4".to_owned(),
        fid: None,
        info: MediaInfo::default(),
        task: None,
        created_at: NOW,
    };
    let job = Job {
        id: id.into(),
        account: id.into(),
        media_id: Some(id.into()),
        origin: None,
        song: None,
        task: None,
        profile: Profile::named("mp3").unwrap(),
        overrides: Settings::default(),
        plan: None,
        priority: Priority::Normal,
        door: Door::V1,
        max_attempts: 3,
        deadline_ms: 3_600_000,
        created_at: NOW,
        started_at: None,
        changed_at: NOW,
        attempt: 0,
        state: State::Queued { due_at: NOW, last_failure: None },
        version: 1,
        pulse: Pulse::default(),
    };
    let intent = Intent { key, holder: Holder::Upload, beats: 0, created_at: NOW };
    vec![Write::AddIntent(intent), Write::AddMedia(media), Write::AddJob(job)]
}

pub(crate) async fn what_was_acknowledged_is_there_whatever_connections_are_killed(server: String) {
    let database = Database::create(&server).await;
    let catalogs =
        join_all((0..3).map(|_| async { catalog::open(&database.url(), &deployment()).await.unwrap() }));
    let catalogs = catalogs.await;
    let is_over = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..12)
        .map(|n| {
            let (catalog, is_over) = (Arc::clone(&catalogs[n % 3]), Arc::clone(&is_over));
            tokio::spawn(async move { commit_until(&*catalog, &is_over).await })
        })
        .collect();
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(40)).await;
        kill_connections(&database.url()).await;
    }
    is_over.store(true, Ordering::SeqCst);
    let tries: Vec<(Uuid, bool)> = join_all(tasks).await.into_iter().flat_map(Result::unwrap).collect();
    let acknowledged = tries.iter().filter(|(_, is_taken)| *is_taken).count();
    assert!(acknowledged > 50, "{acknowledged} of {} came through", tries.len());

    let catalog = catalog::open(&database.url(), &deployment()).await.unwrap();
    let intents = intents(&*catalog).await;
    let mut jobs = 0;
    for (id, is_taken) in tries {
        let job = catalog.job(id.into()).await.unwrap().is_some();
        let media = catalog.media(id.into()).await.unwrap().is_some();
        let intent = intents.contains(&format!("media/{id}"));
        assert!(job == media && media == intent, "{id} is there by half");
        assert!(job || !is_taken, "{id} was acknowledged and is not there");
        jobs += u64::from(job);
    }
    assert_eq!(catalog.census().await.unwrap().queued, jobs);
    // Those that lost their connections go on by themselves.
    for catalog in catalogs {
        until_it_works(&*catalog).await;
        assert_eq!(catalog.census().await.unwrap().queued, jobs);
    }
}

/// Ends every connection to the database but the one that this is said on.
async fn kill_connections(url: &str) {
    if url.starts_with("postgres") {
        let others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity \
                      WHERE datname = current_database() AND pid <> pg_backend_pid()";
        return run(url, others).await;
    }
    let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
    let others = "SELECT CAST(id AS CHAR) FROM information_schema.processlist \
                  WHERE db = DATABASE() AND id <> CONNECTION_ID()";
    let others: Vec<String> = sqlx::query_scalar(others).fetch_all(&mut connection).await.unwrap();
    for id in others {
        // It may have ended by itself.
        let _ = sqlx::raw_sql(AssertSqlSafe(format!("KILL {id}"))).execute(&mut connection).await;
    }
    connection.close().await.unwrap();
}

async fn commit_until(catalog: &dyn Catalog, is_over: &AtomicBool) -> Vec<(Uuid, bool)> {
    let mut tries = Vec::new();
    while !is_over.load(Ordering::SeqCst) {
        let id = Uuid::new_v4();
        match catalog.commit(trio(id)).await {
            Ok(()) => tries.push((id, true)),
            Err(error) => {
                assert!(matches!(error, CatalogError::Unavailable(_)), "{error}");
                tries.push((id, false));
            }
        }
    }
    tries
}

async fn intents(catalog: &dyn Catalog) -> HashSet<String> {
    let (mut keys, mut after) = (HashSet::new(), None);
    loop {
        let part = catalog.intents(after.as_ref(), 500).await.unwrap();
        let Some(last) = part.last() else { return keys };
        after = Some(last.key.clone());
        keys.extend(part.into_iter().map(|intent| String::from(intent.key)));
    }
}

async fn until_it_works(catalog: &dyn Catalog) {
    while catalog.next_number(Sequence::Users).await.is_err() || catalog.check().await.is_err() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// The schema of this build.
const NEWEST: i64 = 6;

pub(crate) async fn a_migration_that_breaks_off_anywhere_is_gone_on_with(server: String) {
    let mut broken_off = 0;
    for messages in (1..).step_by(4) {
        let database = Database::create(&server).await;
        let proxy = Proxy::before(&database.url()).await;
        proxy.cut_after(messages);
        let whole = catalog::migrate(proxy.url(), &deployment()).await.is_ok();
        let migrated = catalog::migrate(&database.url(), &deployment()).await.unwrap();
        assert_eq!(migrated.to, NEWEST);
        let catalog = catalog::open(&database.url(), &deployment()).await.unwrap();
        let id = Uuid::new_v4();
        catalog.commit(trio(id)).await.unwrap();
        let all = PageQuery { limit: 10, after: None };
        assert_eq!(catalog.media_page(Some(id.into()), all).await.unwrap().items.len(), 1);
        assert_eq!(catalog.census().await.unwrap().queued, 1);
        for sequence in Sequence::ALL {
            assert_eq!(catalog.next_number(sequence).await.unwrap(), 1);
        }
        if whole {
            assert_eq!(migrated, Migrated { from: NEWEST, to: NEWEST });
            break;
        }
        broken_off += 1;
    }
    assert!(broken_off >= 5, "it was broken off at {broken_off} places only");
}
