//! What reads or walks everything: the export of a collection, and the sweep of what expired.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::AttributeValue;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use reelmill_core::ports::{Catalog as _, CatalogError, Part};
use reelmill_core::{Collection, Delivery, Job, Pulse, Record, Timestamp, Write};

use super::DynamoCatalog;
use super::address::{Address, Table, key};
use super::item::{Item, PK, SCHEMA, SK, text, text_of};
use super::layout::{self};
use super::op::{Op, Phrase, Role, What, When};
use super::read::{Span, address, any_record, pointed_at};
use super::weather::unusable;

/// Items that one step of an export looks at.
const STEP: i32 = 2000;
/// What is swept of each partition of the list at a time.
const SWEPT: usize = 500;
/// Writes that are under way at a time.
const AT_A_TIME: usize = 16;

impl DynamoCatalog {
    pub(super) async fn part(
        &self,
        collection: Collection,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Part, CatalogError> {
        let (kind, table) = stands(collection);
        let mut phrase = Phrase::default();
        let wanted = format!("{} = {}", phrase.name(SCHEMA), phrase.value(text(layout::schema(kind))));
        let asked = self
            .client
            .scan()
            .table_name(self.table(table))
            .filter_expression(wanted)
            .set_expression_attribute_names(phrase.names())
            .set_expression_attribute_values(phrase.values())
            .consistent_read(true)
            .limit(STEP)
            .set_exclusive_start_key(after.map(start).transpose()?);
        let answer = asked.send().await.map_err(|error| unusable(&error))?;
        let mut items = answer.items.unwrap_or_default();
        let mut last = answer.last_evaluated_key;
        if items.len() > limit as usize {
            items.truncate(limit as usize);
            last = items.last().cloned();
        }
        let records =
            items.iter().map(|item| any_record(table, item).map(without_pulse)).collect::<Result<_, _>>()?;
        Ok(Part { records, next: last.as_ref().map(place) })
    }

    pub(super) async fn sweep(&self, now: Timestamp) -> Result<u64, CatalogError> {
        // What expires at this very moment stays.
        let span = Span::up_to(format!("{}#", layout::sorted(now.as_ms())));
        let partitions = layout::shards("EXPIRIES");
        let each = partitions.iter().map(|partition| self.query(Table::Operations, partition, &span, SWEPT));
        let expired = try_join_all(each).await?;
        let swept = stream::iter(expired.into_iter().flatten()).map(|entry| self.sweep_one(entry, now));
        swept
            .buffer_unordered(AT_A_TIME)
            .try_fold(0, |swept, is_swept| async move { Ok(swept + u64::from(is_swept)) })
            .await
    }

    /// Takes away a record that expired, and its place in the list.
    async fn sweep_one(&self, entry: Item, now: Timestamp) -> Result<bool, CatalogError> {
        let of = pointed_at(Table::Operations, &entry)?;
        let delete = |at, when| Op { at, role: Role::Derived, what: What::Delete, when };
        let is_swept = if of.is_delivery() {
            self.sweep_delivery(&of, now).await?
        } else {
            // A receipt may have been written anew meanwhile.
            self.alone(delete(of, When::ExpiredBefore(now.as_ms()))).await?
        };
        self.alone(delete(address(Table::Operations, &entry), When::Always)).await?;
        Ok(is_swept)
    }

    /// Takes away a delivery that expired, with its places in all lists.
    async fn sweep_delivery(&self, of: &Address, now: Timestamp) -> Result<bool, CatalogError> {
        let known = self.record::<Delivery>(of).await?;
        let Some(expired) = known.filter(|delivery| delivery.expires_at < now) else { return Ok(false) };
        self.commit(vec![Write::DropDelivery(expired.id)]).await.map(|()| true)
    }
}

/// A beat is no part of a record.
fn without_pulse(record: Record) -> Record {
    match record {
        Record::Job(job) => Record::Job(Job { pulse: Pulse::default(), ..job }),
        other => other,
    }
}

/// What a collection's items are called, and where they stand.
const fn stands(collection: Collection) -> (&'static str, Table) {
    let kind = match collection {
        Collection::Users => "user",
        Collection::ApiKeys => "api-key",
        Collection::EndedTokens => "ended-token",
        Collection::Media => "media",
        Collection::Jobs => "job",
        Collection::Outputs => "output",
        Collection::Intents => "intent",
        Collection::Receipts => "receipt",
        Collection::Notices => "notice",
        Collection::Songs => return ("song", Table::Songs),
        Collection::Operations => "operation",
        Collection::Videos => "video",
        Collection::Tasks => "task",
        Collection::Webhooks => "webhook",
        Collection::Deliveries => "delivery",
        Collection::Uploads => "upload",
        Collection::Sequences => "sequence",
    };
    (kind, Table::Operations)
}

/// An item's key as text.
fn place(item: &Item) -> String {
    let of = |name| text_of(item, name).unwrap_or_default();
    serde_json::json!([of(PK), of(SK)]).to_string()
}

/// The key that a part goes on behind.
fn start(place: &str) -> Result<HashMap<String, AttributeValue>, CatalogError> {
    let (pk, sk): (String, String) = serde_json::from_str(place)
        .map_err(|_| CatalogError::Corrupt("that is no place in a collection".to_owned()))?;
    Ok(key(&Address::new(Table::Operations, pk, sk)))
}
