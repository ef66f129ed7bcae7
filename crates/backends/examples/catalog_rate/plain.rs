//! The same rows by plain statements: one a step, each durable by itself, on as many connections as there are tasks (up to
//! sixteen; on `SQLite` one, since writers there wait for each other anyway).

use reelmill_core::Job;
use sqlx::any::AnyPoolOptions;
use sqlx::{AnyPool, AssertSqlSafe};

use crate::{Failure, Taken, Taker, jobs};

pub(crate) struct Plain {
    pool: AnyPool,
    is_numbered: bool,
}

impl Plain {
    /// Opens the database of a catalog that was opened before.
    pub(crate) async fn open(url: &str, tasks: u32) -> Result<Self, Failure> {
        let is_sqlite = url.starts_with("sqlite:");
        // Two slashes more, as the driver spells it.
        let url =
            url.strip_prefix("sqlite:").map_or_else(|| url.to_owned(), |path| format!("sqlite://{path}"));
        let pool = AnyPoolOptions::new()
            .max_connections(if is_sqlite { 1 } else { tasks.min(16) })
            .test_before_acquire(false)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    // As durable as the catalog's own connection.
                    let pragma = if is_sqlite { "PRAGMA synchronous = FULL" } else { "SELECT 1" };
                    sqlx::raw_sql(pragma).execute(connection).await.map(drop)
                })
            })
            .connect(&url)
            .await?;
        Ok(Self { pool, is_numbered: url.starts_with("postgres") })
    }

    fn sql(&self, sql: &str) -> AssertSqlSafe<String> {
        let mut parts = sql.split('?');
        let mut text = parts.next().unwrap_or_default().to_owned();
        for (number, part) in (1..).zip(parts) {
            let name = if self.is_numbered { format!("${number}") } else { "?".to_owned() };
            text.extend([name.as_str(), part]);
        }
        AssertSqlSafe(text)
    }

    async fn enqueue(&self, job: &Job) -> Result<(), Failure> {
        let sql = "INSERT INTO jobs (id, account, media_id, state, priority, due_at_ms, version, token, beats, \
                   progress, stage, body) VALUES (?, ?, ?, 'queued', 1, ?, 1, '', 0, 0.0, '', ?)";
        let insert = sqlx::query(self.sql(sql)).bind(job.id.to_string()).bind(job.account.to_string());
        let insert = insert.bind(job.media_id.map(|id| id.to_string())).bind(job.created_at.as_ms());
        insert.bind(serde_json::to_string(job)?).execute(&self.pool).await?;
        Ok(())
    }

    async fn look(&self) -> Result<(), Failure> {
        let sql = "SELECT body, beats, progress, stage FROM jobs WHERE state = 'queued' AND priority = 1 \
                   AND due_at_ms <= ? ORDER BY due_at_ms, id LIMIT 1";
        sqlx::query(self.sql(sql)).bind(i64::MAX).fetch_optional(&self.pool).await?;
        Ok(())
    }

    async fn claim(&self, job: &Job, token: &str) -> Result<(), Failure> {
        let sql = "UPDATE jobs SET state = 'running', due_at_ms = 0, version = 2, token = ?, body = ? \
                   WHERE id = ? AND version = 1";
        let update = sqlx::query(self.sql(sql)).bind(token.to_owned()).bind(serde_json::to_string(job)?);
        one(update.bind(job.id.to_string()).execute(&self.pool).await?.rows_affected())
    }

    async fn beat(&self, job: &Job, token: &str) -> Result<(), Failure> {
        let sql = "UPDATE jobs SET beats = beats + 1 WHERE id = ? AND token = ?";
        let update = sqlx::query(self.sql(sql)).bind(job.id.to_string()).bind(token.to_owned());
        one(update.execute(&self.pool).await?.rows_affected())
    }

    async fn finish(&self, job: &Job) -> Result<(), Failure> {
        let (done, output) = jobs::done(job)?;
        let mut both = self.pool.begin().await?;
        let sql =
            "UPDATE jobs SET state = 'done', version = 3, token = '', body = ? WHERE id = ? AND version = 2";
        let update = sqlx::query(self.sql(sql)).bind(serde_json::to_string(&done)?);
        one(update.bind(done.id.to_string()).execute(&mut *both).await?.rows_affected())?;
        let sql = "INSERT INTO outputs (id, fid, media_id, body) VALUES (?, ?, ?, ?)";
        let insert = sqlx::query(self.sql(sql)).bind(output.id.to_string()).bind(output.fid.clone());
        let insert = insert.bind(output.media_id.to_string()).bind(serde_json::to_string(&output)?);
        insert.execute(&mut *both).await?;
        both.commit().await?;
        Ok(())
    }
}

impl Taker for Plain {
    fn take(&self, job: Job) -> Taken<'_> {
        Box::pin(async move {
            self.enqueue(&job).await?;
            self.look().await?;
            let claimed = jobs::claimed(&job)?;
            let token = claimed.claim().map(|claim| claim.token.nonce.to_string()).unwrap_or_default();
            self.claim(&claimed, &token).await?;
            self.beat(&claimed, &token).await?;
            self.finish(&claimed).await
        })
    }
}

fn one(rows: u64) -> Result<(), Failure> {
    if rows == 1 { Ok(()) } else { Err(format!("{rows} rows instead of one").into()) }
}
