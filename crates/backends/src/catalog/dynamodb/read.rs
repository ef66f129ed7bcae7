//! Reads: by key, by a name, and lists that are spread over partitions. Every one is consistent.
//!
//! A list's items only point at records. The record says whether it is still wanted, so an item that is left over does
//! no harm.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};
use reelmill_core::ports::CatalogError;
use reelmill_core::{
    ApiKey, Intent, Job, Media, Notice, Operation, Output, Pulse, Receipt, Record, Song, Stage,
};
use reelmill_core::{Delivery, EndedToken, Resumable, Task, User, Video, Webhook};

use super::DynamoCatalog;
use super::address::{Address, Table, key, names};
use super::draft::Stored;
use super::item::{Item, OF_PK, OF_SK, PK, REV, SK, TOUCHES, from_body, number_of, text, text_of};
use super::layout::entries;
use super::op::Phrase;
use super::weather::{Patience, unusable};

/// The most items that one `BatchGetItem` takes.
const BATCH: usize = 100;
/// Calls of one read that are under way at a time.
const AT_A_TIME: usize = 8;
/// The most items that one query asks for.
const MOST_A_QUERY: usize = 1000;

/// How often a name is looked up that stands for nothing, before there is nothing.
const TRIES: usize = 4;

/// A record that can be read back from its item.
pub(super) trait Kept: Sized {
    fn from_item(item: &Item) -> Result<Self, CatalogError>;
    fn into_record(self) -> Record;
}

macro_rules! kept {
    ($($name:ident),*) => { $(
        impl Kept for $name {
            fn from_item(item: &Item) -> Result<Self, CatalogError> {
                from_body(item)
            }

            fn into_record(self) -> Record {
                Record::$name(self)
            }
        }
    )* };
}

kept!(
    User, ApiKey, EndedToken, Media, Output, Receipt, Notice, Song, Operation, Video, Task, Webhook, Delivery
);

impl Kept for Resumable {
    fn from_item(item: &Item) -> Result<Self, CatalogError> {
        from_body(item)
    }

    fn into_record(self) -> Record {
        Record::Upload(self)
    }
}

impl Kept for Job {
    fn from_item(item: &Item) -> Result<Self, CatalogError> {
        let pulse = Pulse {
            beats: number_of(item, "beats").unwrap_or(0),
            progress: text_of(item, "progress").and_then(|digits| digits.parse().ok()).unwrap_or(0.0),
            stage: text_of(item, "stage").and_then(Stage::from_name),
        };
        Ok(Self { pulse, ..from_body(item)? })
    }

    fn into_record(self) -> Record {
        Record::Job(self)
    }
}

impl Kept for Intent {
    fn from_item(item: &Item) -> Result<Self, CatalogError> {
        let intent: Self = from_body(item)?;
        Ok(Self { beats: number_of(item, "beats").unwrap_or(intent.beats), ..intent })
    }

    fn into_record(self) -> Record {
        Record::Intent(self)
    }
}

/// Which part of a list, and from which end.
#[derive(Debug, Clone)]
pub(super) struct Span {
    /// The lowest and the highest place.
    pub(super) between: Option<(String, String)>,
    /// What all places begin with; only where there is no `between`.
    pub(super) prefix: String,
    /// The place behind which it begins.
    pub(super) after: Option<String>,
    pub(super) is_descending: bool,
}

impl Span {
    /// All places that begin with `prefix`, behind one of them.
    pub(super) const fn all(prefix: String, after: Option<String>, is_descending: bool) -> Self {
        Self { between: None, prefix, after, is_descending }
    }

    /// All places up to one.
    pub(super) const fn up_to(highest: String) -> Self {
        // No place is lower than this.
        Self {
            between: Some((String::new(), highest)),
            prefix: String::new(),
            after: None,
            is_descending: false,
        }
    }

    /// The condition on the range key. It may bring the place that the span begins behind.
    fn condition(&self, phrase: &mut Phrase) -> Option<String> {
        let (low, high) = self.between.clone().unwrap_or_default();
        let (mut low, mut high) =
            (Some(low).filter(|low| !low.is_empty()), Some(high).filter(|high| !high.is_empty()));
        if let Some(after) = &self.after {
            *(if self.is_descending { &mut high } else { &mut low }) = Some(after.clone());
            if self.between.is_none() && !self.prefix.is_empty() {
                // One condition is all that a range key takes: the prefix's other end is the last text that begins so.
                let end = if self.is_descending {
                    self.prefix.clone()
                } else {
                    format!("{}\u{10ffff}", self.prefix)
                };
                *(if self.is_descending { &mut low } else { &mut high }) = Some(end);
            }
        }
        match (low, high) {
            (None, None) if self.prefix.is_empty() => None,
            (None, None) => {
                Some(format!("begins_with({}, {})", phrase.name(SK), phrase.value(text(&self.prefix))))
            }
            (Some(low), None) => Some(format!("{} >= {}", phrase.name(SK), phrase.value(text(low)))),
            (None, Some(high)) => Some(format!("{} <= {}", phrase.name(SK), phrase.value(text(high)))),
            (Some(low), Some(high)) => {
                let (low, high) = (phrase.value(text(low)), phrase.value(text(high)));
                Some(format!("{} BETWEEN {low} AND {high}", phrase.name(SK)))
            }
        }
    }
}

