//! Whether the queue is paused: one item, which is there while it is.

use reelmill_core::Timestamp;
use reelmill_core::ports::CatalogError;

use super::DynamoCatalog;
use super::address::{Address, key};
use super::item::{Item, SCHEMA, number, number_of, text};
use super::layout::schema;
use super::op::{Op, Role, What, When};

const SINCE_MS: &str = "since_ms";

impl DynamoCatalog {
    pub(super) async fn begin_pause(&self, since: Timestamp) -> Result<(), CatalogError> {
        let at = Address::pause();
        let mut item: Item = key(&at);
        item.insert(SCHEMA.to_owned(), text(schema("pause")));
        item.insert(SINCE_MS.to_owned(), number(since.as_ms()));
        // One that is there stays, with its earlier moment.
        self.alone(Op { at, role: Role::Derived, what: What::Put(item), when: When::Absent }).await.map(drop)
    }

    pub(super) async fn end_pause(&self) -> Result<(), CatalogError> {
        let at = Address::pause();
        self.alone(Op { at, role: Role::Derived, what: What::Delete, when: When::Always }).await.map(drop)
    }

    pub(super) async fn pause_of_queue(&self) -> Result<Option<Timestamp>, CatalogError> {
        let item = self.item(&Address::pause()).await?;
        let since = |item: &Item| {
            let ms = number_of(item, SINCE_MS).map(Timestamp::from_ms);
            ms.ok_or_else(|| CatalogError::Corrupt("the queue's pause has no moment".to_owned()))
        };
        item.as_ref().map(since).transpose()
    }
}
