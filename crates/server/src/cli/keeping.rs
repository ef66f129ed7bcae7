//! A catalog that a command works on as a whole, with nothing else beside it where that can be seen to.

use std::io::Write as _;
use std::sync::Arc;

use reelmill_backends::catalog;
use reelmill_core::ports::Catalog;

use super::failure::Failure;
use crate::config::Config;
use crate::data_dir::Lock;
use crate::wiring;

/// An open catalog.
pub(super) struct Kept {
    pub(super) catalog: Arc<dyn Catalog>,
    /// The version of its schema.
    pub(super) schema: i64,
    /// Held where the catalog is in the data folder.
    _lock: Option<Lock>,
}

impl Kept {
    /// Opens the catalog and, where it is in the data folder, keeps servers out of it.
    pub(super) async fn open(config: &Config) -> Result<Self, Failure> {
        let failed = |error| Failure::failed(format!("cannot open the catalog {}: {error}", config.catalog));
        refuse_memory(config)?;
        let lock = wiring::hold(config).map_err(|error| Failure::failed(format!("{error:#}")))?;
        if lock.is_none() {
            let said = format!(
                "reelmill: others may use the catalog {} as well: stop them meanwhile",
                config.catalog
            );
            // Nothing can be done about a closed standard error.
            let _ = writeln!(std::io::stderr(), "{said}");
        }
        let deployment = wiring::deployment(config);
        let schema = catalog::migrate(config.catalog.expose(), &deployment).await.map_err(failed)?.to;
        let catalog = catalog::open(config.catalog.expose(), &deployment).await.map_err(failed)?;
        Ok(Self { catalog, schema, _lock: lock })
    }
}

/// Refuses the catalog that is gone when the command is over.
pub(super) fn refuse_memory(config: &Config) -> Result<(), Failure> {
    if config.catalog.scheme() == "memory" {
        return Err(Failure::usage(
            "the catalog is in memory, and that of another process cannot be reached",
        ));
    }
    Ok(())
}

/// What such a command runs on.
pub(super) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(Failure::failed)
}
