//! Migrations: numbered SQL files, each run once, in one transaction that keeps other processes out.
//!
//! They only ever add, so that the build before can go on beside this one.

use reelmill_core::ports::CatalogError;
use sqlx::{AnyConnection, Row};

use super::{Dialect, row};
use crate::catalog::Migrated;

/// Every schema that was released, the first one being version 1.
const MIGRATIONS: &[&str] =
    &[include_str!("../../../migrations/0001_first.sql"), include_str!("../../../migrations/0002_doors.sql")];

/// Brings the schema up to date.
pub(in crate::catalog) async fn migrate(
    on: &mut AnyConnection,
    dialect: &Dialect,
) -> Result<Migrated, CatalogError> {
    run(on, dialect.begin).await?;
    let migrated = upgrade(on, dialect).await;
    run(on, if migrated.is_ok() { "COMMIT" } else { "ROLLBACK" }).await?;
    migrated
}

async fn upgrade(on: &mut AnyConnection, dialect: &Dialect) -> Result<Migrated, CatalogError> {
    run(on, "CREATE TABLE IF NOT EXISTS schema_version (version BIGINT NOT NULL PRIMARY KEY)").await?;
    let newest = dialect.query("SELECT version FROM schema_version ORDER BY version DESC LIMIT 1");
    let from = match newest.fetch_optional(&mut *on).await.map_err(row::error)? {
        Some(row) => row.try_get(0).map_err(row::error)?,
        None => 0,
    };
    let known = i64::try_from(MIGRATIONS.len()).unwrap_or(i64::MAX);
    if from > known {
        return Err(CatalogError::TooNew { found: from, known });
    }
    for (version, migration) in (1..).zip(MIGRATIONS) {
        if version > from {
            run(on, migration).await?;
            let statement = dialect.query("INSERT INTO schema_version (version) VALUES (?)");
            statement.bind(version).execute(&mut *on).await.map_err(row::error)?;
        }
    }
    Ok(Migrated { from, to: known })
}

async fn run(on: &mut AnyConnection, sql: &'static str) -> Result<(), CatalogError> {
    sqlx::raw_sql(sql).execute(on).await.map(drop).map_err(row::error)
}
