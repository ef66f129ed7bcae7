//! What is SQLite's own: its query plans, its schema from release to release, a file that is newer than the build.

use reelmill_core::ports::{JobFilter, PageQuery};
use sqlx::Row;
use tempfile::TempDir;

use super::*;
use crate::catalog::Migrated;

/// Every schema that was released, with some data, as `sqlite3 .dump` writes it.
const RELEASED: &[(i64, &str)] = &[(1, include_str!("../../../tests/fixtures/schema_0001.sql"))];

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("catalog.sqlite")
}

async fn run(path: &Path, sql: &'static str) {
    let mut connection = connect(path, WRITER).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn migrated(path: &Path) -> Migrated {
    let mut connection = connect(path, WRITER).await.unwrap();
    let migrated = migrate(&mut connection, &DIALECT).await.unwrap();
    connection.close().await.unwrap();
    migrated
}

#[tokio::test]
async fn every_released_schema_is_brought_up_to_date_with_its_data() {
    for (version, dump) in RELEASED {
        let folder = tempfile::tempdir().unwrap();
        run(&file(&folder), dump).await;
        assert_eq!(migrated(&file(&folder)).await.from, *version);
        let catalog = open(&file(&folder)).await.unwrap();

        let user = catalog.user_by_login("admin@example.org").await.unwrap().unwrap();
        let own = JobFilter { account: Some(user.id), ..JobFilter::default() };
        let jobs = catalog.jobs(own, PageQuery { limit: 10, after: None }).await.unwrap().items;
        assert_eq!(jobs.len(), 2, "{jobs:?}");
        let running = catalog.claimed_jobs(10).await.unwrap();
        assert_eq!((running.len(), running[0].pulse.beats), (1, 3));
        let outputs = catalog.outputs_of(jobs[1].media_id).await.unwrap();
        assert_eq!(outputs.len(), 1);
        assert!(catalog.media(jobs[1].media_id).await.unwrap().is_some());
        assert_eq!(catalog.api_keys(user.id).await.unwrap().len(), 1);
        assert_eq!(catalog.intents(None, 10).await.unwrap().len(), 2);
        assert_eq!(catalog.due_notices(running[0].created_at, 10).await.unwrap().len(), 1);
        let census = catalog.census().await.unwrap();
        assert_eq!((census.claimed, census.done), (1, 1));
        assert_eq!(catalog.next_number(reelmill_core::ports::Sequence::Users).await.unwrap(), 2);
    }
}

#[tokio::test]
async fn a_migration_tells_what_it_did() {
    let folder = tempfile::tempdir().unwrap();
    let known = i64::try_from(RELEASED.len()).unwrap();
    assert_eq!(migrated(&file(&folder)).await, Migrated { from: 0, to: known });
    assert_eq!(migrated(&file(&folder)).await, Migrated { from: known, to: known });
}

#[tokio::test]
async fn a_catalog_of_a_newer_build_is_refused_with_both_versions() {
    let folder = tempfile::tempdir().unwrap();
    migrated(&file(&folder)).await;
    run(&file(&folder), "INSERT INTO schema_version (version) VALUES (1000)").await;
    let refused = open(&file(&folder)).await.unwrap_err();
    assert!(matches!(refused, CatalogError::TooNew { found: 1000, known } if known < 1000), "{refused}");
}

#[tokio::test]
async fn every_lookup_on_the_way_of_a_request_walks_an_index() {
    let folder = tempfile::tempdir().unwrap();
    migrated(&file(&folder)).await;
    let mut connection = connect(&file(&folder), READER).await.unwrap();
    let lookups = [
        (
            "SELECT body FROM jobs WHERE state = '' AND priority = 0 AND due_at_ms <= 0 ORDER BY due_at_ms, id",
            "jobs_due",
        ),
        ("SELECT body FROM jobs WHERE state IN ('', 'x') ORDER BY id LIMIT 5", "jobs_state"),
        ("SELECT body FROM jobs WHERE id < 'g' AND account = '' ORDER BY id DESC LIMIT 5", "jobs_account"),
        (
            "SELECT body FROM jobs WHERE id < 'g' AND account = '' AND state = '' ORDER BY id DESC",
            "jobs_account_state",
        ),
        ("SELECT body FROM jobs WHERE id < 'g' AND media_id = '' ORDER BY id DESC", "jobs_media"),
        ("SELECT body FROM jobs WHERE id < 'g' AND state = '' ORDER BY id DESC", "jobs_state"),
        ("SELECT body FROM media WHERE id < 'g' AND owner = '' ORDER BY id DESC", "media_owner"),
        ("SELECT body FROM outputs WHERE media_id = '' ORDER BY id", "outputs_media"),
        ("SELECT body FROM notices WHERE due_at_ms <= 0 ORDER BY due_at_ms, id", "notices_due"),
        ("SELECT body FROM api_keys WHERE user_id = '' ORDER BY id", "api_keys_user"),
    ];
    for (lookup, index) in lookups {
        let plan = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {lookup}")));
        let rows = plan.fetch_all(&mut connection).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let plan = plan.join("; ");
        assert!(plan.contains(&format!("USING INDEX {index} (")), "{lookup}: {plan}");
        assert!(!plan.contains("SCAN"), "{lookup}: {plan}");
        if !lookup.contains("IN (") {
            assert!(!plan.contains("TEMP B-TREE"), "{lookup}: {plan}");
        }
    }
}

#[tokio::test]
async fn the_file_is_its_owners_alone() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    migrated(&file(&folder)).await;
    assert_eq!(file(&folder).metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

#[tokio::test]
async fn any_path_names_a_file() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a b.sqlite", "100%41?mode=memory#x", "mañana/🎬", ":memory:"] {
        let path = folder.path().join(name);
        migrated(&path).await;
        assert!(path.metadata().unwrap().len() > 0, "{name}");
    }
}
