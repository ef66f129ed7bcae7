//! Migrations: numbered SQL files, each run once, while other processes are kept out.
//!
//! They only ever add, so that the build before can go on beside this one. Each says which build is the oldest that may:
//! `schema_version` holds what a build has to know at least (the first builds looked there for the schema's own version),
//! `migrations` holds what was run.

use reelmill_core::ports::CatalogError;
use sqlx::{AnyConnection, AssertSqlSafe, Row};

use super::dialect::Turn;
use super::{Dialect, row};
use crate::catalog::Migrated;

/// A step from one schema to the next.
struct Migration {
    sql: &'static str,
    /// The oldest build, by the schema that it knows, that may work with what comes out.
    oldest_build: i64,
}

/// Every schema that was released, the first one being version 1.
const MIGRATIONS: &[Migration] = &[
    Migration { sql: include_str!("../../../migrations/0001_first.sql"), oldest_build: 1 },
    Migration { sql: include_str!("../../../migrations/0002_doors.sql"), oldest_build: 2 },
    Migration { sql: include_str!("../../../migrations/0003_fleet.sql"), oldest_build: 2 },
    Migration { sql: include_str!("../../../migrations/0004_queue.sql"), oldest_build: 2 },
    Migration { sql: include_str!("../../../migrations/0005_changes.sql"), oldest_build: 2 },
    Migration { sql: include_str!("../../../migrations/0006_turns.sql"), oldest_build: 2 },
];

/// Brings the schema up to date.
pub(in crate::catalog) async fn migrate(
    on: &mut AnyConnection,
    dialect: &Dialect,
) -> Result<Migrated, CatalogError> {
    match dialect.turn {
        #[cfg(any(feature = "catalog-sqlite", feature = "catalog-postgres"))]
        Turn::Transaction(begin) => {
            run(on, begin).await.map_err(|error| kept_out(&error.to_string()))?;
            let migrated = upgrade(on, dialect).await;
            run(on, if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" }).await.map_err(row::error)?;
            migrated
        }
        #[cfg(feature = "catalog-mysql")]
        Turn::Lock { take, give_back } => {
            let taken = sqlx::query(take).fetch_one(&mut *on).await.map_err(row::error)?;
            if taken.try_get::<Option<i64>, _>(0).map_err(row::error)? != Some(1) {
                return Err(kept_out("it still does"));
            }
            let migrated = upgrade(on, dialect).await;
            run(on, give_back).await.map_err(row::error)?;
            migrated
        }
    }
}

async fn upgrade(on: &mut AnyConnection, dialect: &Dialect) -> Result<Migrated, CatalogError> {
    for table in ["schema_version", "migrations"] {
        let sql = format!("CREATE TABLE IF NOT EXISTS {table} (version BIGINT NOT NULL PRIMARY KEY)");
        run(on, &(dialect.ddl)(&sql)).await.map_err(row::error)?;
    }
    let mut oldest_build = newest(on, dialect, "schema_version").await?;
    let from = newest(on, dialect, "migrations").await?.max(oldest_build);
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if oldest_build > known {
        return Err(CatalogError::TooNew { found: from, known });
    }
    for (version, migration) in (1..).zip(MIGRATIONS) {
        if version <= from {
            continue;
        }
        for statement in statements(migration.sql) {
            step(on, dialect, statement).await?;
        }
        if migration.oldest_build > oldest_build {
            oldest_build = migration.oldest_build;
            note(on, dialect, "schema_version", oldest_build).await?;
        }
        note(on, dialect, "migrations", version).await?;
    }
    Ok(Migrated { from, to: from.max(known) })
}

/// A file's statements, one by one: a database that cannot take back what changes its schema goes on where it was stopped.
fn statements(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(";\n").filter(|statement| !statement.trim().is_empty())
}

async fn step(on: &mut AnyConnection, dialect: &Dialect, statement: &str) -> Result<(), CatalogError> {
    match run(on, &(dialect.ddl)(statement)).await {
        Err(sqlx::Error::Database(error)) if (dialect.is_done)(statement, &*error) => Ok(()),
        done => done.map_err(row::error),
    }
}

async fn newest(on: &mut AnyConnection, dialect: &Dialect, table: &str) -> Result<i64, CatalogError> {
    let newest = dialect.query(&format!("SELECT version FROM {table} ORDER BY version DESC LIMIT 1"));
    let row = newest.fetch_optional(on).await.map_err(row::error)?;
    row.map_or(Ok(0), |row| row.try_get(0).map_err(row::error))
}

async fn note(
    on: &mut AnyConnection,
    dialect: &Dialect,
    table: &str,
    version: i64,
) -> Result<(), CatalogError> {
    let sql = format!("INSERT INTO {table} (version) VALUES (?){}", (dialect.or_ignore)("version"));
    dialect.query(&sql).bind(version).execute(on).await.map(drop).map_err(row::error)
}

/// Why it is not our turn.
fn kept_out(said: &str) -> CatalogError {
    CatalogError::Unavailable(format!("waited for another process to migrate it: {said}"))
}

async fn run(on: &mut AnyConnection, sql: &str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(on).await.map(drop)
}
