//! A commit: worked out, sent as one transaction, and worked out anew where what it stood on has changed.
//!
//! A transaction carries a token, so that a try whose answer was lost is not done twice. What DynamoDB refuses as a whole
//! is told by its reasons: a record that changed is read again, a name that is somebody else's is a conflict, and whoever
//! met others at an item tries again a little later.

use std::collections::BTreeSet;

use aws_sdk_dynamodb::operation::transact_write_items::TransactWriteItemsError;
use futures_util::{StreamExt, TryStreamExt, stream};
use reelmill_core::Write;
use reelmill_core::ports::CatalogError;
use uuid::Uuid;

use super::DynamoCatalog;
use super::address::{Address, key};
use super::draft::{Draft, looks_at};
use super::op::{Op, Phrase, Role, What, When};
use super::plan::Plan;
use super::pointing::Pointing;
use super::read::{Span, pointed_at, stored};
use super::weather::{Patience, code, is_busy, unusable};

/// The most items of a transaction.
const MOST_OPS: usize = 100;
/// The most API keys that are taken away with their account.
const MOST_KEYS: usize = 40;
/// Writes beside transactions that are under way at a time.
const AT_A_TIME: usize = 16;

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    Taken,
    /// A record is not as it was read.
    Changed,
    /// A name is somebody else's.
    NameTaken,
    /// Others were at the same items at that moment.
    Busy,
}

impl DynamoCatalog {
    pub(super) async fn take(&self, writes: &[Write]) -> Result<(), CatalogError> {
        // What is new is taken for absent at first, without looking: mostly it is.
        let (mut patience, mut is_guess) = (Patience::new(), true);
        loop {
            let mut draft = self.draft(writes, is_guess).await?;
            let pointing = self.pointing(&mut draft).await?;
            let plan = Plan::of(&draft, &pointing.told)?;
            match self.carry_out(plan, pointing).await? {
                Verdict::Taken => return Ok(()),
                Verdict::NameTaken => return Err(CatalogError::Conflict),
                Verdict::Changed if is_guess => is_guess = false,
                Verdict::Changed | Verdict::Busy => patience.wait().await?,
            }
        }
    }

    async fn draft(&self, writes: &[Write], is_guess: bool) -> Result<Draft, CatalogError> {
        let mut draft = Draft::default();
        let looks = writes.iter().map(looks_at);
        let looks = looks.filter_map(|(at, wants_none)| (!(is_guess && wants_none)).then_some(at));
        let mut wanted: BTreeSet<Address> = looks.collect();
        for write in writes {
            if let Write::DropUser(id) = write {
                let at = Address::user(*id);
                let keys = Span::all("API-KEY#".to_owned(), None, false);
                let keys = self.query(at.table, &at.pk, &keys, MOST_KEYS + 1).await?;
                if keys.len() > MOST_KEYS {
                    let reason =
                        format!("an account with more than {MOST_KEYS} API keys cannot be dropped at once");
                    return Err(CatalogError::Corrupt(reason));
                }
                for key in &keys {
                    wanted.insert(pointed_at(at.table, key)?);
                }
            }
        }
        self.read_into(&mut draft, wanted.into_iter()).await?;
        for write in writes {
            draft.apply(write.clone())?;
        }
        Ok(draft)
    }

    /// Reads records into a draft that it does not know yet.
    pub(super) async fn read_into(
        &self,
        draft: &mut Draft,
        wanted: impl Iterator<Item = Address>,
    ) -> Result<(), CatalogError> {
        let wanted: Vec<Address> = wanted.filter(|at| !draft.knows(at)).collect();
        let items = self.items(&wanted).await?;
        for (at, item) in wanted.into_iter().zip(items) {
            let stored = item.as_ref().map(|item| stored(&at, item)).transpose()?;
            draft.read(at, stored);
        }
        Ok(())
    }

    async fn carry_out(&self, mut plan: Plan, pointing: Pointing) -> Result<Verdict, CatalogError> {
        plan.at_once.extend(pointing.ops);
        let beside = if plan.at_once.len() + plan.listed.len() + plan.unlisted.len() <= MOST_OPS {
            let lists = plan.listed.drain(..).chain(plan.unlisted.drain(..));
            plan.at_once.extend(lists.map(|op| Op { when: When::Always, ..op }));
            Vec::new()
        } else {
            // Before the records that they stand for: a list's item too many is passed over, one too few is a loss.
            self.each_alone(std::mem::take(&mut plan.listed)).await?;
            std::mem::take(&mut plan.unlisted)
        };
        if plan.at_once.len() > MOST_OPS {
            let items = plan.at_once.len();
            return Err(CatalogError::Corrupt(format!("a commit of {items} items is more than {MOST_OPS}")));
        }
        let (mut endings, room) = (pointing.endings, MOST_OPS - plan.at_once.len());
        let late = endings.split_off(endings.len().min(room));
        plan.at_once.append(&mut endings);
        let verdict = self.transact(plan.at_once).await?;
        if verdict == Verdict::Taken {
            if let Err(error) = self.each_alone(beside).await {
                // Passed over by whoever reads the list.
                tracing::warn!(%error, "items of lists were left over");
            }
            self.tell_the_rest(late, pointing.rest).await;
        }
        Ok(verdict)
    }

