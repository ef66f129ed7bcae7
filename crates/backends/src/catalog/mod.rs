//! Catalogs: where accounts, media, jobs and outputs are kept.

#[cfg(feature = "catalog-memory")]
mod memory;
#[cfg(feature = "catalog-sqlite")]
mod sql;
#[cfg(feature = "catalog-sqlite")]
mod sqlite;

use std::path::Path;
use std::sync::Arc;

use reelmill_core::ports::Catalog;

use crate::opening::{self, Backend, OpenError, Opened};

#[cfg(feature = "catalog-memory")]
pub use memory::MemoryCatalog;

/// The catalogs that there are.
pub const BACKENDS: &[Backend<Opening>] = &[
    Backend {
        scheme: "sqlite",
        feature: "catalog-sqlite",
        title: "SQLite in one file",
        #[cfg(feature = "catalog-sqlite")]
        opening: Some(sqlite::OPENING),
        #[cfg(not(feature = "catalog-sqlite"))]
        opening: None,
    },
    Backend {
        scheme: "memory",
        feature: "catalog-memory",
        title: "in memory, gone with the process",
        #[cfg(feature = "catalog-memory")]
        opening: Some(memory::OPENING),
        #[cfg(not(feature = "catalog-memory"))]
        opening: None,
    },
];

/// How a catalog is opened and migrated: both take what follows the URL's colon, and the data folder.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    open: for<'a> fn(&'a str, &'a Path) -> Opened<'a, Arc<dyn Catalog>>,
    migrate: for<'a> fn(&'a str, &'a Path) -> Opened<'a, Migrated>,
}

/// What a migration did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migrated {
    /// The schema's version before; 0 where there was none.
    pub from: i64,
    /// The schema's version now.
    pub to: i64,
}

/// Opens the catalog of that URL, its schema brought up to date.
///
/// # Errors
/// Where no such backend is in this build, or it cannot be used; [`TooNew`](reelmill_core::ports::CatalogError::TooNew)
/// where a newer build has migrated it.
pub async fn open(url: &str, data_dir: &Path) -> Result<Arc<dyn Catalog>, OpenError> {
    let (opening, rest) = opening::pick("catalog", BACKENDS, url)?;
    (opening.open)(rest, data_dir).await
}

/// Brings the schema of the catalog of that URL up to date and closes it again.
///
/// # Errors
/// As [`open`].
pub async fn migrate(url: &str, data_dir: &Path) -> Result<Migrated, OpenError> {
    let (opening, rest) = opening::pick("catalog", BACKENDS, url)?;
    (opening.migrate)(rest, data_dir).await
}

/// Refuses a commit that holds more than [`MAX_WRITES`](reelmill_core::ports::MAX_WRITES).
///
/// # Errors
/// `Corrupt`, as it will never do.
pub fn check_size(writes: &[reelmill_core::Write]) -> Result<(), reelmill_core::ports::CatalogError> {
    use reelmill_core::ports::{CatalogError, MAX_WRITES};
    if writes.len() <= MAX_WRITES {
        return Ok(());
    }
    Err(CatalogError::Corrupt(format!("a commit of {} writes is more than {MAX_WRITES}", writes.len())))
}
