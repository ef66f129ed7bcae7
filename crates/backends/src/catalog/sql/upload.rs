//! Uploads in parts: their rows, found by the media that they become and in the list of all.

use reelmill_core::ports::{CatalogError, Page, PageQuery};
use reelmill_core::{MediaId, Resumable};
use sqlx::AnyConnection;

use super::change::one;
use super::failure::Changed;
use super::read::page;
use super::{Dialect, SqlCatalog, row};

/// Adds the upload.
pub(super) async fn add(on: &mut AnyConnection, dialect: &Dialect, upload: &Resumable) -> Changed {
    let statement = dialect.query("INSERT INTO uploads (id, version, body) VALUES (?, ?, ?)");
    let statement = statement.bind(upload.id.to_string()).bind(row::signed(upload.version));
    one(on, statement.bind(row::to_body(upload)?)).await
}

/// Replaces the version before.
pub(super) async fn replace(on: &mut AnyConnection, dialect: &Dialect, upload: &Resumable) -> Changed {
    let before = upload.version.checked_sub(1).ok_or(CatalogError::Conflict)?;
    let statement = dialect.query("UPDATE uploads SET version = ?, body = ? WHERE id = ? AND version = ?");
    let statement = statement.bind(row::signed(upload.version)).bind(row::to_body(upload)?);
    one(on, statement.bind(upload.id.to_string()).bind(row::signed(before))).await
}

/// Takes the upload of that version away.
pub(super) async fn drop_version(
    on: &mut AnyConnection,
    dialect: &Dialect,
    id: MediaId,
    version: u64,
) -> Changed {
    let statement = dialect.query("DELETE FROM uploads WHERE id = ? AND version = ?");
    one(on, statement.bind(id.to_string()).bind(row::signed(version))).await
}

impl SqlCatalog {
    pub(super) async fn uploads_page(&self, query: PageQuery) -> Result<Page<Resumable>, CatalogError> {
        let rows = self.newest("SELECT body FROM uploads", [], query).await?;
        page(&rows, query, row::from_body, |upload: &Resumable| upload.id.0)
    }
}
