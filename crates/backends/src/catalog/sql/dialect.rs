//! What is particular to a database: everything else in this folder is the same for all.

use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

/// A statement on its way.
pub(in crate::catalog) type Statement<'q> = Query<'q, Any, AnyArguments>;

/// How a database wants things said.
#[derive(Debug)]
pub(in crate::catalog) struct Dialect {
    /// Begins a transaction that writes; where writers exclude each other, it waits for its turn here.
    pub(in crate::catalog) begin: &'static str,
    /// Ends an `INSERT` that shall do nothing where the row is there.
    pub(in crate::catalog) or_ignore: &'static str,
}

impl Dialect {
    /// The statement, ready for its arguments: `?` stands for each, whatever the database calls them.
    ///
    /// Only this crate's own text gets here; what comes from outside is bound, never spliced in.
    #[expect(clippy::unused_self, reason = "the placeholders are the dialect's to spell")]
    pub(super) fn query<'q>(&self, sql: &str) -> Statement<'q> {
        sqlx::query(AssertSqlSafe(sql.to_owned()))
    }
}
