//! Webhooks and their deliveries: their rows, found by owner, by webhook and by due time.

use reelmill_core::ports::{CatalogError, Page, PageQuery};
use reelmill_core::{Delivery, Timestamp, UserId, Webhook, WebhookId};
use sqlx::AnyConnection;

use super::change::one;
use super::failure::Changed;
use super::read::page;
use super::{Dialect, SqlCatalog, row};

/// Adds the webhook.
pub(super) async fn add(on: &mut AnyConnection, dialect: &Dialect, webhook: &Webhook) -> Changed {
    let sql = "INSERT INTO webhooks (id, owner, version, body) VALUES (?, ?, ?, ?)";
    let statement = dialect.query(sql).bind(webhook.id.to_string()).bind(webhook.owner.to_string());
    one(on, statement.bind(row::signed(webhook.version)).bind(row::to_body(webhook)?)).await
}

/// Replaces the version before.
pub(super) async fn replace(on: &mut AnyConnection, dialect: &Dialect, webhook: &Webhook) -> Changed {
    let before = webhook.version.checked_sub(1).ok_or(CatalogError::Conflict)?;
    let sql = "UPDATE webhooks SET owner = ?, version = ?, body = ? WHERE id = ? AND version = ?";
    let statement = dialect.query(sql).bind(webhook.owner.to_string()).bind(row::signed(webhook.version));
    let statement = statement.bind(row::to_body(webhook)?).bind(webhook.id.to_string());
    one(on, statement.bind(row::signed(before))).await
}

/// Takes the webhook of that version away.
pub(super) async fn drop_version(
    on: &mut AnyConnection,
    dialect: &Dialect,
    id: WebhookId,
    version: u64,
) -> Changed {
    let statement = dialect.query("DELETE FROM webhooks WHERE id = ? AND version = ?");
    one(on, statement.bind(id.to_string()).bind(row::signed(version))).await
}

/// Adds the delivery.
pub(super) async fn add_delivery(on: &mut AnyConnection, dialect: &Dialect, delivery: &Delivery) -> Changed {
    let sql = "INSERT INTO deliveries (id, webhook, due_at_ms, expires_at_ms, version, body) VALUES (?, ?, ?, ?, ?, ?)";
    let statement = dialect.query(sql).bind(delivery.id.to_string()).bind(delivery.webhook.to_string());
    let statement = statement.bind(due(delivery)).bind(delivery.expires_at.as_ms());
    one(on, statement.bind(row::signed(delivery.version)).bind(row::to_body(delivery)?)).await
}

/// Replaces the version before.
pub(super) async fn replace_delivery(
    on: &mut AnyConnection,
    dialect: &Dialect,
    delivery: &Delivery,
) -> Changed {
    let before = delivery.version.checked_sub(1).ok_or(CatalogError::Conflict)?;
    let sql = "UPDATE deliveries SET webhook = ?, due_at_ms = ?, expires_at_ms = ?, version = ?, body = ? \
               WHERE id = ? AND version = ?";
    let statement = dialect.query(sql).bind(delivery.webhook.to_string()).bind(due(delivery));
    let statement = statement.bind(delivery.expires_at.as_ms()).bind(row::signed(delivery.version));
    let statement = statement.bind(row::to_body(delivery)?).bind(delivery.id.to_string());
    one(on, statement.bind(row::signed(before))).await
}

fn due(delivery: &Delivery) -> Option<i64> {
    delivery.due_at().map(Timestamp::as_ms)
}

impl SqlCatalog {
    pub(super) async fn webhooks_of(&self, owner: UserId) -> Result<Vec<Webhook>, CatalogError> {
        let sql = "SELECT body FROM webhooks WHERE owner = ? ORDER BY id LIMIT 100";
        let statement = self.dialect.query(sql).bind(owner.to_string());
        self.rows(statement).await?.iter().map(row::from_body).collect()
    }

    pub(super) async fn deliveries_page(
        &self,
        webhook: WebhookId,
        query: PageQuery,
    ) -> Result<Page<Delivery>, CatalogError> {
        let of = [("webhook", Some(webhook.to_string()))];
        let rows = self.newest("SELECT body FROM deliveries", of, query).await?;
        page(&rows, query, row::from_body, |delivery: &Delivery| delivery.id.0)
    }

    pub(super) async fn deliveries_due(
        &self,
        now: Timestamp,
        limit: u32,
    ) -> Result<Vec<Delivery>, CatalogError> {
        let sql = "SELECT body FROM deliveries WHERE due_at_ms <= ? ORDER BY due_at_ms, id LIMIT ?";
        let statement = self.dialect.query(sql).bind(now.as_ms()).bind(i64::from(limit));
        self.rows(statement).await?.iter().map(row::from_body).collect()
    }
}
