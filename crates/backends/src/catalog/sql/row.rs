//! From rows to records, and from the driver's errors to the port's.

use reelmill_core::ports::CatalogError;
use reelmill_core::{Intent, Job, Key, Pulse, Stage, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;
use sqlx::error::DatabaseError;

/// The driver's error as the port's.
pub(in crate::catalog) fn error(error: sqlx::Error) -> CatalogError {
    verdict(error).unwrap_or_else(|error| CatalogError::Unavailable(error.to_string()))
}

/// What the error says about what was asked for; or the error, where it says something about the database. What a
/// constraint refuses is a condition that does not hold.
pub(super) fn verdict(error: sqlx::Error) -> Result<CatalogError, sqlx::Error> {
    match error {
        sqlx::Error::Database(inner) if inner.is_unique_violation() => Ok(CatalogError::Conflict),
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            Ok(CatalogError::Corrupt(error.to_string()))
        }
        sqlx::Error::Database(inner) if is_unholdable(&*inner) => {
            Ok(CatalogError::Corrupt(inner.to_string()))
        }
        error => Err(error),
    }
}

/// Whether a value is of no kind that the database can hold: a NUL in a text on PostgreSQL, or too much of anything.
pub(super) fn is_unholdable(error: &dyn DatabaseError) -> bool {
    // The classes "data exception" and "program limit exceeded" of the SQL standard and PostgreSQL.
    error.code().is_some_and(|code| code.len() == 5 && (code.starts_with("22") || code.starts_with("54")))
}

/// A record as its body.
pub(super) fn to_body(record: &impl Serialize) -> Result<String, CatalogError> {
    serde_json::to_string(record).map_err(|error| CatalogError::Corrupt(error.to_string()))
}

/// A record from its body, the row's first column.
pub(super) fn from_body<T: DeserializeOwned>(row: &AnyRow) -> Result<T, CatalogError> {
    parse(row.try_get(0).map_err(error)?)
}

/// A job from `body, beats, progress, stage`.
pub(super) fn job(row: &AnyRow) -> Result<Job, CatalogError> {
    let mut job: Job = from_body(row)?;
    job.pulse = Pulse {
        beats: count(row, 1)?,
        progress: row.try_get(2).map_err(error)?,
        stage: Stage::from_name(row.try_get(3).map_err(error)?),
    };
    Ok(job)
}

/// An intent from `object_key, holder, beats, created_at_ms`.
pub(super) fn intent(row: &AnyRow) -> Result<Intent, CatalogError> {
    let key: &str = row.try_get(0).map_err(error)?;
    Ok(Intent {
        key: key.parse::<Key>().map_err(|bad| CatalogError::Corrupt(bad.to_string()))?,
        holder: parse(row.try_get(1).map_err(error)?)?,
        beats: count(row, 2)?,
        created_at: Timestamp::from_ms(row.try_get(3).map_err(error)?),
    })
}

/// A count, which the database keeps with a sign.
pub(super) fn count(row: &AnyRow, column: usize) -> Result<u64, CatalogError> {
    unsigned(row.try_get(column).map_err(error)?)
}

/// A count that cannot be below zero.
pub(super) fn unsigned(signed: i64) -> Result<u64, CatalogError> {
    u64::try_from(signed).map_err(|_| CatalogError::Corrupt(format!("a count of {signed}")))
}

/// A count as the database keeps it.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, CatalogError> {
    serde_json::from_str(text).map_err(|error| CatalogError::Corrupt(error.to_string()))
}
