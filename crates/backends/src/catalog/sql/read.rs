//! The lookups. Each walks an index, whatever it is asked for.

use reelmill_core::ports::{CatalogError, Census, ChangeQuery, JobFilter, Page, PageQuery};
use reelmill_core::{
    Intent, Job, JobId, Key, Media, Notice, NoticeKind, Priority, Receipt, StateName, Timestamp, User, UserId,
};
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;
use uuid::Uuid;

use super::access::within;
use super::change::QUEUE;
use super::dialect::Statement;
use super::job::priority_rank;
use super::{SqlCatalog, row};

/// What a job is read from.
pub(super) const JOB: &str = "SELECT body, beats, progress, stage FROM jobs";

impl SqlCatalog {
    pub(super) async fn rows(&self, statement: Statement<'_>) -> Result<Vec<AnyRow>, CatalogError> {
        let mut reader = self.readers.acquire().await.map_err(row::error)?;
        let read = within(statement.fetch_all(&mut *reader)).await;
        match read {
            // Whatever it holds, it holds nothing that is called by what it cannot hold.
            Err(sqlx::Error::Database(error)) if row::is_unholdable(&*error) => Ok(Vec::new()),
            Err(error @ sqlx::Error::Io(_)) => {
                // A connection in the middle of something would hold its place in the pool until it is answered.
                drop(reader.detach());
                Err(row::error(error))
            }
            read => read.map_err(row::error),
        }
    }

    pub(super) async fn row(&self, statement: Statement<'_>) -> Result<Option<AnyRow>, CatalogError> {
        self.rows(statement).await.map(|rows| rows.into_iter().next())
    }

    pub(super) async fn record<T: DeserializeOwned>(
        &self,
        sql: &str,
        key: &str,
    ) -> Result<Option<T>, CatalogError> {
        let row = self.row(self.dialect.query(sql).bind(key.to_owned())).await?;
        row.as_ref().map(row::from_body).transpose()
    }

    pub(super) async fn numbered<T: DeserializeOwned>(
        &self,
        sql: &str,
        number: i64,
    ) -> Result<Option<T>, CatalogError> {
        let row = self.row(self.dialect.query(sql).bind(number)).await?;
        row.as_ref().map(row::from_body).transpose()
    }

    pub(super) async fn bodies<T: DeserializeOwned>(
        &self,
        sql: &str,
        key: &str,
    ) -> Result<Vec<T>, CatalogError> {
        let rows = self.rows(self.dialect.query(sql).bind(key.to_owned())).await?;
        rows.iter().map(row::from_body).collect()
    }

    pub(super) async fn is_there(&self, sql: &str, key: &str) -> Result<bool, CatalogError> {
        self.row(self.dialect.query(sql).bind(key.to_owned())).await.map(|row| row.is_some())
    }

    pub(super) async fn users_page(&self, query: PageQuery) -> Result<Page<User>, CatalogError> {
        // The nil id is before all, and nobody's.
        let after = query.after.unwrap_or(Uuid::nil()).to_string();
        let statement = self.dialect.query("SELECT body FROM users WHERE id > ? ORDER BY id LIMIT ?");
        let rows = self.rows(statement.bind(after).bind(i64::from(query.limit))).await?;
        page(&rows, query, row::from_body, |user: &User| user.id.0)
    }

    pub(super) async fn media_of(
        &self,
        owner: Option<UserId>,
        query: PageQuery,
    ) -> Result<Page<Media>, CatalogError> {
        let wanted = [("owner", owner.map(|id| id.to_string()))];
        let rows = self.newest("SELECT body FROM media", wanted, query).await?;
        page(&rows, query, row::from_body, |media: &Media| media.id.0)
    }

    pub(super) async fn job_of(&self, id: JobId) -> Result<Option<Job>, CatalogError> {
        let statement = self.dialect.query(&format!("{JOB} WHERE id = ?")).bind(id.to_string());
        self.row(statement).await?.as_ref().map(row::job).transpose()
    }

