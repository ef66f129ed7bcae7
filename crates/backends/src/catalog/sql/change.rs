//! Changes: what the writer does for a caller, each with the conditions that it stands on.
//!
//! A condition is part of the statement where one statement will do (`UPDATE … WHERE version = ?`), so that it
//! holds on databases where transactions run side by side as well.

use reelmill_core::ports::{Beat, CatalogError, Sequence};
use reelmill_core::{
    ApiKey, Holder, Intent, JobId, Key, MediaId, Notice, Operation, Output, Pulse, Receipt, Timestamp, Token,
    User, UserId, Write,
};
use sqlx::{AnyConnection, Row};

use super::dialect::Statement;
use super::failure::Changed;
use super::tally::Tally;
use super::{Dialect, job, row, song, task, upload, video, webhook};

/// How much a sweep takes away of each sort at most.
const SWEEP: i64 = 2000;

/// What the row in `pauses` is called that stops all claims.
pub(super) const QUEUE: &str = "queue";

/// What a caller wants changed.
#[derive(Debug)]
pub(in crate::catalog) enum Change {
    Commit(Vec<Write>),
    Beat { job: JobId, token: Token, pulse: Pulse },
    TouchIntent(Key),
    NextNumber(Sequence),
    RegisterWorker(String),
    Pause(Timestamp),
    Resume,
    Sweep(Timestamp),
}

/// What a caller is told beside that it was done.
#[derive(Debug, Clone, Copy)]
pub(in crate::catalog) enum Done {
    /// Nothing.
    Nothing,
    /// The job that beats was cancelled.
    Cancelling,
    /// A number.
    Count(i64),
}

impl Done {
    pub(super) const fn count(self) -> i64 {
        match self {
            Self::Count(count) => count,
            Self::Nothing | Self::Cancelling => 0,
        }
    }
}

/// Does a change within the transaction that is open on the connection. After an error, what it did must be
/// rolled back, and its tally forgotten.
pub(super) async fn perform(
    on: &mut AnyConnection,
    dialect: &Dialect,
    tally: &mut Tally,
    change: &Change,
) -> Changed<Done> {
    match change {
        Change::Commit(writes) => {
            for write in writes {
                apply(on, dialect, tally, write).await?;
            }
            Ok(Done::Nothing)
        }
        Change::Beat { job, token, pulse } => match job::beat(on, dialect, *job, *token, *pulse).await? {
            Beat::Running => Ok(Done::Nothing),
            Beat::Cancelling => Ok(Done::Cancelling),
        },
        Change::TouchIntent(key) => {
            let sql = "UPDATE intents SET beats = beats + 1 WHERE object_key = ? AND condemned = 0";
            one(on, dialect.query(sql).bind(key.to_string())).await.map(|()| Done::Nothing)
        }
        Change::NextNumber(sequence) => next_number(on, dialect, *sequence).await,
        Change::RegisterWorker(name) => register_worker(on, dialect, name).await,
        Change::Pause(since) => {
            let sql = format!(
                "INSERT INTO pauses (name, since_ms) VALUES ('{QUEUE}', ?){}",
                (dialect.or_ignore)("name")
            );
            any(on, dialect.query(&sql).bind(since.as_ms())).await.map(|()| Done::Nothing)
        }
        Change::Resume => {
            let sql = format!("DELETE FROM pauses WHERE name = '{QUEUE}'");
            any(on, dialect.query(&sql)).await.map(|()| Done::Nothing)
        }
        Change::Sweep(now) => sweep(on, dialect, *now).await,
    }
}

