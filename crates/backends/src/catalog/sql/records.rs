//! Whole collections, part by part, each in the order of its table's key.

use reelmill_core::ports::{CatalogError, Part, Sequence};
use reelmill_core::{Collection, EndedToken, Record, Timestamp};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

use super::{SqlCatalog, row};

/// How a row becomes a record, and the place behind it.
type Read = fn(&AnyRow) -> Result<(Record, String), CatalogError>;

/// The rows of a table whose key is an id.
macro_rules! of {
    ($table:literal) => {
        concat!("SELECT body, id FROM ", $table, " WHERE id > ? ORDER BY id LIMIT ?")
    };
}

impl SqlCatalog {
    pub(super) async fn part(
        &self,
        collection: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Part, CatalogError> {
        let (sql, read): (&str, Read) = match collection {
            Collection::Users => (of!("users"), |row| of_id(row, Record::User)),
            Collection::ApiKeys => (of!("api_keys"), |row| of_id(row, Record::ApiKey)),
            Collection::Media => (of!("media"), |row| of_id(row, Record::Media)),
            Collection::Jobs => (of!("jobs"), |row| of_id(row, Record::Job)),
            Collection::Outputs => (of!("outputs"), |row| of_id(row, Record::Output)),
            Collection::Notices => (of!("notices"), |row| of_id(row, Record::Notice)),
            Collection::Songs => (of!("songs"), |row| of_id(row, Record::Song)),
            Collection::Operations => (of!("operations"), |row| of_id(row, Record::Operation)),
            Collection::Videos => (of!("videos"), |row| of_id(row, Record::Video)),
            Collection::Webhooks => (of!("webhooks"), |row| of_id(row, Record::Webhook)),
            Collection::Deliveries => (of!("deliveries"), |row| of_id(row, Record::Delivery)),
            Collection::Uploads => (of!("uploads"), |row| of_id(row, Record::Upload)),
            Collection::EndedTokens => (
                "SELECT jti, expires_at_ms FROM ended_tokens WHERE jti > ? ORDER BY jti LIMIT ?",
                ended_token,
            ),
            Collection::Intents => (
                "SELECT object_key, holder, beats, created_at_ms FROM intents \
                 WHERE object_key > ? ORDER BY object_key LIMIT ?",
                |row| row::intent(row).map(|intent| (Record::Intent(intent.clone()), intent.key.into())),
            ),
            Collection::Sequences => {
                ("SELECT name, given FROM sequences WHERE name > ? ORDER BY name LIMIT ?", sequence)
            }
            Collection::Receipts => return self.receipts(after, limit).await,
            Collection::Tasks => return self.tasks_behind(after, limit).await,
        };
        // Nothing is called by the empty text.
        let statement = self.dialect.query(sql).bind(after.unwrap_or_default().to_owned());
        part(&self.rows(statement.bind(i64::from(limit))).await?, limit, read)
    }

    async fn tasks_behind(&self, after: Option<&str>, limit: u32) -> Result<Part, CatalogError> {
        let after = after.map_or(Ok(i64::MIN), str::parse).map_err(|_| not_a_place())?;
        let sql = "SELECT body, number FROM tasks WHERE number > ? ORDER BY number LIMIT ?";
        let statement = self.dialect.query(sql).bind(after).bind(i64::from(limit));
        part(&self.rows(statement).await?, limit, |row| {
            let number: i64 = row.try_get(1).map_err(row::error)?;
            Ok((Record::Task(row::from_body(row)?), number.to_string()))
        })
    }

    async fn receipts(&self, after: Option<&str>, limit: u32) -> Result<Part, CatalogError> {
        let after = after.map_or(Ok(Default::default()), serde_json::from_str);
        let (scope, key): (String, String) = after.map_err(|_| not_a_place())?;
        let sql = "SELECT body, scope, receipt_key FROM receipts \
                   WHERE scope > ? OR (scope = ? AND receipt_key > ?) ORDER BY scope, receipt_key LIMIT ?";
        let statement = self.dialect.query(sql).bind(scope.clone()).bind(scope).bind(key);
        part(&self.rows(statement.bind(i64::from(limit))).await?, limit, |row| {
            let scope: &str = row.try_get(1).map_err(row::error)?;
            let key: &str = row.try_get(2).map_err(row::error)?;
            Ok((Record::Receipt(row::from_body(row)?), row::to_body(&(scope, key))?))
        })
    }
}

fn of_id<T: DeserializeOwned>(
    row: &AnyRow,
    record: fn(T) -> Record,
) -> Result<(Record, String), CatalogError> {
    Ok((record(row::from_body(row)?), row.try_get(1).map_err(row::error)?))
}

fn ended_token(row: &AnyRow) -> Result<(Record, String), CatalogError> {
    let jti: String = row.try_get(0).map_err(row::error)?;
    let expires_at = Timestamp::from_ms(row.try_get(1).map_err(row::error)?);
    Ok((Record::EndedToken(EndedToken { jti: jti.clone(), expires_at }), jti))
}

fn sequence(row: &AnyRow) -> Result<(Record, String), CatalogError> {
    let name: String = row.try_get(0).map_err(row::error)?;
    let sequence = Sequence::ALL.into_iter().find(|sequence| sequence.as_str() == name);
    let sequence = sequence.ok_or_else(|| CatalogError::Corrupt(format!("no sequence is `{name}`")))?;
    Ok((Record::Sequence(sequence, row.try_get(1).map_err(row::error)?), name))
}

fn part(
    rows: &[AnyRow],
    limit: u32,
    read: impl Fn(&AnyRow) -> Result<(Record, String), CatalogError>,
) -> Result<Part, CatalogError> {
    let (mut records, mut last) = (Vec::with_capacity(rows.len()), None);
    for row in rows {
        let (record, place) = read(row)?;
        records.push(record);
        last = Some(place);
    }
    Ok(Part { next: last.filter(|_| records.len() == limit as usize), records })
}

fn not_a_place() -> CatalogError {
    CatalogError::Corrupt("this is no place that a part ended at".to_owned())
}
