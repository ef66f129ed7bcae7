//! What is SQLite's own: its query plans, its schema from release to release, a file that is newer than the build.

use reelmill_core::ports::{ChangeQuery, JobFilter, PageQuery, Sequence};
use reelmill_core::{NoticeKind, Timestamp, UserId};
use sqlx::Row;
use tempfile::TempDir;

use super::*;
use crate::catalog::Migrated;

/// Every schema that was released, with some data, as `sqlite3 .dump` writes it.
const RELEASED: &[(i64, &str)] = &[
    (1, include_str!("../../../tests/fixtures/schema_0001.sql")),
    (2, include_str!("../../../tests/fixtures/schema_0002.sql")),
    (3, include_str!("../../../tests/fixtures/schema_0003.sql")),
    (4, include_str!("../../../tests/fixtures/schema_0004.sql")),
    (5, include_str!("../../../tests/fixtures/schema_0005.sql")),
    (6, include_str!("../../../tests/fixtures/schema_0006.sql")),
];

const fn all() -> PageQuery {
    PageQuery { limit: 10, after: None }
}

fn file(folder: &TempDir) -> PathBuf {
    folder.path().join("catalog.sqlite")
}

async fn run(path: &Path, sql: &'static str) {
    let mut connection = connect(path).await.unwrap();
    sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

async fn migrated(path: &Path) -> Migrated {
    let mut connection = connect(path).await.unwrap();
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
        let jobs = catalog.jobs(own, all()).await.unwrap().items;
        assert_eq!(jobs.len(), 2, "{jobs:?}");
        let running = catalog.claimed_jobs(10).await.unwrap();
        assert_eq!((running.len(), running[0].pulse.beats), (1, 3));
        let media = jobs[1].media_id.unwrap();
        let outputs = catalog.outputs_of(media).await.unwrap();
        assert_eq!(outputs.len(), 1);
        assert!(catalog.media(media).await.unwrap().is_some());
        assert_eq!(catalog.api_keys(user.id).await.unwrap().len(), 1);
        assert_eq!(catalog.intents(None, 10).await.unwrap().len(), 2);
        let people = catalog.due_notices(NoticeKind::Person, running[0].created_at, 10).await.unwrap();
        assert_eq!(people.len(), 1);
        let census = catalog.census().await.unwrap();
        assert_eq!((census.claimed, census.done), (1, 1));
        assert_eq!(catalog.next_number(Sequence::Users).await.unwrap(), 2);
        if *version >= 2 {
            holds_what_came_with_the_second(&catalog, user.id).await;
        } else {
            assert_eq!(catalog.songs_by_title("", 10).await.unwrap(), []);
            assert_eq!(catalog.next_number(Sequence::Tasks).await.unwrap(), 1);
        }
        let programs = catalog.due_notices(NoticeKind::Queue, running[0].created_at, 10).await.unwrap();
        let named = catalog.media_by_fid("64b7f0c2a1b2c3d4e5f60718").await.unwrap();
        let epoch = catalog.worker_epoch("encoder-1").await.unwrap();
        assert_eq!(
            (programs.len(), named.is_some(), epoch),
            if *version >= 3 { (1, true, 7) } else { (0, false, 0) }
        );
        let paused_ms = catalog.paused_since().await.unwrap().map(Timestamp::as_ms);
        assert_eq!(paused_ms, (*version >= 4).then_some(1_790_000_000_000));
        let latest = catalog.latest_change().await.unwrap().unwrap();
        let since = ChangeQuery { account: Some(user.id), since: latest, after: None, limit: 10 };
        let changed = catalog.changed_jobs(since).await.unwrap();
        assert!(changed.iter().all(|job| job.changed_at == latest), "{changed:?}");
        assert_eq!(latest.as_ms() > 0, *version >= 5);
    }
}