async fn apply(on: &mut AnyConnection, dialect: &Dialect, tally: &mut Tally, write: &Write) -> Changed {
    match write {
        Write::AddUser(user) => add_user(on, dialect, user).await,
        Write::ReplaceUser(user) => replace_user(on, dialect, user).await,
        Write::DropUser(id) => drop_user(on, dialect, *id).await,
        Write::AddApiKey(key) => add_api_key(on, dialect, key).await,
        Write::DropApiKey(id, user) => {
            let statement = dialect.query("DELETE FROM api_keys WHERE id = ? AND user_id = ?");
            one(on, statement.bind(id.to_string()).bind(user.to_string())).await
        }
        Write::EndToken(token) => {
            let or_ignore = (dialect.or_ignore)("jti");
            let sql = format!("INSERT INTO ended_tokens (jti, expires_at_ms) VALUES (?, ?){or_ignore}");
            any(on, dialect.query(&sql).bind(token.jti.clone()).bind(token.expires_at.as_ms())).await
        }
        Write::AddMedia(media) => {
            let statement = dialect.query("INSERT INTO media (id, owner, fid, body) VALUES (?, ?, ?, ?)");
            let statement = statement.bind(media.id.to_string()).bind(media.owner.to_string());
            let statement = statement.bind(media.fid.clone());
            one(on, statement.bind(row::to_body(media)?)).await
        }
        Write::NeedMedia(id) => need_media(on, dialect, *id).await,
        Write::DropMedia(id) => {
            one(on, dialect.query("DELETE FROM media WHERE id = ?").bind(id.to_string())).await
        }
        Write::AddJob(job) => job::add(on, dialect, tally, job).await,
        Write::ReplaceJob(job) => job::replace(on, dialect, tally, job).await,
        Write::DropJob(id, version) => job::drop_version(on, dialect, tally, *id, *version).await,
        Write::AddOutput(output) => add_output(on, dialect, output).await,
        Write::DropOutput(id) => {
            one(on, dialect.query("DELETE FROM outputs WHERE id = ?").bind(id.to_string())).await
        }
        Write::AddIntent(intent) => add_intent(on, dialect, intent).await,
        Write::Condemn(key, since) => condemn(on, dialect, key, *since).await,
        Write::TakeIntent(key) => {
            let statement = dialect.query("DELETE FROM intents WHERE object_key = ? AND condemned = 0");
            one(on, statement.bind(key.to_string())).await
        }
        Write::ForgetIntent(key) => {
            let statement = dialect.query("DELETE FROM intents WHERE object_key = ? AND condemned = 1");
            any(on, statement.bind(key.to_string())).await
        }
        Write::AddReceipt(receipt, now) => add_receipt(on, dialect, receipt, *now).await,
        Write::AddNotice(notice) => add_notice(on, dialect, notice).await,
        Write::ReplaceNotice(notice) => {
            let sql = "UPDATE notices SET kind = ?, due_at_ms = ?, body = ? WHERE id = ?";
            let statement = dialect.query(sql).bind(notice.kind.as_str());
            let statement = statement.bind(notice.due_at.as_ms()).bind(row::to_body(notice)?);
            one(on, statement.bind(notice.id.to_string())).await
        }
        Write::DropNotice(id) => {
            any(on, dialect.query("DELETE FROM notices WHERE id = ?").bind(id.to_string())).await
        }
        Write::AddSong(song) => song::add(on, dialect, song).await,
        Write::ReplaceSong(song) => song::replace(on, dialect, song).await,
        Write::DropSong(id, version) => song::drop_version(on, dialect, *id, *version).await,
        Write::AddOperation(operation) => add_operation(on, dialect, operation).await,
        Write::AddVideo(video) => video::add(on, dialect, video).await,
        Write::ReplaceVideo(video) => video::replace(on, dialect, video).await,
        Write::DropVideo(id, version) => video::drop_version(on, dialect, *id, *version).await,
        Write::AddTask(task) => task::add(on, dialect, task).await,
        Write::ReplaceTask(task) => task::replace(on, dialect, task).await,
        Write::DropTask(number, version) => task::drop_version(on, dialect, *number, *version).await,
        Write::AddWebhook(webhook) => webhook::add(on, dialect, webhook).await,
        Write::ReplaceWebhook(webhook) => webhook::replace(on, dialect, webhook).await,
        Write::DropWebhook(id, version) => webhook::drop_version(on, dialect, *id, *version).await,
        Write::AddDelivery(delivery) => webhook::add_delivery(on, dialect, delivery).await,
        Write::ReplaceDelivery(delivery) => webhook::replace_delivery(on, dialect, delivery).await,
        Write::DropDelivery(id) => {
            any(on, dialect.query("DELETE FROM deliveries WHERE id = ?").bind(id.to_string())).await
        }
        Write::AddUpload(upload) => upload::add(on, dialect, upload).await,
        Write::ReplaceUpload(upload) => upload::replace(on, dialect, upload).await,
        Write::DropUpload(id, version) => upload::drop_version(on, dialect, *id, *version).await,
        Write::RaiseSequence(sequence, number) => {
            let statement = dialect.query("UPDATE sequences SET given = ? WHERE name = ? AND given < ?");
            any(on, statement.bind(*number).bind(sequence.as_str()).bind(*number)).await
        }
    }
}

