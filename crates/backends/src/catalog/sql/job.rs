//! A job's row: what of the job stands in columns of its own, and the writes that keep it so.
//!
//! The pulse is in columns only, so that a beat rewrites no record and makes no version.

use reelmill_core::ports::{Beat, CatalogError};
use reelmill_core::{Job, JobId, MediaId, Priority, Pulse, Stage, State, StateName, Token};
use sqlx::{AnyConnection, Row};

use super::{Dialect, row};

/// The rows that each state's count is spread over; the migration made as many.
const SHARDS: u8 = 8;

/// Adds the job with a fresh pulse.
pub(super) async fn add(on: &mut AnyConnection, dialect: &Dialect, job: &Job) -> Result<(), CatalogError> {
    let sql = "INSERT INTO jobs (id, account, media_id, state, priority, due_at_ms, version, token, beats, \
               progress, stage, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0.0, '', ?)";
    let statement = dialect
        .query(sql)
        .bind(job.id.to_string())
        .bind(job.account.to_string())
        .bind(media_of(job))
        .bind(job.state.name().as_str())
        .bind(priority_rank(job.priority))
        .bind(due_at_ms(job))
        .bind(row::signed(job.version))
        .bind(token_of(job))
        .bind(row::to_body(job)?);
    statement.execute(&mut *on).await.map_err(row::error)?;
    count(on, dialect, job.id, job.state.name().as_str(), 1).await
}

/// Replaces the version before; the pulse stays where the claim does.
pub(super) async fn replace(
    on: &mut AnyConnection,
    dialect: &Dialect,
    job: &Job,
) -> Result<(), CatalogError> {
    let before = job.version.checked_sub(1).ok_or(CatalogError::Conflict)?;
    let (old_state, old_token) = stand(on, dialect, job.id, before).await?;
    let (state, token) = (job.state.name().as_str(), token_of(job));
    let pulse = if token == old_token { "" } else { ", beats = 0, progress = 0.0, stage = ''" };
    let sql = format!(
        "UPDATE jobs SET account = ?, media_id = ?, state = ?, priority = ?, due_at_ms = ?, version = ?, \
         token = ?, body = ?{pulse} WHERE id = ? AND version = ?"
    );
    let statement = dialect
        .query(&sql)
        .bind(job.account.to_string())
        .bind(media_of(job))
        .bind(state)
        .bind(priority_rank(job.priority))
        .bind(due_at_ms(job))
        .bind(row::signed(job.version))
        .bind(token)
        .bind(row::to_body(job)?)
        .bind(job.id.to_string())
        .bind(row::signed(before));
    let replaced = statement.execute(&mut *on).await.map_err(row::error)?.rows_affected();
    if replaced != 1 {
        return Err(CatalogError::Conflict);
    }
    if old_state != state {
        count(on, dialect, job.id, &old_state, -1).await?;
        count(on, dialect, job.id, state, 1).await?;
    }
    Ok(())
}

/// Takes the job of that version away.
pub(super) async fn drop_version(
    on: &mut AnyConnection,
    dialect: &Dialect,
    id: JobId,
    version: u64,
) -> Result<(), CatalogError> {
    let (state, _) = stand(on, dialect, id, version).await?;
    let statement = dialect.query("DELETE FROM jobs WHERE id = ? AND version = ?");
    let statement = statement.bind(id.to_string()).bind(row::signed(version));
    let dropped = statement.execute(&mut *on).await.map_err(row::error)?.rows_affected();
    if dropped != 1 {
        return Err(CatalogError::Conflict);
    }
    count(on, dialect, id, &state, -1).await
}

/// Counts a beat, and says whether the job was cancelled.
pub(super) async fn beat(
    on: &mut AnyConnection,
    dialect: &Dialect,
    id: JobId,
    token: Token,
    pulse: Pulse,
) -> Result<Beat, CatalogError> {
    let sql = "UPDATE jobs SET beats = beats + 1, progress = ?, stage = ? WHERE id = ? AND token = ?";
    let statement = dialect
        .query(sql)
        .bind(pulse.progress)
        .bind(pulse.stage.map_or("", Stage::as_str))
        .bind(id.to_string())
        .bind(token_text(token));
    let beaten = statement.execute(&mut *on).await.map_err(row::error)?.rows_affected();
    let statement = dialect.query("SELECT state FROM jobs WHERE id = ?").bind(id.to_string());
    let row = statement.fetch_optional(&mut *on).await.map_err(row::error)?.ok_or(CatalogError::NotFound)?;
    if beaten != 1 {
        return Err(CatalogError::Conflict);
    }
    let state: &str = row.try_get(0).map_err(row::error)?;
    Ok(if state == StateName::Cancelling.as_str() { Beat::Cancelling } else { Beat::Running })
}

/// Who goes first, as a number.
pub(super) const fn priority_rank(priority: Priority) -> i64 {
    match priority {
        Priority::Interactive => 0,
        Priority::Normal => 1,
        Priority::Bulk => 2,
    }
}

/// The state and token of a job that stands at `version`.
async fn stand(
    on: &mut AnyConnection,
    dialect: &Dialect,
    id: JobId,
    version: u64,
) -> Result<(String, String), CatalogError> {
    let statement = dialect.query("SELECT state, token FROM jobs WHERE id = ? AND version = ?");
    let statement = statement.bind(id.to_string()).bind(row::signed(version));
    let row = statement.fetch_optional(on).await.map_err(row::error)?.ok_or(CatalogError::Conflict)?;
    Ok((row.try_get(0).map_err(row::error)?, row.try_get(1).map_err(row::error)?))
}

async fn count(
    on: &mut AnyConnection,
    dialect: &Dialect,
    id: JobId,
    state: &str,
    change: i64,
) -> Result<(), CatalogError> {
    let statement = dialect.query("UPDATE job_counts SET jobs = jobs + ? WHERE state = ? AND shard = ?");
    // A job is counted in one shard all its life, so that no shard's count can fall below zero.
    let shard = i64::from(id.0.as_bytes()[15] % SHARDS);
    statement.bind(change).bind(state.to_owned()).bind(shard).execute(on).await.map_err(row::error)?;
    Ok(())
}

/// The empty text stands for no media: it is no media's id.
fn media_of(job: &Job) -> String {
    job.media_id.as_ref().map(MediaId::to_string).unwrap_or_default()
}

const fn due_at_ms(job: &Job) -> i64 {
    match job.state {
        State::Queued { due_at, .. } => due_at.as_ms(),
        _ => 0,
    }
}

fn token_of(job: &Job) -> String {
    job.claim().map(|claim| token_text(claim.token)).unwrap_or_default()
}

fn token_text(token: Token) -> String {
    format!("{}:{}", token.attempt, token.nonce)
}
