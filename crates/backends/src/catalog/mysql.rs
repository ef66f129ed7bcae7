//! The catalog in MySQL or `MariaDB`: `mysql://user:password@host:port/database`, from 8.0.17 or 10.5 on.
//!
//! The database has to be there; its tables are made and migrated here, by one process at a time (`GET_LOCK`). Behind `?`
//! may stand `ssl-mode` (`DISABLED`, `PREFERRED`, `REQUIRED`, `VERIFY_CA`, `VERIFY_IDENTITY`; it is `PREFERRED`), `ssl-ca`,
//! `ssl-cert` and `ssl-key`. Without TLS, an account of the sort `caching_sha2_password` is let in only where the server
//! remembers it: what encrypts its password otherwise has an open flaw and is left out. A process holds at most 12
//! connections: 4 that write, 8 that read. Columns are compared byte for byte, whatever the database's own collation is.
//!
//! No wait is for ever: a lock that does not come ends after 5 s, a statement after 10 s (on MySQL, which
//! ends none by itself, it is given up after 12 s), a transaction whose process says nothing after 30 s (on MySQL with its connection after 120 s).

use std::sync::Arc;

use futures_util::FutureExt;
use reelmill_core::ports::Catalog;
use sqlx::error::DatabaseError;
use sqlx::mysql::MySqlDatabaseError;
use sqlx::{AnyConnection, Row};

use super::Opening;
use super::sql::{Dialect, Server, Turn};

/// How it is opened.
pub(super) const OPENING: Opening = Opening {
    open: |rest, _| async move { Ok(Arc::new(SERVER.open(rest).await?) as Arc<dyn Catalog>) }.boxed(),
    migrate: |rest, _| SERVER.migrate(rest).boxed(),
};

const SERVER: &Server = &Server {
    scheme: "mysql",
    parameters: &["ssl-mode", "ssl-ca", "ssl-cert", "ssl-key"],
    greetings: [MIGRATOR, WRITER, READER],
    dialect: |connection| dialect(connection).boxed(),
    has_no_database: |error| number(error) == Some(1049),
    refuses_entry: |error| number(error).is_some_and(|number| [1044, 1045, 1698].contains(&number)),
};

/// What is read at every statement is what is committed by then, so that a change is decided on that. Titles are put in
/// order to their end. `/*M! … */` is for `MariaDB` alone.
macro_rules! every_connection {
    ($more:literal) => {
        concat!(
            "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED; \
             SET SESSION sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION', SESSION max_sort_length = 16384, ",
            $more
        )
    };
}

const MIGRATOR: &str = every_connection!("SESSION lock_wait_timeout = 60");
const WRITER: &str = every_connection!(
    "SESSION innodb_lock_wait_timeout = 5, SESSION wait_timeout = 120 \
     /*M! , SESSION max_statement_time = 10, SESSION idle_transaction_timeout = 30 */"
);
const READER: &str = every_connection!(
    "SESSION wait_timeout = 28800 /*M! , SESSION max_statement_time = 10 */; SET SESSION TRANSACTION READ ONLY"
);

async fn dialect(connection: &mut AnyConnection) -> Result<&'static Dialect, sqlx::Error> {
    let version: String = sqlx::query("SELECT VERSION()").fetch_one(connection).await?.try_get(0)?;
    Ok(if version.contains("MariaDB") { &MARIADB } else { &MYSQL })
}

static MYSQL: Dialect = with(|statement| spelled(statement, "utf8mb4_0900_bin"));
static MARIADB: Dialect = with(|statement| spelled(statement, "utf8mb4_nopad_bin"));

const fn with(ddl: fn(&str) -> String) -> Dialect {
    Dialect {
        begin: "START TRANSACTION",
        or_ignore: |key| format!(" ON DUPLICATE KEY UPDATE {key} = {key}"),
        keep: " LOCK IN SHARE MODE",
        deletes_with_limit: true,
        numbers_arguments: false,
        writers: 4,
        counts_by_job: false,
        is_in_the_way,
        // Such a lock belongs to the whole server, and its name has at most 64 characters.
        turn: Turn::Lock {
            take: "SELECT GET_LOCK(CONCAT('reelmill ', MD5(DATABASE())), 60)",
            give_back: "DO RELEASE_LOCK(CONCAT('reelmill ', MD5(DATABASE())))",
        },
        ddl,
        is_done,
    }
}

/// A deadlock, a lock that did not come.
fn is_in_the_way(error: &dyn DatabaseError) -> bool {
    number(error).is_some_and(|number| [1213, 1205].contains(&number))
}

/// The table, the column, the index or the row is there: a change of the schema cannot be taken back here, so what a
/// process that died had done of a migration stays.
fn is_done(statement: &str, error: &dyn DatabaseError) -> bool {
    match number(error) {
        Some(1050 | 1060 | 1061) => true,
        // Of an index that is to be unique, it would say that it cannot be.
        Some(1062) => statement.contains("INSERT INTO"),
        _ => false,
    }
}

fn number(error: &dyn DatabaseError) -> Option<u16> {
    error.try_downcast_ref::<MySqlDatabaseError>().map(MySqlDatabaseError::number)
}

/// A record may be longer than the 64 KiB of a `TEXT`; texts are compared by their bytes, to the last blank.
fn spelled(statement: &str, collation: &str) -> String {
    let words: Vec<_> = statement
        .split(' ')
        .map(|word| match word {
            "TEXT" => "MEDIUMTEXT",
            word => word,
        })
        .collect();
    let statement = words.join(" ");
    if statement.contains("CREATE TABLE") {
        format!("{statement} ENGINE = InnoDB ROW_FORMAT = DYNAMIC CHARACTER SET utf8mb4 COLLATE {collation}")
    } else {
        statement
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_holds_long_bodies_and_tells_texts_apart_to_the_last_blank() {
        let table = (MARIADB.ddl)(
            "CREATE TABLE a (\n    id VARCHAR(36) NOT NULL PRIMARY KEY,\n    body TEXT NOT NULL\n)",
        );
        assert!(
            table.contains("id VARCHAR(36) NOT NULL PRIMARY KEY,\n    body MEDIUMTEXT NOT NULL\n) "),
            "{table}"
        );
        assert!(table.ends_with("CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin"), "{table}");
        assert_eq!((MYSQL.ddl)("CREATE INDEX a_b ON a (b)"), "CREATE INDEX a_b ON a (b)");
    }
}