    pub(super) async fn jobs_page(
        &self,
        filter: JobFilter,
        query: PageQuery,
    ) -> Result<Page<Job>, CatalogError> {
        let wanted = [
            ("account", filter.account.map(|id| id.to_string())),
            ("media_id", filter.media.map(|id| id.to_string())),
            ("state", filter.state.map(|state| state.as_str().to_owned())),
        ];
        let rows = self.newest(JOB, wanted, query).await?;
        page(&rows, query, row::job, |job: &Job| job.id.0)
    }

    /// Rows where the columns named have the values given, newest first.
    pub(super) async fn newest<const N: usize>(
        &self,
        select: &str,
        wanted: [(&str, Option<String>); N],
        query: PageQuery,
    ) -> Result<Vec<AnyRow>, CatalogError> {
        // Text above every UUID stands for the front of the list.
        let before = query.after.map_or_else(|| "g".to_owned(), |id| id.to_string());
        let mut sql = format!("{select} WHERE id < ?");
        let mut values = vec![before];
        for (column, value) in wanted {
            if let Some(value) = value {
                sql.extend([" AND ", column, " = ?"]);
                values.push(value);
            }
        }
        sql.push_str(" ORDER BY id DESC LIMIT ?");
        let statement = values.into_iter().fold(self.dialect.query(&sql), Statement::bind);
        self.rows(statement.bind(i64::from(query.limit))).await
    }

    pub(super) async fn jobs_due(&self, now: Timestamp, limit: u32) -> Result<Vec<Job>, CatalogError> {
        let mut due = Vec::new();
        // One walk a priority: in a single one, every job that waits for its due time would be stepped over.
        for priority in [Priority::Interactive, Priority::Normal, Priority::Bulk] {
            let left = (limit as usize).saturating_sub(due.len());
            if left == 0 {
                break;
            }
            let sql = format!(
                "{JOB} WHERE state = ? AND priority = ? AND due_at_ms <= ? ORDER BY due_at_ms, id LIMIT ?"
            );
            let statement = self.dialect.query(&sql).bind(StateName::Queued.as_str());
            let statement =
                statement.bind(priority_rank(priority)).bind(now.as_ms()).bind(row::signed(left as u64));
            for row in self.rows(statement).await? {
                due.push(row::job(&row)?);
            }
        }
        Ok(due)
    }

    pub(super) async fn jobs_claimed(&self, limit: u32) -> Result<Vec<Job>, CatalogError> {
        let sql = format!("{JOB} WHERE state IN (?, ?) ORDER BY id LIMIT ?");
        let statement = self.dialect.query(&sql).bind(StateName::Running.as_str());
        let statement = statement.bind(StateName::Cancelling.as_str()).bind(i64::from(limit));
        self.rows(statement).await?.iter().map(row::job).collect()
    }

    pub(super) async fn jobs_changed(&self, query: ChangeQuery) -> Result<Vec<Job>, CatalogError> {
        // The first condition on the moment is the one that an index is walked by.
        let of_account = query.account.map_or("", |_| "account = ? AND ");
        let sql = format!(
            "{JOB} WHERE {of_account}changed_at_ms >= ? AND (changed_at_ms > ? OR id > ?) \
             ORDER BY changed_at_ms, id LIMIT ?"
        );
        let mut statement = self.dialect.query(&sql);
        if let Some(account) = query.account {
            statement = statement.bind(account.to_string());
        }
        let since = query.since.as_ms();
        // The empty text is before all ids.
        let after = query.after.map(|id| id.to_string()).unwrap_or_default();
        let statement = statement.bind(since).bind(since).bind(after).bind(i64::from(query.limit));
        self.rows(statement).await?.iter().map(row::job).collect()
    }

    pub(super) async fn newest_change(&self) -> Result<Option<Timestamp>, CatalogError> {
        let sql = "SELECT changed_at_ms FROM jobs ORDER BY changed_at_ms DESC, id DESC LIMIT 1";
        let row = self.row(self.dialect.query(sql)).await?;
        let moment = row.map(|row| row.try_get(0).map_err(row::error)).transpose()?;
        Ok(moment.map(Timestamp::from_ms))
    }