impl DynamoCatalog {
    pub(super) fn table(&self, table: Table) -> &str {
        match table {
            Table::Songs => &self.songs,
            Table::Operations => &self.operations,
        }
    }

    /// The item at that place.
    pub(super) async fn item(&self, at: &Address) -> Result<Option<Item>, CatalogError> {
        let asked = self.client.get_item().table_name(self.table(at.table)).set_key(Some(key(at)));
        Ok(asked.consistent_read(true).send().await.map_err(|error| unusable(&error))?.item)
    }

    /// The record at that place.
    pub(super) async fn record<T: Kept>(&self, at: &Address) -> Result<Option<T>, CatalogError> {
        self.item(at).await?.as_ref().map(T::from_item).transpose()
    }

    /// The record that holds a name alone.
    pub(super) async fn named<T: Kept + Clone>(&self, name: &Address) -> Result<Option<T>, CatalogError> {
        let mut patience = Patience::new();
        for _ in 0..TRIES {
            let Some(item) = self.item(name).await? else { break };
            let of = pointed_at(name.table, &item)?;
            if let Some(record) = self.record::<T>(&of).await?
                && names(&record.clone().into_record()).contains(name)
            {
                return Ok(Some(record));
            }
            // The name changed hands between the two reads: look again. Where it did not, the record was taken away
            // by another program.
            patience.wait().await?;
        }
        Ok(None)
    }

    /// The items at those places, in their order.
    pub(super) async fn items(&self, at: &[Address]) -> Result<Vec<Option<Item>>, CatalogError> {
        let batches: Vec<_> = at.chunks(BATCH).map(|batch| self.batch(batch)).collect();
        let batches: Vec<_> = stream::iter(batches).buffered(AT_A_TIME).try_collect().await?;
        let found: HashMap<Address, Item> = batches.into_iter().flatten().collect();
        Ok(at.iter().map(|at| found.get(at).cloned()).collect())
    }

    async fn batch(&self, at: &[Address]) -> Result<Vec<(Address, Item)>, CatalogError> {
        if let [at] = at {
            return Ok(self.item(at).await?.map(|item| (at.clone(), item)).into_iter().collect());
        }
        let mut wanted: HashMap<String, KeysAndAttributes> = HashMap::new();
        for table in [Table::Songs, Table::Operations] {
            let mut keys: Vec<_> = at.iter().filter(|at| at.table == table).collect();
            keys.sort_unstable();
            keys.dedup();
            if !keys.is_empty() {
                let keys = keys.into_iter().map(key).collect();
                let asked = KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build();
                let asked = asked.map_err(|error| CatalogError::Corrupt(error.to_string()))?;
                wanted.insert(self.table(table).to_owned(), asked);
            }
        }
        let (mut found, mut patience) = (Vec::new(), Patience::new());
        while !wanted.is_empty() {
            let asked = self.client.batch_get_item().set_request_items(Some(wanted));
            let answer = asked.send().await.map_err(|error| unusable(&error))?;
            for (table, items) in answer.responses.unwrap_or_default() {
                let table = if table == self.songs { Table::Songs } else { Table::Operations };
                found.extend(items.into_iter().map(|item| (address(table, &item), item)));
            }
            wanted = answer.unprocessed_keys.unwrap_or_default();
            if !wanted.is_empty() {
                // Throttled, or more than an answer holds.
                patience.wait().await?;
            }
        }
        Ok(found)
    }

    /// A partition's items within the span, at most `limit`.
    pub(super) async fn query(
        &self,
        table: Table,
        partition: &str,
        span: &Span,
        limit: usize,
    ) -> Result<Vec<Item>, CatalogError> {
        let (mut items, mut start) = (Vec::new(), None);
        loop {
            let mut phrase = Phrase::default();
            let mut condition = format!("{} = {}", phrase.name(PK), phrase.value(text(partition)));
            condition.extend(span.condition(&mut phrase).map(|on_place| format!(" AND {on_place}")));
            // One more for the place that the span begins behind.
            let asked_for = (limit - items.len()).saturating_add(1).min(MOST_A_QUERY);
            let asked = self
                .client
                .query()
                .table_name(self.table(table))
                .key_condition_expression(condition)
                .set_expression_attribute_names(phrase.names())
                .set_expression_attribute_values(phrase.values())
                .consistent_read(true)
                .scan_index_forward(!span.is_descending)
                .limit(i32::try_from(asked_for).unwrap_or(i32::MAX))
                .set_exclusive_start_key(start);
            let answer = asked.send().await.map_err(|error| unusable(&error))?;
            let found = answer.items.unwrap_or_default().into_iter();
            items.extend(found.filter(|item| span.after.as_deref() != text_of(item, SK)));
            start = answer.last_evaluated_key;
            if items.len() >= limit || start.is_none() {
                items.truncate(limit);
                return Ok(items);
            }
        }
    }

