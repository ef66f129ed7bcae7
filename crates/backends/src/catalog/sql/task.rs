//! Tasks: their rows, found by number, by account and by either of their file names.

use reelmill_core::ports::{CatalogError, TaskQuery};
use reelmill_core::{Task, UserId};
use sqlx::AnyConnection;

use super::change::one;
use super::failure::Changed;
use super::{Dialect, SqlCatalog, row};

/// Adds the task.
pub(super) async fn add(on: &mut AnyConnection, dialect: &Dialect, task: &Task) -> Changed {
    let sql =
        "INSERT INTO tasks (number, account, name, result_name, version, body) VALUES (?, ?, ?, ?, ?, ?)";
    let statement = dialect.query(sql).bind(task.number).bind(task.account.to_string());
    let statement = statement.bind(task.name.clone()).bind(task.result_name());
    one(on, statement.bind(row::signed(task.version)).bind(row::to_body(task)?)).await
}

/// Replaces the version before.
pub(super) async fn replace(on: &mut AnyConnection, dialect: &Dialect, task: &Task) -> Changed {
    let before = task.version.checked_sub(1).ok_or(CatalogError::Conflict)?;
    let sql = "UPDATE tasks SET account = ?, name = ?, result_name = ?, version = ?, body = ? \
               WHERE number = ? AND version = ?";
    let statement = dialect.query(sql).bind(task.account.to_string()).bind(task.name.clone());
    let statement = statement.bind(task.result_name()).bind(row::signed(task.version));
    one(on, statement.bind(row::to_body(task)?).bind(task.number).bind(row::signed(before))).await
}

/// Takes the task of that version away.
pub(super) async fn drop_version(
    on: &mut AnyConnection,
    dialect: &Dialect,
    number: i64,
    version: u64,
) -> Changed {
    let statement = dialect.query("DELETE FROM tasks WHERE number = ? AND version = ?");
    one(on, statement.bind(number).bind(row::signed(version))).await
}

impl SqlCatalog {
    pub(super) async fn tasks_of(
        &self,
        account: UserId,
        query: TaskQuery,
    ) -> Result<Vec<Task>, CatalogError> {
        let (sql, front) = if query.is_ascending {
            ("SELECT body FROM tasks WHERE account = ? AND number > ? ORDER BY number LIMIT ?", i64::MIN)
        } else {
            ("SELECT body FROM tasks WHERE account = ? AND number < ? ORDER BY number DESC LIMIT ?", i64::MAX)
        };
        let statement = self.dialect.query(sql).bind(account.to_string());
        let statement = statement.bind(query.after.unwrap_or(front)).bind(i64::from(query.limit));
        self.rows(statement).await?.iter().map(row::from_body).collect()
    }

    pub(super) async fn newest_task(
        &self,
        account: UserId,
        name: &str,
    ) -> Result<Option<Task>, CatalogError> {
        // An OR of both names would step over all of the account's tasks; so each walks its own index.
        let sql = "SELECT body FROM tasks WHERE number = (SELECT MAX(number) FROM (\
                   SELECT MAX(number) AS number FROM tasks WHERE account = ? AND name = ? UNION ALL \
                   SELECT MAX(number) FROM tasks WHERE account = ? AND result_name = ?) AS newest)";
        let statement = self.dialect.query(sql).bind(account.to_string()).bind(name.to_owned());
        let statement = statement.bind(account.to_string()).bind(name.to_owned());
        self.row(statement).await?.as_ref().map(row::from_body).transpose()
    }
}
