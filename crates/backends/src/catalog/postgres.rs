//! The catalog in PostgreSQL: `postgres://user:password@host:port/database`, from version 12 on.
//!
//! The database has to be there; its tables are made and migrated here, by one process at a time (an advisory lock). Behind
//! `?` may stand `sslmode` (`disable`, `prefer`, `require`, `verify-ca`, `verify-full`; it is `prefer`), `sslrootcert`,
//! `sslcert`, `sslkey` and `application_name`. A process holds at most 12 connections: 4 that write, 8 that read. Columns
//! are compared byte for byte, whatever the database's own collation is. A text with a NUL, of which PostgreSQL has none,
//! lives on in a record (JSON writes it as an escape); what a record would be looked up by is refused with it.
//!
//! No wait is for ever: a statement ends after 10 s, a lock that does not come after 5 s, a transaction whose process says
//! nothing after 30 s, a connection whose other side is gone after 45 s.
//!
//! A pooler between the two must give a connection for as long as it is held (`pool_mode = session` of
//! `PgBouncer`): statements are prepared, and what a connection begins with has to stay.

use std::sync::Arc;

use futures_util::FutureExt;
use reelmill_core::ports::Catalog;
use sqlx::error::DatabaseError;

use super::Opening;
use super::sql::{Dialect, Server, Turn};

/// How it is opened.
pub(super) const OPENING: Opening = Opening {
    open: |rest, _| async move { Ok(Arc::new(SERVER.open(rest).await?) as Arc<dyn Catalog>) }.boxed(),
    migrate: |rest, _| SERVER.migrate(rest).boxed(),
};

const SERVER: &Server = &Server {
    scheme: "postgres",
    parameters: &["sslmode", "sslrootcert", "sslcert", "sslkey", "application_name"],
    greetings: [MIGRATOR, WRITER, READER],
    dialect: |_| async { Ok(&DIALECT) }.boxed(),
    has_no_database: |error| error.code().is_some_and(|code| code == "3D000"),
    refuses_entry: |error| error.code().is_some_and(|code| ["28P01", "28000"].contains(&&*code)),
};

/// Read at every statement, so that a change is decided on what is committed by then.
macro_rules! every_connection {
    ($more:literal) => {
        concat!(
            "SET default_transaction_isolation = 'read committed'; SET client_min_messages = 'warning'; \
             SET tcp_keepalives_idle = 30; SET tcp_keepalives_interval = 5; SET tcp_keepalives_count = 3; ",
            $more
        )
    };
}

const MIGRATOR: &str = every_connection!("SET lock_timeout = '60s'; SET statement_timeout = 0");
const WRITER: &str = every_connection!(
    "SET statement_timeout = '10s'; SET lock_timeout = '5s'; SET idle_in_transaction_session_timeout = '30s'"
);
const READER: &str =
    every_connection!("SET statement_timeout = '10s'; SET default_transaction_read_only = on");

static DIALECT: Dialect = Dialect {
    begin: "BEGIN",
    or_ignore: |_| " ON CONFLICT DO NOTHING".to_owned(),
    keep: " FOR KEY SHARE",
    deletes_with_limit: false,
    numbers_arguments: true,
    writers: 4,
    counts_by_job: false,
    is_in_the_way,
    // Locks of this sort belong to the database that the connection is to; the number is nobody else's by being random.
    turn: Turn::Transaction("BEGIN; SELECT pg_advisory_xact_lock(5942203514117623041)"),
    ddl: by_bytes,
    is_done: |_, _| false,
};

/// A serialization failure, a deadlock, a lock that did not come.
fn is_in_the_way(error: &dyn DatabaseError) -> bool {
    error.code().is_some_and(|code| ["40001", "40P01", "55P03"].contains(&&*code))
}

/// Has every text compared and put in order by its bytes.
fn by_bytes(statement: &str) -> String {
    let by_bytes = |word: &str| {
        let bare = word.trim_end_matches([',', '\n']);
        let is_text = bare == "TEXT" || (bare.starts_with("VARCHAR(") && bare.ends_with(')'));
        if is_text { format!("{bare} COLLATE \"C\"{}", &word[bare.len()..]) } else { word.to_owned() }
    };
    let words: Vec<_> = statement.split(' ').map(by_bytes).collect();
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_text_is_compared_by_its_bytes() {
        let table =
            "CREATE TABLE a (\n    id VARCHAR(36) NOT NULL,\n    b VARCHAR(9),\n    body TEXT NOT NULL\n)";
        let spelled = "CREATE TABLE a (\n    id VARCHAR(36) COLLATE \"C\" NOT NULL,\n    b VARCHAR(9) COLLATE \"C\",\n    \
                       body TEXT COLLATE \"C\" NOT NULL\n)";
        assert_eq!(by_bytes(table), spelled);
        assert_eq!(
            by_bytes("ALTER TABLE a ADD COLUMN c VARCHAR(64)"),
            "ALTER TABLE a ADD COLUMN c VARCHAR(64) COLLATE \"C\""
        );
        assert_eq!(by_bytes("CREATE INDEX a_b ON a (b)"), "CREATE INDEX a_b ON a (b)");
    }
}
