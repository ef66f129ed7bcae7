//! One operation on one item, and how it is said to DynamoDB: by itself or as a part of a transaction.

use std::collections::HashMap;

use aws_sdk_dynamodb::error::BuildError;
use aws_sdk_dynamodb::types::builders::TransactWriteItemBuilder;
use aws_sdk_dynamodb::types::{
    AttributeValue, ConditionCheck, Delete, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem,
    Update,
};
use reelmill_core::ports::CatalogError;

use super::address::{Address, key};
use super::item::{Item, OF_PK, OF_SK, PK, REV, TOUCHES, number, text};

/// An operation.
#[derive(Debug, Clone)]
pub(super) struct Op {
    pub(super) at: Address,
    pub(super) role: Role,
    pub(super) what: What,
    pub(super) when: When,
}

/// What the item is, which says what it means that its condition does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// A record: it changed since it was read.
    Record,
    /// A name: it is somebody else's.
    Name,
    /// A list's, the count's, or another program's: it has no condition.
    Derived,
}

/// What is done.
#[derive(Debug, Clone)]
pub(super) enum What {
    Put(Item),
    Change {
        set: Item,
        remove: Vec<&'static str>,
        add: Vec<(&'static str, i64)>,
    },
    Delete,
    /// Nothing: only the condition counts.
    Check,
}

/// Under which condition.
#[derive(Debug, Clone)]
pub(super) enum When {
    Always,
    Absent,
    /// It stands at this revision.
    Rev(String),
    /// It stands at this revision, and was touched so often.
    Untouched(String, u64),
    /// It stands for the record there.
    Owner(Address),
    /// A sequence that gave this number last.
    Last(i64),
    /// It is not there, or says no higher number than this under that name.
    UpTo(&'static str, u64),
    /// It expired before this.
    ExpiredBefore(i64),
}

/// An operation's expressions, with the names and values that stand in them.
#[derive(Debug, Default)]
pub(super) struct Phrase {
    pub(super) names: HashMap<String, String>,
    pub(super) values: HashMap<String, AttributeValue>,
}

impl Phrase {
    /// A stand-in for an attribute's name: many plain words are reserved.
    pub(super) fn name(&mut self, name: &str) -> String {
        let stand_in = format!("#n{}", self.names.len());
        self.names.insert(stand_in.clone(), name.to_owned());
        stand_in
    }

    pub(super) fn value(&mut self, value: AttributeValue) -> String {
        let stand_in = format!(":v{}", self.values.len());
        self.values.insert(stand_in.clone(), value);
        stand_in
    }

    fn equal(&mut self, name: &str, value: AttributeValue) -> String {
        format!("{} = {}", self.name(name), self.value(value))
    }

    pub(super) fn condition(&mut self, when: &When) -> Option<String> {
        Some(match when {
            When::Always => return None,
            When::Absent => format!("attribute_not_exists({})", self.name(PK)),
            When::Rev(rev) => self.equal(REV, text(rev)),
            When::Untouched(rev, 0) => {
                format!("{} AND attribute_not_exists({})", self.equal(REV, text(rev)), self.name(TOUCHES))
            }
            When::Untouched(rev, touches) => {
                format!("{} AND {}", self.equal(REV, text(rev)), self.equal(TOUCHES, number(touches)))
            }
            When::Owner(of) => {
                format!("{} AND {}", self.equal(OF_PK, text(&of.pk)), self.equal(OF_SK, text(&of.sk)))
            }
            When::Last(last) => self.equal("last", number(last)),
            When::UpTo(name, most) => {
                let (name, most) = (self.name(name), self.value(number(most)));
                format!("attribute_not_exists({name}) OR {name} <= {most}")
            }
            When::ExpiredBefore(ms) => {
                format!("{} < {}", self.name("expires_at_ms"), self.value(number(ms)))
            }
        })
    }

    pub(super) fn change(
        &mut self,
        set: &Item,
        remove: &[&'static str],
        add: &[(&'static str, i64)],
    ) -> String {
        let mut said = String::new();
        let mut say = |verb: &str, parts: Vec<String>| {
            if !parts.is_empty() {
                said.extend([verb, &parts.join(", "), " "]);
            }
        };
        say("SET ", set.iter().map(|(name, value)| self.equal(name, value.clone())).collect());
        say("REMOVE ", remove.iter().map(|name| self.name(name)).collect());
        say(
            "ADD ",
            add.iter().map(|(name, by)| format!("{} {}", self.name(name), self.value(number(by)))).collect(),
        );
        said
    }

    /// The names, where there are any: an empty map is refused.
    pub(super) fn names(&mut self) -> Option<HashMap<String, String>> {
        Some(std::mem::take(&mut self.names)).filter(|names| !names.is_empty())
    }

    pub(super) fn values(&mut self) -> Option<HashMap<String, AttributeValue>> {
        Some(std::mem::take(&mut self.values)).filter(|values| !values.is_empty())
    }
}

impl Op {
    /// As a part of a transaction on that table.
    pub(super) fn in_transaction(self, table: &str) -> Result<TransactWriteItem, CatalogError> {
        let mut phrase = Phrase::default();
        let condition = phrase.condition(&self.when);
        let none = ReturnValuesOnConditionCheckFailure::None;
        let item = TransactWriteItem::builder();
        let built: Result<_, BuildError> = match self.what {
            What::Put(attributes) => Put::builder()
                .table_name(table)
                .set_item(Some(attributes))
                .set_condition_expression(condition)
                .set_expression_attribute_names(phrase.names())
                .set_expression_attribute_values(phrase.values())
                .return_values_on_condition_check_failure(none)
                .build()
                .map(|put| item.put(put)),
            What::Change { set, remove, add } => Update::builder()
                .table_name(table)
                .set_key(Some(key(&self.at)))
                .update_expression(phrase.change(&set, &remove, &add))
                .set_condition_expression(condition)
                .set_expression_attribute_names(phrase.names())
                .set_expression_attribute_values(phrase.values())
                .return_values_on_condition_check_failure(none)
                .build()
                .map(|update| item.update(update)),
            What::Delete => Delete::builder()
                .table_name(table)
                .set_key(Some(key(&self.at)))
                .set_condition_expression(condition)
                .set_expression_attribute_names(phrase.names())
                .set_expression_attribute_values(phrase.values())
                .return_values_on_condition_check_failure(none)
                .build()
                .map(|delete| item.delete(delete)),
            What::Check => ConditionCheck::builder()
                .table_name(table)
                .set_key(Some(key(&self.at)))
                .set_condition_expression(condition)
                .set_expression_attribute_names(phrase.names())
                .set_expression_attribute_values(phrase.values())
                .return_values_on_condition_check_failure(none)
                .build()
                .map(|check| item.condition_check(check)),
        };
        built.map(TransactWriteItemBuilder::build).map_err(|error| CatalogError::Corrupt(error.to_string()))
    }
}
