//! Catalogs on a database server: what their URLs hold, and what is said where they cannot be opened.

use std::time::Duration;

use reelmill_core::ports::CatalogError;
use sqlx::error::DatabaseError;
use sqlx::{AnyConnection, Connection};
use url::Url;

use super::{Access, Dialect, Lines, SqlCatalog, migrate};
use crate::catalog::Migrated;
use crate::opening::OpenError;

/// The longest that a migration may take, with the wait for another process's.
const MIGRATING: Duration = Duration::from_mins(30);
/// Connections that only read, a process.
const READERS: u32 = 8;

/// A kind of server.
#[derive(Debug)]
pub(in crate::catalog) struct Server {
    /// What its URLs begin with.
    pub(in crate::catalog) scheme: &'static str,
    /// What may stand behind a URL's `?`.
    pub(in crate::catalog) parameters: &'static [&'static str],
    /// What connections begin with: one that migrates, one that writes, one that only reads.
    pub(in crate::catalog) greetings: [&'static str; 3],
    /// How this version of it wants things said.
    pub(in crate::catalog) dialect: fn(&mut AnyConnection) -> Asked<'_>,
    /// Whether it says that there is no such database.
    pub(in crate::catalog) has_no_database: fn(&dyn DatabaseError) -> bool,
    /// Whether it does not take this name and password.
    pub(in crate::catalog) refuses_entry: fn(&dyn DatabaseError) -> bool,
}

/// A dialect on its way.
pub(in crate::catalog) type Asked<'a> =
    futures_util::future::BoxFuture<'a, Result<&'static Dialect, sqlx::Error>>;

impl Server {
    /// Opens the catalog of the URL that goes on with `rest`.
    pub(in crate::catalog) async fn open(&self, rest: &str) -> Result<SqlCatalog, OpenError> {
        let url = self.url(rest)?;
        let (dialect, _) = self.prepare(&url).await?;
        let [_, writer, reader] = self.greetings;
        let access = Access::new(url.as_str(), writer, reader)?;
        Ok(SqlCatalog {
            dialect,
            lines: Lines::start(None, &access, dialect),
            readers: access.readers(READERS),
        })
    }

    /// Brings the schema of that catalog up to date.
    pub(in crate::catalog) async fn migrate(&self, rest: &str) -> Result<Migrated, OpenError> {
        let url = self.url(rest)?;
        Ok(self.prepare(&url).await?.1)
    }

    /// Migrates on a connection of its own: what hurries writers and readers does not hurry this.
    async fn prepare(&self, url: &Url) -> Result<(&'static Dialect, Migrated), CatalogError> {
        let [migrator, ..] = self.greetings;
        let access = Access::new(url.as_str(), migrator, migrator)?;
        let mut connection = access.connect().await.map_err(|error| self.explain(url, &error))?;
        let dialect = (self.dialect)(&mut connection).await.map_err(|error| self.explain(url, &error))?;
        let migrated = tokio::time::timeout(MIGRATING, migrate(&mut connection, dialect)).await;
        let migrated = migrated.unwrap_or_else(|_| {
            let said = format!("its migration was not done within {} min", MIGRATING.as_secs() / 60);
            Err(CatalogError::Unavailable(said))
        });
        // What was done is done, however the farewell goes.
        let _ = connection.close().await;
        migrated.map(|migrated| (dialect, migrated))
    }

    fn url(&self, rest: &str) -> Result<Url, OpenError> {
        let bad = |reason: String| OpenError::BadUrl { scheme: self.scheme, reason };
        let form = || format!("it is {}://user:password@host:port/database", self.scheme);
        let url = Url::parse(&format!("{}:{rest}", self.scheme)).map_err(|_| bad(form()))?;
        let database = url.path().trim_start_matches('/');
        if url.host_str().is_none_or(str::is_empty) || database.is_empty() || database.contains('/') {
            return Err(bad(form()));
        }
        let unknown = url.query_pairs().find(|(name, _)| !self.parameters.contains(&&**name));
        if let Some((name, _)) = unknown {
            let known = self.parameters.join(", ");
            return Err(bad(format!("nothing is known of `{name}`, but of {known}")));
        }
        Ok(url)
    }

    /// What is wrong, in one sentence and without the password.
    fn explain(&self, url: &Url, error: &sqlx::Error) -> CatalogError {
        let host = url.host_str().unwrap_or_default();
        let server = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        let name = url.path().trim_start_matches('/');
        let said = match error {
            sqlx::Error::Database(inner) if (self.has_no_database)(&**inner) => {
                format!("{server} has no database `{name}`: create it with CREATE DATABASE {name}")
            }
            sqlx::Error::Database(inner) if (self.refuses_entry)(&**inner) => {
                format!("{server} does not let `{}` in with this password: {error}", url.username())
            }
            error => format!("{server}: {error}"),
        };
        CatalogError::Unavailable(said)
    }
}