async fn holds_what_came_with_the_second(catalog: &dyn Catalog, user: UserId) {
    let songs = catalog.songs_by_title("", 10).await.unwrap();
    assert_eq!(songs.len(), 2);
    let long = songs[1].title_lower();
    assert!(long.chars().count() > 255, "{long}");
    assert_eq!(catalog.songs_by_title(&long, 10).await.unwrap(), songs[1..]);
    assert_eq!(catalog.song_by_source("dQw4w9WgXcQ").await.unwrap().as_ref(), Some(&songs[0]));
    let due = catalog.due_jobs(songs[0].created_at, 10).await.unwrap();
    assert_eq!((due.len(), due[0].id, due[0].media_id), (1, songs[0].job, None));
    assert_eq!(due[0].origin.as_ref(), Some(&songs[0].found));
    let videos = catalog.videos(all()).await.unwrap().items;
    assert_eq!(videos.iter().map(|video| video.number).collect::<Vec<_>>(), [2, 1]);
    let thumbnail = videos[1].thumbnail.as_ref().unwrap();
    assert!(thumbnail.picture.is_some());
    assert_eq!(catalog.video_by_thumbnail(thumbnail.uuid).await.unwrap().as_ref(), Some(&videos[1]));
    let task = catalog.task_by_file(user, "O'Brien.mañana.ogg").await.unwrap().unwrap();
    assert_eq!(catalog.task(1).await.unwrap(), Some(task));
    for (sequence, next) in [(Sequence::Videos, 3), (Sequence::Tasks, 2)] {
        assert_eq!(catalog.next_number(sequence).await.unwrap(), next);
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
async fn a_catalog_of_a_newer_build_that_only_added_is_worked_on_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let known = migrated(&file(&folder)).await.to;
    run(
        &file(&folder),
        "INSERT INTO migrations (version) VALUES (1000); ALTER TABLE media ADD COLUMN more TEXT",
    )
    .await;
    assert!(known < 1000);
    assert_eq!(migrated(&file(&folder)).await, Migrated { from: 1000, to: 1000 });
    let catalog = open(&file(&folder)).await.unwrap();
    assert_eq!(catalog.next_number(Sequence::Users).await.unwrap(), 1);
}

#[tokio::test]
async fn the_build_before_goes_on_beside_this_one() {
    let folder = tempfile::tempdir().unwrap();
    run(&file(&folder), RELEASED[1].1).await;
    migrated(&file(&folder)).await;
    let mut before = connect(&file(&folder)).await.unwrap();
    // That build refuses a catalog where this answers more than the 2 that it knows.
    let looks = sqlx::query("SELECT version FROM schema_version ORDER BY version DESC LIMIT 1");
    assert_eq!(looks.fetch_one(&mut before).await.unwrap().get::<i64, _>(0), 2);
    // As it writes, and as it reads.
    let writes = "INSERT INTO media (id, owner, body) SELECT '01939f00-0000-7000-8000-0000000000f1', owner, body FROM media LIMIT 1; \
         INSERT INTO notices (id, due_at_ms, body) SELECT '01939f00-0000-7000-8000-0000000000f2', due_at_ms, body FROM notices; \
         UPDATE notices SET due_at_ms = 1, body = body WHERE id = '01939f00-0000-7000-8000-000000000009'";
    sqlx::raw_sql(writes).execute(&mut before).await.unwrap();
    let catalog = open(&file(&folder)).await.unwrap();
    let reads = sqlx::query("SELECT body FROM notices WHERE due_at_ms <= 1 ORDER BY due_at_ms, id LIMIT 5");
    assert_eq!(reads.fetch_all(&mut before).await.unwrap().len(), 1);
    let now = reelmill_core::Timestamp::from_ms(1_795_000_000_000);
    assert_eq!(catalog.due_notices(NoticeKind::Person, now, 10).await.unwrap().len(), 2);
    assert_eq!(catalog.due_notices(NoticeKind::Queue, now, 10).await.unwrap(), []);
    assert_eq!(catalog.media_page(None, all()).await.unwrap().items.len(), 2);
}

#[tokio::test]
async fn every_lookup_on_the_way_of_a_request_walks_an_index() {
    let folder = tempfile::tempdir().unwrap();
    migrated(&file(&folder)).await;
    let mut connection = connect(&file(&folder)).await.unwrap();
    let lookups = [
        (
            "SELECT body FROM jobs WHERE state = '' AND priority = 0 AND due_at_ms <= 0 ORDER BY due_at_ms, id",
            "jobs_due",
        ),
        (
            "SELECT body FROM jobs WHERE state = '' AND priority = 0 AND account > '' AND account <= 'g' \
             ORDER BY account, due_at_ms, id LIMIT 1",
            "jobs_turn",
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
        ("SELECT body FROM media WHERE fid = ''", "media_fid"),
        ("SELECT body FROM notices WHERE due_at_ms <= 0 ORDER BY due_at_ms, id", "notices_due"),
        (
            "SELECT body FROM notices WHERE kind = '' AND due_at_ms <= 0 ORDER BY due_at_ms, id",
            "notices_kind_due",
        ),
        ("SELECT body FROM api_keys WHERE user_id = '' ORDER BY id", "api_keys_user"),
        ("SELECT body FROM users WHERE number = 1", "users_number"),
        ("SELECT body FROM songs WHERE source_id = ''", "songs_source"),
        (
            "SELECT body FROM songs WHERE title >= 'a' AND title < 'b' ORDER BY title, title_rest, id LIMIT 5",
            "songs_title",
        ),
        ("SELECT body FROM songs WHERE title_rest >= 'a' AND title_rest < 'b' AND title = ''", "songs_title"),
        ("SELECT body FROM videos WHERE thumbnail = ''", "videos_thumbnail"),
        ("SELECT body FROM tasks WHERE account = '' AND number > 1 ORDER BY number", "tasks_account"),
        ("SELECT body FROM tasks WHERE account = '' AND number < 1 ORDER BY number DESC", "tasks_account"),
        ("SELECT MAX(number) FROM tasks WHERE account = '' AND name = ''", "tasks_name"),
        ("SELECT MAX(number) FROM tasks WHERE account = '' AND result_name = ''", "tasks_result_name"),
    ];
    for (lookup, index) in lookups {
        let plan = sqlx::raw_sql(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {lookup}")));
        let rows = plan.fetch_all(&mut connection).await.unwrap();
        let plan: Vec<String> = rows.iter().map(|row| row.get("detail")).collect();
        let plan = plan.join("; ");
        assert!(plan.contains(&format!("INDEX {index} (")), "{lookup}: {plan}");
        assert!(!plan.contains("SCAN"), "{lookup}: {plan}");
        if !lookup.contains("IN (") {
            // Titles that begin alike for as long as is indexed are put in order, all titles never are.
            let is_partly = lookup.contains("ORDER BY title, title_rest");
            let sorting = if is_partly { "TEMP B-TREE FOR ORDER BY" } else { "TEMP B-TREE" };
            assert!(!plan.contains(sorting), "{lookup}: {plan}");
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
