//! Numbers that only go up: sequences, and the epochs of workers' names. One item each, counted by DynamoDB itself.

use aws_sdk_dynamodb::types::ReturnValue;
use reelmill_core::Record;
use reelmill_core::ports::{CatalogError, Sequence};

use super::DynamoCatalog;
use super::address::{Address, key};
use super::item::{Item, SCHEMA, number, number_of, text};
use super::layout::schema;
use super::op::Phrase;
use super::weather::{Patience, is_busy, unusable};

impl DynamoCatalog {
    /// Counts an item up by one and gives the new number. Where an answer is lost, a number is left out.
    pub(super) async fn count_up(&self, at: &Address, kind: &str, name: &str) -> Result<i64, CatalogError> {
        let mut patience = Patience::new();
        loop {
            let mut phrase = Phrase::default();
            let set = Item::from([(SCHEMA.to_owned(), text(schema(kind)))]);
            let change = phrase.change(&set, &[], &[]);
            let by_one = format!("{change}ADD {} {}", phrase.name(name), phrase.value(number(1)));
            let asked = self.client.update_item().table_name(self.table(at.table)).set_key(Some(key(at)));
            let asked = asked.update_expression(by_one).return_values(ReturnValue::UpdatedNew);
            let asked = asked
                .set_expression_attribute_names(phrase.names())
                .set_expression_attribute_values(phrase.values());
            match asked.send().await {
                Ok(answer) => {
                    let counted = answer.attributes.as_ref().and_then(|item| number_of(item, name));
                    return counted
                        .ok_or_else(|| CatalogError::Corrupt(format!("{:?} counts nothing", at.pk)));
                }
                Err(error) if is_busy(&error) => patience.wait().await?,
                Err(error) => return Err(unusable(&error)),
            }
        }
    }

    /// The number that an item stands at; 0 where it is not there.
    pub(super) async fn counted(&self, at: &Address, name: &str) -> Result<i64, CatalogError> {
        Ok(self.item(at).await?.and_then(|item| number_of(&item, name)).unwrap_or(0))
    }
}

/// A sequence from its item.
pub(super) fn from_item(at: &Address, item: &Item) -> Result<Record, CatalogError> {
    let known = Sequence::ALL.into_iter().find(|sequence| Address::sequence(*sequence).pk == at.pk);
    match (known, number_of(item, "last")) {
        (Some(sequence), Some(last)) => Ok(Record::Sequence(sequence, last)),
        _ => Err(CatalogError::Corrupt(format!("{:?} is no sequence", at.pk))),
    }
}