    pub(super) async fn intents_after(
        &self,
        after: Option<&Key>,
        limit: u32,
    ) -> Result<Vec<Intent>, CatalogError> {
        let sql = "SELECT object_key, holder, beats, created_at_ms FROM intents \
                   WHERE object_key > ? ORDER BY object_key LIMIT ?";
        let after = after.map_or("", Key::as_str).to_owned();
        let statement = self.dialect.query(sql).bind(after).bind(i64::from(limit));
        self.rows(statement).await?.iter().map(row::intent).collect()
    }

    pub(super) async fn receipt_of(
        &self,
        scope: &str,
        key: &str,
        now: Timestamp,
    ) -> Result<Option<Receipt>, CatalogError> {
        let sql = "SELECT body FROM receipts WHERE scope = ? AND receipt_key = ? AND expires_at_ms > ?";
        let statement = self.dialect.query(sql).bind(scope.to_owned()).bind(key.to_owned()).bind(now.as_ms());
        self.row(statement).await?.as_ref().map(row::from_body).transpose()
    }

    pub(super) async fn epoch_of(&self, worker: &str) -> Result<i64, CatalogError> {
        let statement = self.dialect.query("SELECT epoch FROM workers WHERE name = ?");
        let row = self.row(statement.bind(worker.to_owned())).await?;
        row.map_or(Ok(0), |row| row.try_get(0).map_err(row::error))
    }

    pub(super) async fn pause_of_queue(&self) -> Result<Option<Timestamp>, CatalogError> {
        let statement = self.dialect.query("SELECT since_ms FROM pauses WHERE name = ?").bind(QUEUE);
        let row = self.row(statement).await?;
        row.map(|row| row.try_get(0).map(Timestamp::from_ms).map_err(row::error)).transpose()
    }

    pub(super) async fn notices_due(
        &self,
        kind: NoticeKind,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Notice>, CatalogError> {
        let sql = "SELECT body FROM notices WHERE kind = ? AND due_at_ms <= ? ORDER BY due_at_ms, id LIMIT ?";
        let statement = self.dialect.query(sql).bind(kind.as_str());
        let statement = statement.bind(now.as_ms()).bind(i64::from(limit));
        self.rows(statement).await?.iter().map(row::from_body).collect()
    }

    pub(super) async fn count_jobs(&self) -> Result<Census, CatalogError> {
        let (mut queued, mut claimed, mut done, mut failed, mut cancelled) = (0, 0, 0, 0, 0);
        for row in self.rows(self.dialect.query("SELECT jobs, state FROM job_counts")).await? {
            let name: &str = row.try_get(1).map_err(row::error)?;
            let state = StateName::from_name(name)
                .ok_or_else(|| CatalogError::Corrupt(format!("no job can be `{name}`")))?;
            // A row alone may be below zero.
            *match state {
                StateName::Queued => &mut queued,
                StateName::Running | StateName::Cancelling => &mut claimed,
                StateName::Done => &mut done,
                StateName::Failed => &mut failed,
                StateName::Cancelled => &mut cancelled,
            } += row.try_get::<i64, _>(0).map_err(row::error)?;
        }
        Ok(Census {
            queued: row::unsigned(queued)?,
            claimed: row::unsigned(claimed)?,
            done: row::unsigned(done)?,
            failed: row::unsigned(failed)?,
            cancelled: row::unsigned(cancelled)?,
        })
    }
}

pub(super) fn page<T>(
    rows: &[AnyRow],
    query: PageQuery,
    read: impl Fn(&AnyRow) -> Result<T, CatalogError>,
    id: impl Fn(&T) -> Uuid,
) -> Result<Page<T>, CatalogError> {
    let items: Vec<T> = rows.iter().map(read).collect::<Result<_, _>>()?;
    let next = items.last().filter(|_| items.len() == query.limit as usize).map(id);
    Ok(Page { items, next })
}
