//! What is particular to a database: everything else in this folder is the same for all.

use sqlx::any::AnyArguments;
use sqlx::error::DatabaseError;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe};

/// A statement on its way.
pub(in crate::catalog) type Statement<'q> = Query<'q, Any, AnyArguments>;

/// How a database wants things said.
#[derive(Debug)]
pub(in crate::catalog) struct Dialect {
    /// Begins a transaction that writes; where writers exclude each other, it waits for its turn here.
    pub(in crate::catalog) begin: &'static str,
    /// Ends an `INSERT` that shall do nothing where a row with this key column's value is there.
    pub(in crate::catalog) or_ignore: fn(key: &str) -> String,
    /// Ends a `SELECT` whose row shall stay as long as the transaction lasts.
    pub(in crate::catalog) keep: &'static str,
    /// Whether a `DELETE` may have a `LIMIT`.
    pub(in crate::catalog) deletes_with_limit: bool,
    /// Whether arguments are called `$1`, `$2` … rather than `?`.
    pub(in crate::catalog) numbers_arguments: bool,
    /// How many connections a process writes on.
    pub(in crate::catalog) writers: usize,
    /// Whether a job is counted in one row all its life, as the builds that know schema 2 expect it.
    pub(in crate::catalog) counts_by_job: bool,
    /// Whether a transaction failed because another was in its way, and may be done again.
    pub(in crate::catalog) is_in_the_way: fn(&dyn DatabaseError) -> bool,
    /// Keeps other processes out of a migration.
    pub(in crate::catalog) turn: Turn,
    /// A statement of a migration, as this database spells it.
    pub(in crate::catalog) ddl: fn(&str) -> String,
    /// Whether a statement of a migration fails because it was done before.
    pub(in crate::catalog) is_done: fn(statement: &str, &dyn DatabaseError) -> bool,
}

/// How one process migrates at a time.
#[derive(Debug, Clone, Copy)]
pub(in crate::catalog) enum Turn {
    /// Begins a transaction that none other can be beside; what changes the schema can be taken back.
    #[cfg(any(feature = "catalog-sqlite", feature = "catalog-postgres"))]
    Transaction(&'static str),
    /// A lock beside transactions, of which a lost connection lets go. `take` answers 1 where it was got.
    #[cfg(feature = "catalog-mysql")]
    Lock { take: &'static str, give_back: &'static str },
}

impl Dialect {
    /// The statement, ready for its arguments: `?` stands for each, whatever the database calls them.
    ///
    /// Only this crate's own text gets here; what comes from outside is bound, never spliced in.
    pub(super) fn query<'q>(&self, sql: &str) -> Statement<'q> {
        let sql = if self.numbers_arguments { numbered(sql) } else { sql.to_owned() };
        sqlx::query(AssertSqlSafe(sql))
    }
}

fn numbered(sql: &str) -> String {
    let mut parts = sql.split('?');
    let mut text = parts.next().unwrap_or_default().to_owned();
    for (number, part) in (1..).zip(parts) {
        text.extend(["$", &u16::to_string(&number), part]);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_numbered_from_one_on() {
        assert_eq!(numbered("a = ? AND b IN (?, ?)"), "a = $1 AND b IN ($2, $3)");
        assert_eq!(numbered("SELECT 1"), "SELECT 1");
    }
}
