//! Databases for tests: each of a random name on the server that the environment names, gone at the end.

use sqlx::{AssertSqlSafe, Connection};
use uuid::Uuid;

/// A database of its own; dropped, it is gone.
#[derive(Debug)]
pub(crate) struct Database {
    server: String,
    name: String,
}

impl Database {
    /// Makes one on the server of that URL, which ends in `/`.
    pub(crate) async fn create(server: &str) -> Self {
        let name = format!("reelmill_{}", Uuid::new_v4().simple());
        run(server, &format!("CREATE DATABASE {name}")).await;
        Self { server: server.to_owned(), name }
    }

    /// The URL of the catalog in it.
    pub(crate) fn url(&self) -> String {
        format!("{}{}", self.server, self.name)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        let force = if self.server.starts_with("postgres") { " WITH (FORCE)" } else { "" };
        let (server, sql) = (self.server.clone(), format!("DROP DATABASE {}{force}", self.name));
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(run(&server, &sql));
        });
        assert!(dropped.join().is_ok() || std::thread::panicking(), "{} is left", self.name);
    }
}

/// Runs a statement at the server or in a database of it, beside any catalog.
pub(crate) async fn run(url: &str, sql: &str) {
    let sql = AssertSqlSafe(sql.to_owned());
    #[cfg(feature = "catalog-postgres")]
    if url.starts_with("postgres") {
        let mut connection = sqlx::PgConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        return connection.close().await.unwrap();
    }
    #[cfg(feature = "catalog-mysql")]
    if url.starts_with("mysql") {
        let mut connection = sqlx::MySqlConnection::connect(url).await.unwrap();
        sqlx::raw_sql(sql).execute(&mut connection).await.unwrap();
        return connection.close().await.unwrap();
    }
    panic!("no server that this build knows: {url}");
}
