//! From rows to records, and from the driver's errors to the port's.

use reelmill_core::ports::CatalogError;
use reelmill_core::{Intent, Job, Key, Pulse, Stage, Timestamp};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

/// The driver's error as the port's. What a constraint refuses is a condition that does not hold.
pub(in crate::catalog) fn error(error: sqlx::Error) -> CatalogError {
    match error {
        sqlx::Error::Database(inner) if inner.is_unique_violation() => CatalogError::Conflict,
        sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_) | sqlx::Error::ColumnNotFound(_) => {
            CatalogError::Corrupt(error.to_string())
        }
        error => CatalogError::Unavailable(error.to_string()),
    }
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
    let signed: i64 = row.try_get(column).map_err(error)?;
    u64::try_from(signed).map_err(|_| CatalogError::Corrupt(format!("a count of {signed}")))
}

/// A count as the database keeps it.
pub(super) fn signed(count: u64) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}

fn parse<T: DeserializeOwned>(text: &str) -> Result<T, CatalogError> {
    serde_json::from_str(text).map_err(|error| CatalogError::Corrupt(error.to_string()))
}
