//! Catalogs: where accounts, media, jobs and outputs are kept.

#[cfg(feature = "catalog-dynamodb")]
mod dynamodb;
#[cfg(feature = "catalog-memory")]
mod memory;
#[cfg(feature = "catalog-mysql")]
mod mysql;
#[cfg(feature = "catalog-postgres")]
mod postgres;
#[cfg(any(feature = "catalog-sqlite", feature = "catalog-mysql", feature = "catalog-postgres"))]
mod sql;
#[cfg(feature = "catalog-sqlite")]
mod sqlite;

use std::sync::Arc;

use reelmill_core::ports::Catalog;

use crate::opening::{self, Backend, Deployment, OpenError, Opened};

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
        scheme: "dynamodb",
        feature: "catalog-dynamodb",
        title: "Amazon DynamoDB",
        #[cfg(feature = "catalog-dynamodb")]
        opening: Some(dynamodb::OPENING),
        #[cfg(not(feature = "catalog-dynamodb"))]
        opening: None,
    },
    Backend {
        scheme: "mysql",
        feature: "catalog-mysql",
        title: "MySQL or MariaDB",
        #[cfg(feature = "catalog-mysql")]
        opening: Some(mysql::OPENING),
        #[cfg(not(feature = "catalog-mysql"))]
        opening: None,
    },
    Backend {
        scheme: "postgres",
        feature: "catalog-postgres",
        title: "PostgreSQL",
        #[cfg(feature = "catalog-postgres")]
        opening: Some(postgres::OPENING),
        #[cfg(not(feature = "catalog-postgres"))]
        opening: None,
    },
    Backend {
        scheme: "postgresql",
        feature: "catalog-postgres",
        title: "PostgreSQL by its other name",
        #[cfg(feature = "catalog-postgres")]
        opening: Some(postgres::OPENING),
        #[cfg(not(feature = "catalog-postgres"))]
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

/// How a catalog is opened and migrated: both take what follows the URL's colon, and what
/// surrounds it.
#[derive(Debug, Clone, Copy)]
pub struct Opening {
    open: for<'a> fn(&'a str, &'a Deployment) -> Opened<'a, Arc<dyn Catalog>>,
    migrate: for<'a> fn(&'a str, &'a Deployment) -> Opened<'a, Migrated>,
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
pub async fn open(url: &str, deployment: &Deployment) -> Result<Arc<dyn Catalog>, OpenError> {
    let (opening, rest) = opening::pick("catalog", BACKENDS, url)?;
    (opening.open)(rest, deployment).await
}

/// Brings the schema of the catalog of that URL up to date and closes it again.
///
/// # Errors
/// As [`open`].
pub async fn migrate(url: &str, deployment: &Deployment) -> Result<Migrated, OpenError> {
    let (opening, rest) = opening::pick("catalog", BACKENDS, url)?;
    (opening.migrate)(rest, deployment).await
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
