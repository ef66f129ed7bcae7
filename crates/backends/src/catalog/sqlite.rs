//! The catalog in one SQLite file: a connection that writes, and some that read beside it.
//!
//! The write-ahead log lets readers go on while the writer writes; it is synced at every commit, so what is
//! committed survives a power cut. Several processes may share the file on one machine.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::sync::{Arc, Once};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use reelmill_core::ports::{Catalog, CatalogError};
use sqlx::any::{AnyConnectOptions, AnyPoolOptions};
use sqlx::{AnyConnection, ConnectOptions, Connection};

use super::Opening;
use super::sql::{Dialect, Line, SqlCatalog, error, migrate};
use crate::opening::OpenError;

/// How it is opened.
pub(super) const OPENING: Opening = Opening {
    open: |rest, data_dir| {
        async move { Ok(Arc::new(open(&path(rest, data_dir)?).await?) as Arc<dyn Catalog>) }.boxed()
    },
    migrate: |rest, data_dir| {
        async move {
            let mut writer = connect(&path(rest, data_dir)?, WRITER).await?;
            let migrated = migrate(&mut writer, &DIALECT).await;
            writer.close().await.map_err(error)?;
            Ok(migrated?)
        }
        .boxed()
    },
};

const DIALECT: Dialect = Dialect { begin: "BEGIN IMMEDIATE", or_ignore: " ON CONFLICT DO NOTHING" };

const WRITER: &str = "PRAGMA busy_timeout = 10000; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;";
const READER: &str = "PRAGMA busy_timeout = 10000; PRAGMA query_only = ON;";

/// Connections that read.
const READERS: u32 = 4;
/// How long other processes may keep us out.
const PATIENCE: Duration = Duration::from_secs(10);

/// The catalog's file: in the data folder where the URL names none.
fn path(rest: &str, data_dir: &Path) -> Result<PathBuf, OpenError> {
    let path = if rest.is_empty() { data_dir.join("catalog.db") } else { PathBuf::from(rest) };
    let path = std::path::absolute(path).map_err(|error| bad_url(&error.to_string()))?;
    if path.to_str().is_none() {
        return Err(bad_url("the path is not UTF-8"));
    }
    Ok(path)
}

async fn open(path: &Path) -> Result<SqlCatalog, CatalogError> {
    let mut writer = connect(path, WRITER).await?;
    if let Err(error) = migrate(&mut writer, &DIALECT).await {
        // The refusal is what matters.
        let _ = writer.close().await;
        return Err(error);
    }
    let readers = AnyPoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(PATIENCE)
        .test_before_acquire(false)
        .max_lifetime(None)
        .after_connect(|reader, _| {
            Box::pin(async move { sqlx::raw_sql(READER).execute(reader).await.map(drop) })
        })
        .connect_lazy_with(options(path)?);
    Ok(SqlCatalog { dialect: &DIALECT, line: Line::start(writer, &DIALECT), readers })
}

/// A connection to the file, which is made where it is not there.
async fn connect(path: &Path, pragmas: &'static str) -> Result<AnyConnection, CatalogError> {
    make(path)?;
    let until = Instant::now() + PATIENCE;
    loop {
        let mut connection = AnyConnection::connect_with(&options(path)?).await.map_err(error)?;
        match sqlx::raw_sql(pragmas).execute(&mut connection).await {
            Ok(_) => return Ok(connection),
            // Turning the log on does not wait for others that do so at the same moment.
            Err(sqlx::Error::Database(inner)) if is_busy(&*inner) && Instant::now() < until => {
                drop(connection);
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            Err(other) => return Err(error(other)),
        }
    }
}

/// Makes the file readable by its owner alone: it holds password hashes.
fn make(path: &Path) -> Result<(), CatalogError> {
    let unusable = |error: std::io::Error| CatalogError::Unavailable(format!("{}: {error}", path.display()));
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder).map_err(unusable)?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Err(error) if error.kind() != ErrorKind::AlreadyExists => Err(unusable(error)),
        _ => Ok(()),
    }
}

fn options(path: &Path) -> Result<AnyConnectOptions, CatalogError> {
    static DRIVERS: Once = Once::new();
    // Another crate of this process may have installed the same drivers before.
    DRIVERS.call_once(|| drop(sqlx::any::install_drivers(&[sqlx::sqlite::any::DRIVER])));
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            url.push(char::from(*byte));
        } else {
            url.extend(['%', hex(byte >> 4), hex(byte & 0xf)]);
        }
    }
    AnyConnectOptions::from_str(&url).map(ConnectOptions::disable_statement_logging).map_err(error)
}

fn hex(digit: u8) -> char {
    char::from_digit(digit.into(), 16).unwrap_or('0')
}

/// `SQLITE_BUSY` and its extended codes: the lower byte is the same.
fn is_busy(error: &dyn sqlx::error::DatabaseError) -> bool {
    error.code().and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == 5)
}

fn bad_url(reason: &str) -> OpenError {
    OpenError::BadUrl { scheme: "sqlite", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests;
