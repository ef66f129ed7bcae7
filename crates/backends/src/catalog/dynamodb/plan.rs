//! From a draft to operations: the records that changed, their names and lists, the count of jobs.

use std::collections::BTreeMap;

use reelmill_core::ports::CatalogError;
use reelmill_core::{Record, StateName};
use uuid::Uuid;

use super::address::{Address, key};
use super::draft::{Draft, Stored};
use super::item::{BODY, Item, OF_PK, OF_SK, PACKED, REV, SCHEMA, TITLE, TOUCHES, VERSION, number_of, text};
use super::layout::{CENSUS_SHARDS, Entry, entries, item_of, schema};
use super::op::{Op, Role, What, When};

/// What a commit sends.
#[derive(Debug, Default)]
pub(super) struct Plan {
    /// What is done at one moment.
    pub(super) at_once: Vec<Op>,
    /// Items of lists that may be written a little before.
    pub(super) listed: Vec<Op>,
    /// Items of lists that may be taken away a little after.
    pub(super) unlisted: Vec<Op>,
}

impl Plan {
    /// The draft's difference. `told` is what records say that is derived from others.
    pub(super) fn of(draft: &Draft, told: &BTreeMap<Address, Item>) -> Result<Self, CatalogError> {
        let (mut plan, mut moved) = (Self::default(), BTreeMap::new());
        for at in draft.touched() {
            let (before, now) = (draft.before(at), draft.now(at));
            plan.at_once.push(record(at, before, now, told.get(at))?);
            plan.relist(at, before.map(|stored| &stored.record), now);
            for (record, by) in [(before.map(|stored| &stored.record), -1), (now, 1)] {
                if let Some(Record::Job(job)) = record {
                    *moved.entry(counted_as(job.state.name())).or_insert(0) += by;
                }
            }
        }
        for (name, before, now) in draft.claims() {
            plan.at_once.push(claim(name, before, now));
        }
        moved.retain(|_, by| *by != 0);
        if !moved.is_empty() {
            plan.at_once.push(count(moved));
        }
        Ok(plan)
    }

    /// The lists' items that a record leaves and those that it needs.
    fn relist(&mut self, of: &Address, before: Option<&Record>, now: Option<&Record>) {
        let (old, new) = (before.map(entries).unwrap_or_default(), now.map(entries).unwrap_or_default());
        // An item's version says only when it was written, so what differs in nothing else stays.
        let is_same = |one: &Entry, other: &Entry| {
            let title = |entry: &Entry| entry.says.iter().find(|(name, _)| *name == TITLE).cloned();
            one.at == other.at && title(one) == title(other)
        };
        for entry in old.iter().filter(|entry| !new.iter().any(|other| other.at == entry.at)) {
            let op = Op { at: entry.at.clone(), role: Role::Derived, what: What::Delete, when: When::Always };
            let list = if entry.is_bound { &mut self.at_once } else { &mut self.unlisted };
            list.push(op.beside_if(!entry.is_bound, entry));
        }
        for entry in new.iter().filter(|entry| !old.iter().any(|other| is_same(entry, other))) {
            let mut item = pointer("list", &entry.at, of);
            item.extend(entry.says.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
            let op =
                Op { at: entry.at.clone(), role: Role::Derived, what: What::Put(item), when: When::Always };
            let list = if entry.is_bound { &mut self.at_once } else { &mut self.listed };
            list.push(op.beside_if(!entry.is_bound, entry));
        }
    }
}

impl Op {
    /// What is written beside a transaction must not undo what a later version did.
    fn beside_if(mut self, is_beside: bool, entry: &Entry) -> Self {
        let said: Item = entry.says.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        if is_beside && let Some(version) = number_of(&said, VERSION) {
            self.when = When::UpTo(VERSION, version);
        }
        self
    }
}

/// A record's own operation.
fn record(
    at: &Address,
    before: Option<&Stored>,
    now: Option<&Record>,
    told: Option<&Item>,
) -> Result<Op, CatalogError> {
    let when = before.map_or(When::Absent, |stored| match stored.record {
        Record::Job(_) => When::Untouched(stored.rev.clone(), stored.touches),
        Record::Sequence(_, last) => When::Last(last),
        _ => When::Rev(stored.rev.clone()),
    });
    let what = match (before, now) {
        (None, None) => What::Check,
        (Some(stored), Some(now)) if stored.record == *now => What::Check,
        (Some(_), None) => What::Delete,
        (before, Some(now)) => {
            let mut item = item_of(now)?;
            item.insert(REV.to_owned(), text(Uuid::new_v4().simple().to_string()));
            item.extend(told.into_iter().flat_map(Clone::clone));
            match before {
                Some(stored) => over(stored, now, item),
                None => What::Put(item),
            }
        }
    };
    Ok(Op { at: at.clone(), role: Role::Record, what, when })
}

/// A record over the one before. What others write into the items of jobs and songs stays.
fn over(before: &Stored, now: &Record, mut item: Item) -> What {
    let mut remove = match (&before.record, now) {
        (Record::Job(before), Record::Job(now)) => {
            let is_same_claim =
                before.claim().map(|claim| claim.token) == now.claim().map(|claim| claim.token);
            if is_same_claim { vec!["token"] } else { vec!["token", "beats", "progress", "stage"] }
        }
        (Record::Song(_), Record::Song(_)) => Vec::new(),
        _ => return What::Put(item),
    };
    remove.extend([BODY, PACKED]);
    remove.retain(|name| !item.contains_key(*name));
    item.retain(|name, _| name != super::item::PK && name != super::item::SK);
    What::Change { set: item, remove, add: Vec::new() }
}

/// A name that changes hands.
fn claim(name: &Address, before: Option<&Address>, now: Option<&Address>) -> Op {
    let what = match now {
        Some(owner) => What::Put(pointer("name", name, owner)),
        None if before.is_some() => What::Delete,
        None => What::Check,
    };
    let when = before.map_or(When::Absent, |owner| When::Owner(owner.clone()));
    Op { at: name.clone(), role: Role::Name, what, when }
}

/// An item that stands for a record.
fn pointer(kind: &str, at: &Address, of: &Address) -> Item {
    let mut item = key(at);
    item.extend([
        (SCHEMA.to_owned(), text(schema(kind))),
        (OF_PK.to_owned(), text(&of.pk)),
        (OF_SK.to_owned(), text(&of.sk)),
    ]);
    item
}

/// Counts jobs in and out of states, in one item of several at random.
fn count(moved: BTreeMap<&'static str, i64>) -> Op {
    let shard = Uuid::new_v4().as_bytes()[0] % CENSUS_SHARDS;
    let set = Item::from([(SCHEMA.to_owned(), text(schema("census")))]);
    let what = What::Change { set, remove: Vec::new(), add: moved.into_iter().collect() };
    Op { at: Address::census(shard), role: Role::Derived, what, when: When::Always }
}

/// What jobs in a state are counted as.
pub(super) const fn counted_as(state: StateName) -> &'static str {
    match state {
        StateName::Queued => "queued",
        StateName::Running | StateName::Cancelling => "claimed",
        StateName::Done => "done",
        StateName::Failed => "failed",
        StateName::Cancelled => "cancelled",
    }
}

/// Lets a job know that something points at it, so that its end does not pass that by.
pub(super) fn touch(at: &Address, job: &Stored) -> Op {
    let what = What::Change { set: Item::new(), remove: Vec::new(), add: vec![(TOUCHES, 1)] };
    Op { at: at.clone(), role: Role::Record, what, when: When::Rev(job.rev.clone()) }
}
