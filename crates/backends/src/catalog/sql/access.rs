//! How connections to a database are made, and how long anything may take on one.
//!
//! Connections may be half-open: the other side is gone and nothing says so. So every wait here ends.

use std::fmt;
use std::str::FromStr;
use std::sync::Once;
use std::time::Duration;

use reelmill_core::ports::CatalogError;
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, AnyPool, ConnectOptions, Connection};

use super::error;

/// The longest that one change, one read or one connection attempt may take. The databases end a statement by themselves
/// after 10 s, so that they are heard before they are given up.
const PATIENCE: Duration = Duration::from_secs(12);
/// How long a reader waits for a connection.
const ACQUIRE: Duration = Duration::from_secs(10);
/// A connection that rested for so long is tried before it is used.
const RESTED: Duration = Duration::from_secs(1);

/// Where a database is, and what is said to it first.
#[derive(Clone)]
pub(in crate::catalog) struct Access {
    options: AnyConnectOptions,
    /// What a connection that writes begins with.
    writer: &'static str,
    /// What a connection that only reads begins with.
    reader: &'static str,
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The URL may hold a password.
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

impl Access {
    pub(in crate::catalog) fn new(
        url: &str,
        writer: &'static str,
        reader: &'static str,
    ) -> Result<Self, CatalogError> {
        install_drivers();
        let options = AnyConnectOptions::from_str(url).map_err(error)?.disable_statement_logging();
        Ok(Self { options, writer, reader })
    }

    /// A connection to write on.
    pub(in crate::catalog) async fn connect(&self) -> Result<AnyConnection, sqlx::Error> {
        within(async {
            let mut connection = AnyConnection::connect_with(&self.options).await?;
            sqlx::raw_sql(self.writer).execute(&mut connection).await?;
            Ok(connection)
        })
        .await
    }

    /// Connections to read on, each made when it is needed first.
    pub(in crate::catalog) fn readers(&self, most: u32) -> AnyPool {
        let greeting = self.reader;
        AnyPoolOptions::new()
            .max_connections(most)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .before_acquire(|reader, rest| {
                Box::pin(async move {
                    if rest.idle_for > RESTED {
                        reader.ping().await?;
                    }
                    Ok(true)
                })
            })
            .max_lifetime(None)
            .after_connect(move |reader, _| {
                Box::pin(async move { sqlx::raw_sql(greeting).execute(reader).await.map(drop) })
            })
            .connect_lazy_with(self.options.clone())
    }
}

/// Ends a wait that lasts too long. The connection is in the middle of something then, and of no use any more.
pub(super) async fn within<T, E: From<sqlx::Error>>(
    work: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    tokio::time::timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        let said = format!("no answer within {} s", PATIENCE.as_secs());
        Err(sqlx::Error::Io(std::io::Error::new(std::io::ErrorKind::TimedOut, said)).into())
    })
}

fn install_drivers() {
    static ONCE: Once = Once::new();
    let drivers = const {
        &[
            #[cfg(feature = "catalog-mysql")]
            sqlx::mysql::any::DRIVER,
            #[cfg(feature = "catalog-postgres")]
            sqlx::postgres::any::DRIVER,
            #[cfg(feature = "catalog-sqlite")]
            sqlx::sqlite::any::DRIVER,
        ]
    };
    // Another crate of this process may have installed the same drivers before.
    ONCE.call_once(|| drop(sqlx::any::install_drivers(drivers)));
}
