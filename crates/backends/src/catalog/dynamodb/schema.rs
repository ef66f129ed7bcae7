//! The tables: made where they are not there, and the layout's version in them.
//!
//! Several may open them at the same moment: DynamoDB makes a table once, and the version only goes up. A new layout
//! adds to the one before, so that the build before can go on beside this one.

use std::time::{Duration, Instant};

use aws_sdk_dynamodb::error::{BuildError, ProvideErrorMetadata};
use aws_sdk_dynamodb::types::{
    AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use reelmill_core::ports::CatalogError;

use super::DynamoCatalog;
use super::address::{Address, Table, key};
use super::item::{Item, PK, SCHEMA, SK, VERSION, number, number_of, text};
use super::layout::{self};
use super::op::{Op, Role, What, When};
use super::weather::{code, unusable};
use crate::catalog::Migrated;

/// The layout that this build writes.
const KNOWN: i64 = 1;
/// How long a table may take to be made.
const MAKING: Duration = Duration::from_mins(2);
/// How long between two looks at a table that is being made.
const LOOK: Duration = Duration::from_millis(250);

/// What becomes of a look at a table.
enum Seen {
    Usable(Option<Item>),
    Missing,
}

impl DynamoCatalog {
    /// Makes the tables where they are not there, and brings the layout up to date.
    pub(super) async fn migrate(&self) -> Result<Migrated, CatalogError> {
        self.ready(Table::Songs).await?;
        let found = self.ready(Table::Operations).await?;
        let from = found.as_ref().and_then(|item| number_of(item, VERSION)).unwrap_or(0);
        if from > KNOWN {
            return Err(CatalogError::TooNew { found: from, known: KNOWN });
        }
        if from < KNOWN {
            let set = Item::from([
                (SCHEMA.to_owned(), text(layout::schema("schema"))),
                (VERSION.to_owned(), number(KNOWN)),
            ]);
            let what = What::Change { set, remove: Vec::new(), add: Vec::new() };
            let when = When::UpTo(VERSION, KNOWN.unsigned_abs());
            let op = Op { at: Address::schema(), role: Role::Derived, what, when };
            if !self.alone(op).await? {
                // A newer build was faster.
                let found = self.counted(&Address::schema(), VERSION).await?;
                return Err(CatalogError::TooNew { found, known: KNOWN });
            }
        }
        Ok(Migrated { from, to: KNOWN })
    }

    /// Waits until a table can be used, and gives its schema item.
    async fn ready(&self, table: Table) -> Result<Option<Item>, CatalogError> {
        let (name, until, mut is_asked_for) = (self.table(table), Instant::now() + MAKING, false);
        loop {
            match self.look(table).await? {
                Seen::Usable(item) => return Ok(item),
                Seen::Missing if !is_asked_for => {
                    self.make(name).await?;
                    is_asked_for = true;
                }
                Seen::Missing if Instant::now() >= until => {
                    let seconds = MAKING.as_secs();
                    let reason = format!("table {name:?} was not ready within {seconds} s");
                    return Err(CatalogError::Unavailable(reason));
                }
                Seen::Missing => tokio::time::sleep(LOOK).await,
            }
        }
    }

    async fn look(&self, table: Table) -> Result<Seen, CatalogError> {
        let (name, at) = (self.table(table), key(&Address::schema()));
        let asked = self.client.get_item().table_name(name).set_key(Some(at)).consistent_read(true);
        match asked.send().await {
            Ok(answer) => Ok(Seen::Usable(answer.item)),
            Err(error) => match code(&error) {
                Some("ResourceNotFoundException") => Ok(Seen::Missing),
                Some("ValidationException") => {
                    let told =
                        error.as_service_error().and_then(ProvideErrorMetadata::message).unwrap_or_default();
                    let reason =
                        format!("table {name:?} has another key: {}; DynamoDB says {told}", wanted());
                    Err(CatalogError::Unavailable(reason))
                }
                _ => Err(unusable(&error)),
            },
        }
    }

    async fn make(&self, name: &str) -> Result<(), CatalogError> {
        let attribute = |name: &str| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(ScalarAttributeType::S).build()
        };
        let part = |name: &str, kind| KeySchemaElement::builder().attribute_name(name).key_type(kind).build();
        let wrong = |error: BuildError| CatalogError::Corrupt(error.to_string());
        let asked = self
            .client
            .create_table()
            .table_name(name)
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute(PK).map_err(wrong)?)
            .attribute_definitions(attribute(SK).map_err(wrong)?)
            .key_schema(part(PK, KeyType::Hash).map_err(wrong)?)
            .key_schema(part(SK, KeyType::Range).map_err(wrong)?);
        match asked.send().await {
            Ok(_) => Ok(()),
            // Somebody else is making it.
            Err(error) if code(&error) == Some("ResourceInUseException") => Ok(()),
            Err(error) => {
                let told = unusable(&error);
                let reason =
                    format!("there is no table {name:?} and it cannot be made: {}; {told}", wanted());
                Err(CatalogError::Unavailable(reason))
            }
        }
    }
}

fn wanted() -> String {
    format!("it needs the partition key {PK} and the sort key {SK}, both strings, and no index")
}