    /// The first items of a list that is spread over partitions, in the order of their places.
    pub(super) async fn merged(
        &self,
        table: Table,
        partitions: &[String],
        span: &Span,
        limit: usize,
    ) -> Result<Vec<Item>, CatalogError> {
        let each = partitions.iter().map(|partition| self.query(table, partition, span, limit));
        let mut items: Vec<Item> = try_join_all(each).await?.into_iter().flatten().collect();
        items.sort_by(|one, other| text_of(one, SK).cmp(&text_of(other, SK)));
        if span.is_descending {
            items.reverse();
        }
        items.truncate(limit);
        Ok(items)
    }

    /// The first records of a list that is spread over partitions, those that are wanted, in the order of their places.
    pub(super) async fn list<T: Kept + Clone>(
        &self,
        partitions: &[String],
        mut span: Span,
        limit: usize,
        is_wanted: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, CatalogError> {
        let mut records = Vec::new();
        while records.len() < limit {
            let left = limit - records.len();
            let pointers = self.merged(Table::Operations, partitions, &span, left).await?;
            let at = pointers.iter().map(|item| pointed_at(Table::Operations, item));
            let at = at.collect::<Result<Vec<_>, _>>()?;
            for (pointer, item) in pointers.iter().zip(self.items(&at).await?) {
                let Some(item) = item else { continue };
                let record = T::from_item(&item)?;
                let is_there = |entry: &super::layout::Entry| {
                    Some(entry.at.pk.as_str()) == text_of(pointer, PK)
                        && Some(entry.at.sk.as_str()) == text_of(pointer, SK)
                };
                if is_wanted(&record) && entries(&record.clone().into_record()).iter().any(is_there) {
                    records.push(record);
                }
            }
            if pointers.len() < left {
                break;
            }
            span.after = pointers.last().and_then(|item| text_of(item, SK)).map(str::to_owned);
        }
        Ok(records)
    }
}

/// A record as it was read, from its item.
pub(super) fn stored(at: &Address, item: &Item) -> Result<Stored, CatalogError> {
    Ok(Stored {
        record: record(at, item)?,
        rev: text_of(item, REV).unwrap_or_default().to_owned(),
        touches: number_of(item, TOUCHES).unwrap_or(0),
    })
}

fn record(at: &Address, item: &Item) -> Result<Record, CatalogError> {
    fn of<T: Kept>(item: &Item) -> Result<Record, CatalogError> {
        T::from_item(item).map(T::into_record)
    }
    let kind = at.pk.split_once('#').map_or("", |(kind, _)| kind);
    match kind {
        "USER" => of::<User>(item),
        "API-KEY" => of::<ApiKey>(item),
        "ENDED-TOKEN" => of::<EndedToken>(item),
        "MEDIA" => of::<Media>(item),
        "JOB" => of::<Job>(item),
        "OUTPUT" => of::<Output>(item),
        "INTENTS" => of::<Intent>(item),
        "RECEIPT" => of::<Receipt>(item),
        "NOTICE" => of::<Notice>(item),
        "METADATA" => of::<Song>(item),
        "OPERATION" => of::<Operation>(item),
        "VIDEO" => of::<Video>(item),
        "TASK" => of::<Task>(item),
        "WEBHOOK" => of::<Webhook>(item),
        "DELIVERY" => of::<Delivery>(item),
        "UPLOAD" => of::<Resumable>(item),
        "SEQUENCE" => super::sequence::from_item(at, item),
        _ => Err(CatalogError::Corrupt(format!("{:?} is no record's place", at.pk))),
    }
}

/// A record of any kind from its item.
pub(super) fn any_record(table: Table, item: &Item) -> Result<Record, CatalogError> {
    record(&address(table, item), item)
}

/// An item's place.
pub(super) fn address(table: Table, item: &Item) -> Address {
    Address::new(table, text_of(item, PK).unwrap_or_default(), text_of(item, SK).unwrap_or_default())
}

/// The record that a name's or a list's item stands for.
pub(super) fn pointed_at(table: Table, item: &Item) -> Result<Address, CatalogError> {
    match (text_of(item, OF_PK), text_of(item, OF_SK)) {
        (Some(pk), Some(sk)) => Ok(Address::new(table, pk, sk)),
        _ => Err(CatalogError::Corrupt(format!("item {:?} points at nothing", address(table, item).pk))),
    }
}
