//! Published videos: their rows, found by media, by thumbnail and in lists.

use reelmill_core::ports::{CatalogError, Page, PageQuery};
use reelmill_core::{MediaId, Video};
use sqlx::AnyConnection;

use super::change::one;
use super::failure::Changed;
use super::read::page;
use super::{Dialect, SqlCatalog, row};

/// Adds the video.
pub(super) async fn add(on: &mut AnyConnection, dialect: &Dialect, video: &Video) -> Changed {
    let sql = "INSERT INTO videos (id, number, thumbnail, version, body) VALUES (?, ?, ?, ?, ?)";
    let statement = dialect.query(sql).bind(video.id.to_string()).bind(video.number).bind(thumbnail(video));
    one(on, statement.bind(row::signed(video.version)).bind(row::to_body(video)?)).await
}

/// Replaces the version before.
pub(super) async fn replace(on: &mut AnyConnection, dialect: &Dialect, video: &Video) -> Changed {
    let before = video.version.checked_sub(1).ok_or(CatalogError::Conflict)?;
    let sql =
        "UPDATE videos SET number = ?, thumbnail = ?, version = ?, body = ? WHERE id = ? AND version = ?";
    let statement = dialect.query(sql).bind(video.number).bind(thumbnail(video));
    let statement = statement.bind(row::signed(video.version)).bind(row::to_body(video)?);
    one(on, statement.bind(video.id.to_string()).bind(row::signed(before))).await
}

/// Takes the video of that version away.
pub(super) async fn drop_version(
    on: &mut AnyConnection,
    dialect: &Dialect,
    id: MediaId,
    version: u64,
) -> Changed {
    let statement = dialect.query("DELETE FROM videos WHERE id = ? AND version = ?");
    one(on, statement.bind(id.to_string()).bind(row::signed(version))).await
}

impl SqlCatalog {
    pub(super) async fn videos_page(&self, query: PageQuery) -> Result<Page<Video>, CatalogError> {
        let rows = self.newest("SELECT body FROM videos", [], query).await?;
        page(&rows, query, row::from_body, |video: &Video| video.id.0)
    }
}

fn thumbnail(video: &Video) -> Option<String> {
    video.thumbnail.as_ref().map(|thumbnail| thumbnail.uuid.to_string())
}