    async fn transact(&self, ops: Vec<Op>) -> Result<Verdict, CatalogError> {
        if ops.is_empty() {
            return Ok(Verdict::Taken);
        }
        let roles: Vec<Role> = ops.iter().map(|op| op.role).collect();
        let items = ops.into_iter().map(|op| {
            let table = self.table(op.at.table);
            op.in_transaction(table)
        });
        let items = items.collect::<Result<Vec<_>, _>>()?;
        let asked = self.client.transact_write_items().set_transact_items(Some(items));
        match asked.client_request_token(Uuid::new_v4().to_string()).send().await {
            Ok(_) => Ok(Verdict::Taken),
            Err(error) => match error.as_service_error() {
                Some(TransactWriteItemsError::TransactionCanceledException(cancelled)) => {
                    let codes =
                        cancelled.cancellation_reasons().iter().map(|reason| reason.code().unwrap_or("None"));
                    verdict(roles.iter().copied().zip(codes)).ok_or_else(|| {
                        let mut reasons = cancelled.cancellation_reasons().iter();
                        let told = reasons.find_map(|reason| reason.message()).or(cancelled.message());
                        let told = told.unwrap_or("no reason given");
                        CatalogError::Corrupt(format!("DynamoDB does not take the commit, {told}"))
                    })
                }
                _ => Err(unusable(&error)),
            },
        }
    }

    async fn each_alone(&self, ops: Vec<Op>) -> Result<(), CatalogError> {
        // Where its condition does not hold, a later version has said already what there is to be said.
        let each = stream::iter(ops).map(|op| self.alone(op)).buffer_unordered(AT_A_TIME);
        each.try_for_each(|_| async { Ok(()) }).await
    }

    /// Does one operation by itself; `false` where its condition does not hold.
    pub(super) async fn alone(&self, op: Op) -> Result<bool, CatalogError> {
        let mut patience = Patience::new();
        loop {
            match self.try_alone(op.clone()).await {
                Ok(is_done) => return Ok(is_done),
                Err(None) => patience.wait().await?,
                Err(Some(error)) => return Err(error),
            }
        }
    }

    /// An error without a content: others are at the item.
    async fn try_alone(&self, op: Op) -> Result<bool, Option<CatalogError>> {
        macro_rules! sent {
            ($asked:expr) => {
                match $asked.send().await {
                    Ok(_) => Ok(true),
                    Err(error) if code(&error) == Some("ConditionalCheckFailedException") => Ok(false),
                    Err(error) if is_busy(&error) => Err(None),
                    Err(error) => Err(Some(unusable(&error))),
                }
            };
        }
        let (mut phrase, table) = (Phrase::default(), self.table(op.at.table));
        let condition = phrase.condition(&op.when);
        match op.what {
            What::Put(item) => sent!(
                self.client
                    .put_item()
                    .table_name(table)
                    .set_item(Some(item))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(phrase.names())
                    .set_expression_attribute_values(phrase.values())
            ),
            What::Change { set, remove, add } => sent!(
                self.client
                    .update_item()
                    .table_name(table)
                    .set_key(Some(key(&op.at)))
                    .update_expression(phrase.change(&set, &remove, &add))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(phrase.names())
                    .set_expression_attribute_values(phrase.values())
            ),
            What::Check => Ok(true),
            What::Delete => sent!(
                self.client
                    .delete_item()
                    .table_name(table)
                    .set_key(Some(key(&op.at)))
                    .set_condition_expression(condition)
                    .set_expression_attribute_names(phrase.names())
                    .set_expression_attribute_values(phrase.values())
            ),
        }
    }
}

/// What the reasons of a refusal come to; `None` for one that no other try helps against.
fn verdict<'a>(reasons: impl Iterator<Item = (Role, &'a str)>) -> Option<Verdict> {
    let (mut is_changed, mut is_taken, mut is_busy) = (false, false, false);
    for (role, code) in reasons {
        match (code, role) {
            ("None", _) => {}
            ("ConditionalCheckFailed", Role::Name) => is_taken = true,
            ("ConditionalCheckFailed", Role::Record | Role::Derived) => is_changed = true,
            ("TransactionConflict" | "ProvisionedThroughputExceeded" | "ThrottlingError", _) => {
                is_busy = true;
            }
            _ => return None,
        }
    }
    // A record that changed may have taken the name along: look again first.
    match (is_changed, is_taken, is_busy) {
        (true, ..) => Some(Verdict::Changed),
        (_, true, _) => Some(Verdict::NameTaken),
        (_, _, true) => Some(Verdict::Busy),
        _ => None,
    }
}
