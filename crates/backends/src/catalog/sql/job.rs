//! A job's row: what of the job stands in columns of its own, and the writes that keep it so.
//!
//! The pulse is in columns only, so that a beat rewrites no record and makes no version.

use reelmill_core::ports::{Beat, CatalogError};
use reelmill_core::{Job, JobId, MediaId, Priority, Pulse, Stage, State, StateName, Token};
use sqlx::{AnyConnection, Row};

use super::failure::Changed;
use super::tally::Tally;
use super::{Dialect, row};

/// Adds the job with a fresh pulse.
pub(super) async fn add(on: &mut AnyConnection, dialect: &Dialect, tally: &mut Tally, job: &Job) -> Changed {
    let sql = "INSERT INTO jobs (id, account, media_id, state, priority, due_at_ms, version, token, beats, \
               progress, stage, changed_at_ms, body) VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, 0.0, '', ?, ?)";
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
        .bind(job.changed_at.as_ms())
        .bind(row::to_body(job)?);
    statement.execute(&mut *on).await?;
    tally.count(job.id, job.state.name(), 1);
    Ok(())
}

/// Replaces the version before; the pulse stays where the claim does.
pub(super) async fn replace(
    on: &mut AnyConnection,
    dialect: &Dialect,
    tally: &mut Tally,
    job: &Job,
) -> Changed {
    let before = job.version.checked_sub(1).ok_or(CatalogError::Conflict)?;
    let (old_state, old_token) = stand(on, dialect, job.id, before).await?;
    let (state, token) = (job.state.name(), token_of(job));
    let pulse = if token == old_token { "" } else { ", beats = 0, progress = 0.0, stage = ''" };
    let sql = format!(
        "UPDATE jobs SET account = ?, media_id = ?, state = ?, priority = ?, due_at_ms = ?, version = ?, \
         token = ?, changed_at_ms = ?, body = ?{pulse} WHERE id = ? AND version = ?"
    );
    let statement = dialect
        .query(&sql)
        .bind(job.account.to_string())
        .bind(media_of(job))
        .bind(state.as_str())
        .bind(priority_rank(job.priority))
        .bind(due_at_ms(job))
        .bind(row::signed(job.version))
        .bind(token)
        .bind(job.changed_at.as_ms())
        .bind(row::to_body(job)?)
        .bind(job.id.to_string())
        .bind(row::signed(before));
    let replaced = statement.execute(&mut *on).await?.rows_affected();
    if replaced != 1 {
        return Err(CatalogError::Conflict.into());
    }
    if old_state != state {
        tally.count(job.id, old_state, -1);
        tally.count(job.id, state, 1);
    }
    Ok(())
}

/// Takes the job of that version away.
pub(super) async fn drop_version(
    on: &mut AnyConnection,
    dialect: &Dialect,
    tally: &mut Tally,
    id: JobId,
    version: u64,
) -> Changed {
    let (state, _) = stand(on, dialect, id, version).await?;
    let statement = dialect.query("DELETE FROM jobs WHERE id = ? AND version = ?");
    let statement = statement.bind(id.to_string()).bind(row::signed(version));
    let dropped = statement.execute(&mut *on).await?.rows_affected();
    if dropped != 1 {
        return Err(CatalogError::Conflict.into());
    }
    tally.count(id, state, -1);
    Ok(())
}

/// Counts a beat, and says whether the job was cancelled.
pub(super) async fn beat(
    on: &mut AnyConnection,
    dialect: &Dialect,
    id: JobId,
    token: Token,
    pulse: Pulse,
) -> Changed<Beat> {
    let sql = "UPDATE jobs SET beats = beats + 1, progress = ?, stage = ? WHERE id = ? AND token = ?";
    let statement = dialect
        .query(sql)
        .bind(pulse.progress)
        .bind(pulse.stage.map_or("", Stage::as_str))
        .bind(id.to_string())
        .bind(token_text(token));
    let beaten = statement.execute(&mut *on).await?.rows_affected();
    let statement = dialect.query("SELECT state FROM jobs WHERE id = ?").bind(id.to_string());
    let row = statement.fetch_optional(&mut *on).await?.ok_or(CatalogError::NotFound)?;
    if beaten != 1 {
        return Err(CatalogError::Conflict.into());
    }
    let state: &str = row.try_get(0)?;
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
) -> Changed<(StateName, String)> {
    let statement = dialect.query("SELECT state, token FROM jobs WHERE id = ? AND version = ?");
    let statement = statement.bind(id.to_string()).bind(row::signed(version));
    let row = statement.fetch_optional(on).await?.ok_or(CatalogError::Conflict)?;
    let name: &str = row.try_get(0)?;
    let state =
        StateName::from_name(name).ok_or_else(|| CatalogError::Corrupt(format!("no job can be `{name}`")))?;
    Ok((state, row.try_get(1)?))
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
