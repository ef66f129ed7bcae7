//! The catalog in one SQLite file: a connection that writes, and some that read beside it.
//!
//! The write-ahead log lets readers go on while the writer writes; it is synced at every commit, so what is
//! committed survives a power cut. Several processes may share the file on one machine.

use std::fs::OpenOptions;
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use reelmill_core::ports::{Catalog, CatalogError};
use sqlx::{AnyConnection, Connection};

use super::Opening;
use super::sql::{Access, Dialect, Lines, SqlCatalog, Turn, error, migrate};
use crate::opening::OpenError;

/// How it is opened.
pub(super) const OPENING: Opening = Opening {
    open: |rest, deployment| {
        async move { Ok(Arc::new(open(&path(rest, &deployment.data_dir)?).await?) as Arc<dyn Catalog>) }
            .boxed()
    },
    migrate: |rest, deployment| {
        async move {
            let mut writer = connect(&path(rest, &deployment.data_dir)?).await?;
            let migrated = migrate(&mut writer, &DIALECT).await;
            writer.close().await.map_err(error)?;
            Ok(migrated?)
        }
        .boxed()
    },
};

const DIALECT: Dialect = Dialect {
    begin: "BEGIN IMMEDIATE",
    or_ignore: |_| " ON CONFLICT DO NOTHING".to_owned(),
    keep: "",
    deletes_with_limit: false,
    numbers_arguments: false,
    writers: 1,
    counts_by_job: true,
    is_in_the_way: |_| false,
    turn: Turn::Transaction("BEGIN IMMEDIATE"),
    ddl: str::to_owned,
    is_done: |_, _| false,
};

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
    let mut writer = connect(path).await?;
    if let Err(error) = migrate(&mut writer, &DIALECT).await {
        // The refusal is what matters.
        let _ = writer.close().await;
        return Err(error);
    }
    let access = access(path)?;
    Ok(SqlCatalog {
        dialect: &DIALECT,
        lines: Lines::start(Some(writer), &access, &DIALECT),
        readers: access.readers(READERS),
    })
}

/// A connection to the file, which is made where it is not there.
async fn connect(path: &Path) -> Result<AnyConnection, CatalogError> {
    make(path)?;
    let access = access(path)?;
    let until = Instant::now() + PATIENCE;
    loop {
        match access.connect().await {
            Ok(connection) => return Ok(connection),
            // Turning the log on does not wait for others that do so at the same moment.
            Err(sqlx::Error::Database(inner)) if is_busy(&*inner) && Instant::now() < until => {
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

fn access(path: &Path) -> Result<Access, CatalogError> {
    let mut url = String::from("sqlite://");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            url.push(char::from(*byte));
        } else {
            url.extend(['%', hex(byte >> 4), hex(byte & 0xf)]);
        }
    }
    Access::new(&url, WRITER, READER)
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
