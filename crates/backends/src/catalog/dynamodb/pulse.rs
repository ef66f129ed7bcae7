//! Signs of life: a claim's beats and an upload's touches, each a conditional count on its record's item.

use aws_sdk_dynamodb::operation::update_item::UpdateItemError;
use aws_sdk_dynamodb::types::{ReturnValue, ReturnValuesOnConditionCheckFailure};
use reelmill_core::ports::{Beat, CatalogError};
use reelmill_core::{JobId, Key, Pulse, Stage, StateName, Token};

use super::DynamoCatalog;
use super::address::{Address, key};
use super::item::{number, text, text_of};
use super::layout::{self};
use super::op::Phrase;
use super::weather::{Patience, is_busy, unusable};

impl DynamoCatalog {
    pub(super) async fn count_beat(
        &self,
        job: JobId,
        token: Token,
        pulse: Pulse,
    ) -> Result<Beat, CatalogError> {
        let (at, mut patience) = (Address::job(job), Patience::new());
        loop {
            let mut phrase = Phrase::default();
            let condition =
                format!("{} = {}", phrase.name("token"), phrase.value(text(layout::token(token))));
            let progress = phrase.name("progress");
            // As text: DynamoDB's numbers are decimal, and not every number is one.
            let progress = format!("{progress} = {}", phrase.value(text(pulse.progress.to_string())));
            let stage = phrase.name("stage");
            let stage = format!("{stage} = {}", phrase.value(text(pulse.stage.map_or("", Stage::as_str))));
            let beats = format!("{} {}", phrase.name("beats"), phrase.value(number(1)));
            let asked = self
                .client
                .update_item()
                .table_name(self.table(at.table))
                .set_key(Some(key(&at)))
                .update_expression(format!("SET {progress}, {stage} ADD {beats}"))
                .condition_expression(condition)
                .set_expression_attribute_names(phrase.names())
                .set_expression_attribute_values(phrase.values())
                .return_values(ReturnValue::AllNew)
                .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
            match asked.send().await {
                Ok(answer) => {
                    let now = answer.attributes.as_ref().and_then(|item| text_of(item, "state"));
                    let is_cancelling = now == Some(StateName::Cancelling.as_str());
                    return Ok(if is_cancelling { Beat::Cancelling } else { Beat::Running });
                }
                Err(error) if is_busy(&error) => patience.wait().await?,
                Err(error) => {
                    return Err(match error.as_service_error() {
                        Some(UpdateItemError::ConditionalCheckFailedException(failed)) => {
                            let is_there = failed.item().is_some_and(|item| !item.is_empty());
                            if is_there { CatalogError::Conflict } else { CatalogError::NotFound }
                        }
                        _ => unusable(&error),
                    });
                }
            }
        }
    }

    pub(super) async fn count_touch(&self, intent: &Key) -> Result<(), CatalogError> {
        let (at, mut patience) = (Address::intent(intent), Patience::new());
        loop {
            let mut phrase = Phrase::default();
            let condemned = phrase.name("condemned");
            let condition = format!(
                "{condemned} = {}",
                phrase.value(aws_sdk_dynamodb::types::AttributeValue::Bool(false))
            );
            let beats = format!("ADD {} {}", phrase.name("beats"), phrase.value(number(1)));
            let asked = self
                .client
                .update_item()
                .table_name(self.table(at.table))
                .set_key(Some(key(&at)))
                .update_expression(beats)
                .condition_expression(condition)
                .set_expression_attribute_names(phrase.names())
                .set_expression_attribute_values(phrase.values());
            match asked.send().await {
                Ok(_) => return Ok(()),
                Err(error) if is_busy(&error) => patience.wait().await?,
                Err(error) => {
                    return Err(match error.as_service_error() {
                        Some(UpdateItemError::ConditionalCheckFailedException(_)) => CatalogError::Conflict,
                        _ => unusable(&error),
                    });
                }
            }
        }
    }
}