/// Runs a statement that needs its row: a condition stands in it.
pub(super) async fn one(on: &mut AnyConnection, statement: Statement<'_>) -> Changed {
    let changed = statement.execute(on).await?.rows_affected();
    if changed == 1 { Ok(()) } else { Err(CatalogError::Conflict.into()) }
}

/// Runs a statement that may change nothing.
async fn any(on: &mut AnyConnection, statement: Statement<'_>) -> Changed {
    statement.execute(on).await?;
    Ok(())
}

async fn add_user(on: &mut AnyConnection, dialect: &Dialect, user: &User) -> Changed {
    let statement = dialect.query("INSERT INTO users (id, number, version, body) VALUES (?, ?, ?, ?)");
    let statement = statement.bind(user.id.to_string()).bind(user.number).bind(row::signed(user.version));
    one(on, statement.bind(row::to_body(user)?)).await?;
    add_logins(on, dialect, user).await
}

async fn replace_user(on: &mut AnyConnection, dialect: &Dialect, user: &User) -> Changed {
    let before = user.version.checked_sub(1).ok_or(CatalogError::Conflict)?;
    let sql = "UPDATE users SET number = ?, version = ?, body = ? WHERE id = ? AND version = ?";
    let statement = dialect.query(sql).bind(user.number).bind(row::signed(user.version));
    let statement = statement.bind(row::to_body(user)?).bind(user.id.to_string());
    one(on, statement.bind(row::signed(before))).await?;
    drop_logins(on, dialect, user.id).await?;
    add_logins(on, dialect, user).await
}

async fn drop_user(on: &mut AnyConnection, dialect: &Dialect, id: UserId) -> Changed {
    one(on, dialect.query("DELETE FROM users WHERE id = ?").bind(id.to_string())).await?;
    any(on, dialect.query("DELETE FROM api_keys WHERE user_id = ?").bind(id.to_string())).await?;
    drop_logins(on, dialect, id).await
}

async fn add_logins(on: &mut AnyConnection, dialect: &Dialect, user: &User) -> Changed {
    let (email, name) = (user.email.to_lowercase(), user.name.to_lowercase());
    let name = (name != email).then_some(name);
    for login in [Some(email), name].into_iter().flatten() {
        let statement = dialect.query("INSERT INTO logins (login, user_id) VALUES (?, ?)");
        one(on, statement.bind(login).bind(user.id.to_string())).await?;
    }
    Ok(())
}

async fn drop_logins(on: &mut AnyConnection, dialect: &Dialect, id: UserId) -> Changed {
    any(on, dialect.query("DELETE FROM logins WHERE user_id = ?").bind(id.to_string())).await
}

async fn add_api_key(on: &mut AnyConnection, dialect: &Dialect, key: &ApiKey) -> Changed {
    let sql = "INSERT INTO api_keys (id, user_id, secret_hash, body) VALUES (?, ?, ?, ?)";
    let statement = dialect.query(sql).bind(key.id.to_string()).bind(key.user_id.to_string());
    one(on, statement.bind(key.secret_hash.clone()).bind(row::to_body(key)?)).await
}

async fn add_output(on: &mut AnyConnection, dialect: &Dialect, output: &Output) -> Changed {
    let statement = dialect.query("INSERT INTO outputs (id, fid, media_id, body) VALUES (?, ?, ?, ?)");
    let statement = statement.bind(output.id.to_string()).bind(output.fid.clone());
    one(on, statement.bind(output.media_id.to_string()).bind(row::to_body(output)?)).await
}

async fn add_intent(on: &mut AnyConnection, dialect: &Dialect, intent: &Intent) -> Changed {
    let sql =
        "INSERT INTO intents (object_key, holder, condemned, beats, created_at_ms) VALUES (?, ?, ?, ?, ?)";
    let condemned = i64::from(matches!(intent.holder, Holder::Condemned { .. }));
    let statement = dialect.query(sql).bind(intent.key.to_string()).bind(row::to_body(&intent.holder)?);
    let statement = statement.bind(condemned).bind(row::signed(intent.beats));
    any(on, statement.bind(intent.created_at.as_ms())).await
}

async fn condemn(on: &mut AnyConnection, dialect: &Dialect, key: &Key, since: Timestamp) -> Changed {
    let holder = row::to_body(&Holder::Condemned { since })?;
    let statement = dialect.query("UPDATE intents SET holder = ?, condemned = 1 WHERE object_key = ?");
    one(on, statement.bind(holder).bind(key.to_string())).await
}

async fn need_media(on: &mut AnyConnection, dialect: &Dialect, id: MediaId) -> Changed {
    let sql = format!("SELECT 1 FROM media WHERE id = ?{}", dialect.keep);
    let statement = dialect.query(&sql).bind(id.to_string());
    let found = statement.fetch_optional(on).await?;
    found.map(drop).ok_or(CatalogError::Conflict.into())
}

async fn add_receipt(
    on: &mut AnyConnection,
    dialect: &Dialect,
    receipt: &Receipt,
    now: Timestamp,
) -> Changed {
    let sql = "DELETE FROM receipts WHERE scope = ? AND receipt_key = ? AND expires_at_ms <= ?";
    let statement = dialect.query(sql).bind(receipt.scope.clone()).bind(receipt.key.clone());
    any(on, statement.bind(now.as_ms())).await?;
    let sql = "INSERT INTO receipts (scope, receipt_key, expires_at_ms, body) VALUES (?, ?, ?, ?)";
    let statement = dialect.query(sql).bind(receipt.scope.clone()).bind(receipt.key.clone());
    one(on, statement.bind(receipt.expires_at.as_ms()).bind(row::to_body(receipt)?)).await
}

async fn add_notice(on: &mut AnyConnection, dialect: &Dialect, notice: &Notice) -> Changed {
    let statement = dialect.query("INSERT INTO notices (id, kind, due_at_ms, body) VALUES (?, ?, ?, ?)");
    let statement = statement.bind(notice.id.to_string()).bind(notice.kind.as_str());
    let statement = statement.bind(notice.due_at.as_ms());
    one(on, statement.bind(row::to_body(notice)?)).await
}

async fn add_operation(on: &mut AnyConnection, dialect: &Dialect, operation: &Operation) -> Changed {
    let statement = dialect.query("INSERT INTO operations (id, body) VALUES (?, ?)");
    one(on, statement.bind(operation.id.to_string()).bind(row::to_body(operation)?)).await
}

async fn next_number(on: &mut AnyConnection, dialect: &Dialect, sequence: Sequence) -> Changed<Done> {
    let statement = dialect.query("UPDATE sequences SET given = given + 1 WHERE name = ?");
    one(on, statement.bind(sequence.as_str())).await?;
    let statement = dialect.query("SELECT given FROM sequences WHERE name = ?").bind(sequence.as_str());
    let row = statement.fetch_one(on).await?;
    Ok(Done::Count(row.try_get(0)?))
}

async fn register_worker(on: &mut AnyConnection, dialect: &Dialect, name: &str) -> Changed<Done> {
    let sql = format!("INSERT INTO workers (name, epoch) VALUES (?, 0){}", (dialect.or_ignore)("name"));
    any(on, dialect.query(&sql).bind(name.to_owned())).await?;
    // From here on the row is ours until the transaction ends, so nobody else is given the same epoch.
    let statement = dialect.query("UPDATE workers SET epoch = epoch + 1 WHERE name = ?");
    one(on, statement.bind(name.to_owned())).await?;
    let statement = dialect.query("SELECT epoch FROM workers WHERE name = ?").bind(name.to_owned());
    let row = statement.fetch_one(on).await?;
    Ok(Done::Count(row.try_get(0)?))
}

async fn sweep(on: &mut AnyConnection, dialect: &Dialect, now: Timestamp) -> Changed<Done> {
    let (receipts, tokens, deliveries) = if dialect.deletes_with_limit {
        (
            "DELETE FROM receipts WHERE expires_at_ms < ? LIMIT ?",
            "DELETE FROM ended_tokens WHERE expires_at_ms < ? LIMIT ?",
            "DELETE FROM deliveries WHERE expires_at_ms < ? LIMIT ?",
        )
    } else {
        (
            "DELETE FROM receipts WHERE (scope, receipt_key) IN \
             (SELECT scope, receipt_key FROM receipts WHERE expires_at_ms < ? LIMIT ?)",
            "DELETE FROM ended_tokens WHERE jti IN (SELECT jti FROM ended_tokens WHERE expires_at_ms < ? LIMIT ?)",
            "DELETE FROM deliveries WHERE id IN (SELECT id FROM deliveries WHERE expires_at_ms < ? LIMIT ?)",
        )
    };
    let mut swept = 0;
    for sql in [receipts, tokens, deliveries] {
        let statement = dialect.query(sql).bind(now.as_ms()).bind(SWEEP);
        swept += statement.execute(&mut *on).await?.rows_affected();
    }
    Ok(Done::Count(row::signed(swept)))
}
