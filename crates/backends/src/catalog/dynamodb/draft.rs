//! A commit as it would be, worked out before anything is sent: what was read, and what it is after each write in turn.
//!
//! DynamoDB takes one operation on an item in a transaction, where a list of writes may touch a record again and again.
//! So the writes are done here, on what was read, and what goes out is the difference, on the condition that what was
//! read still stands. Where it does not any more, all is worked out anew.

use std::collections::{BTreeMap, BTreeSet};

use reelmill_core::ports::CatalogError;
use reelmill_core::{Holder, Intent, Job, Pulse, Record, UserId, Write};

use super::address::{Address, names};

/// A record as it was read.
#[derive(Debug, Clone)]
pub(super) struct Stored {
    pub(super) record: Record,
    /// What it stands at; changed by every commit that writes the record.
    pub(super) rev: String,
    /// How often something was pointed at it.
    pub(super) touches: u64,
}

/// What was read, and what is to be.
#[derive(Debug, Default)]
pub(super) struct Draft {
    before: BTreeMap<Address, Option<Stored>>,
    now: BTreeMap<Address, Option<Record>>,
    /// Whose the names are that a write gave or took away.
    claims: BTreeMap<Address, Option<Address>>,
    /// The records that a write stands on.
    touched: BTreeSet<Address>,
}

impl Draft {
    /// Takes in what was read. What is not known is taken for absent.
    pub(super) fn read(&mut self, at: Address, stored: Option<Stored>) {
        self.now.entry(at.clone()).or_insert_with(|| stored.as_ref().map(|stored| stored.record.clone()));
        self.before.entry(at).or_insert(stored);
    }

    /// Whether that was read.
    pub(super) fn knows(&self, at: &Address) -> bool {
        self.before.contains_key(at)
    }

    /// What was read there.
    pub(super) fn before(&self, at: &Address) -> Option<&Stored> {
        self.before.get(at).and_then(Option::as_ref)
    }

    /// What is to be there.
    pub(super) fn now(&self, at: &Address) -> Option<&Record> {
        self.now.get(at).and_then(Option::as_ref)
    }

    /// The records that the writes stand on or change.
    pub(super) fn touched(&self) -> impl Iterator<Item = &Address> {
        self.touched.iter()
    }

    pub(super) fn is_touched(&self, at: &Address) -> bool {
        self.touched.contains(at)
    }

    /// The names that change hands: whose each was as far as it was read, and whose it will be.
    pub(super) fn claims(&self) -> impl Iterator<Item = (&Address, Option<&Address>, Option<&Address>)> {
        let mut held = BTreeMap::new();
        for (at, stored) in &self.before {
            let stored = stored.as_ref().map(|stored| names(&stored.record));
            held.extend(stored.into_iter().flatten().map(|name| (name, at)));
        }
        self.claims.iter().filter_map(move |(name, owner)| {
            let before = held.get(name).copied();
            // A name that was taken and given back had to be free for that.
            let is_given_back = before.is_none() && owner.is_none();
            (before != owner.as_ref() || is_given_back).then_some((name, before, owner.as_ref()))
        })
    }

    /// Does one write, where its condition holds.
    pub(super) fn apply(&mut self, write: Write) -> Result<(), CatalogError> {
        match write {
            Write::AddUser(user) => self.add(Record::User(user)),
            Write::ReplaceUser(user) => self.replace(Record::User(user)),
            Write::DropUser(id) => self.drop_user(id),
            Write::AddApiKey(key) => self.add(Record::ApiKey(key)),
            Write::DropApiKey(id, user) => {
                let at = Address::api_key(id);
                need(matches!(self.now(&at), Some(Record::ApiKey(key)) if key.user_id == user))?;
                self.set(at, None)
            }
            Write::EndToken(token) => self.put(Record::EndedToken(token)),
            Write::AddMedia(media) => self.add(Record::Media(media)),
            Write::DropMedia(id) => self.drop_there(Address::media(id)),
            Write::NeedMedia(id) => {
                let at = Address::media(id);
                need(self.now(&at).is_some())?;
                self.touched.insert(at);
                Ok(())
            }
            Write::AddJob(job) => self.add(Record::Job(Job { pulse: Pulse::default(), ..job })),
            Write::ReplaceJob(job) => self.replace(Record::Job(Job { pulse: Pulse::default(), ..job })),
            Write::DropJob(id, version) => self.drop_version(Address::job(id), version),
            Write::AddOutput(output) => self.add(Record::Output(output)),
            Write::DropOutput(id) => self.drop_there(Address::output(id)),
            Write::AddIntent(intent) => self.add(Record::Intent(intent)),
            Write::Condemn(key, since) => {
                let Some(Record::Intent(known)) = self.now(&Address::intent(&key)) else {
                    return Err(CatalogError::Conflict);
                };
                let condemned = Intent { holder: Holder::Condemned { since }, ..known.clone() };
                self.put(Record::Intent(condemned))
            }
            Write::TakeIntent(key) => {
                let at = Address::intent(&key);
                need(matches!(self.now(&at), Some(Record::Intent(intent)) if !is_condemned(intent)))?;
                self.set(at, None)
            }
            Write::ForgetIntent(key) => {
                let at = Address::intent(&key);
                match self.now(&at) {
                    Some(Record::Intent(intent)) if is_condemned(intent) => self.set(at, None),
                    _ => Ok(()),
                }
            }
            Write::AddReceipt(receipt, now) => {
                let at = Address::receipt(&receipt.scope, &receipt.key);
                let is_free = match self.now(&at) {
                    Some(Record::Receipt(old)) => old.expires_at <= now,
                    _ => true,
                };
                need(is_free)?;
                self.put(Record::Receipt(receipt))
            }
            Write::AddNotice(notice) => self.add(Record::Notice(notice)),
            Write::ReplaceNotice(notice) => {
                need(self.now(&Address::notice(notice.id)).is_some())?;
                self.put(Record::Notice(notice))
            }
            Write::DropNotice(id) => {
                let at = Address::notice(id);
                if self.now(&at).is_some() { self.set(at, None) } else { Ok(()) }
            }
            Write::AddSong(song) => self.add(Record::Song(song)),
            Write::ReplaceSong(song) => self.replace(Record::Song(song)),
            Write::DropSong(id, version) => self.drop_version(Address::song(id), version),
            Write::AddOperation(operation) => self.add(Record::Operation(operation)),
            Write::AddVideo(video) => self.add(Record::Video(video)),
            Write::ReplaceVideo(video) => self.replace(Record::Video(video)),
            Write::DropVideo(id, version) => self.drop_version(Address::video(id), version),
            Write::AddTask(task) => self.add(Record::Task(task)),
            Write::ReplaceTask(task) => self.replace(Record::Task(task)),
            Write::DropTask(number, version) => self.drop_version(Address::task(number), version),
            Write::AddWebhook(webhook) => self.add(Record::Webhook(webhook)),
            Write::ReplaceWebhook(webhook) => self.replace(Record::Webhook(webhook)),
            Write::DropWebhook(id, version) => self.drop_version(Address::webhook(id), version),
            Write::AddDelivery(delivery) => self.add(Record::Delivery(delivery)),
            Write::ReplaceDelivery(delivery) => self.replace(Record::Delivery(delivery)),
            Write::DropDelivery(id) => {
                let at = Address::delivery(id);
                if self.now(&at).is_some() { self.set(at, None) } else { Ok(()) }
            }
            Write::AddUpload(upload) => self.add(Record::Upload(upload)),
            Write::ReplaceUpload(upload) => self.replace(Record::Upload(upload)),
            Write::DropUpload(id, version) => self.drop_version(Address::upload(id), version),
            Write::RaiseSequence(sequence, last) => match self.now(&Address::sequence(sequence)) {
                Some(Record::Sequence(_, there)) if *there >= last => Ok(()),
                None if last <= 0 => Ok(()),
                _ => self.put(Record::Sequence(sequence, last)),
            },
        }
    }

    fn add(&mut self, record: Record) -> Result<(), CatalogError> {
        need(self.now(&Address::of(&record)).is_none())?;
        self.put(record)
    }

    fn replace(&mut self, record: Record) -> Result<(), CatalogError> {
        let stored = self.now(&Address::of(&record)).and_then(version).ok_or(CatalogError::Conflict)?;
        need(stored.checked_add(1) == version(&record))?;
        self.put(record)
    }

    fn drop_version(&mut self, at: Address, wanted: u64) -> Result<(), CatalogError> {
        need(self.now(&at).and_then(version) == Some(wanted))?;
        self.set(at, None)
    }

    fn drop_there(&mut self, at: Address) -> Result<(), CatalogError> {
        need(self.now(&at).is_some())?;
        self.set(at, None)
    }

    fn drop_user(&mut self, id: UserId) -> Result<(), CatalogError> {
        let its = |(at, record): (&Address, &Option<Record>)| match record {
            Some(Record::ApiKey(key)) if key.user_id == id => Some(at.clone()),
            _ => None,
        };
        let keys: Vec<Address> = self.now.iter().filter_map(its).collect();
        for key in keys {
            self.set(key, None)?;
        }
        self.drop_there(Address::user(id))
    }

    fn put(&mut self, record: Record) -> Result<(), CatalogError> {
        self.set(Address::of(&record), Some(record))
    }

    /// Changes what is there, and whose its names are.
    fn set(&mut self, at: Address, record: Option<Record>) -> Result<(), CatalogError> {
        let stranger = |owner: Option<&Option<Address>>| matches!(owner, Some(Some(owner)) if *owner != at);
        for name in self.now(&at).map(names).unwrap_or_default() {
            // A write before this one gave the name away while it was still held: out of order.
            need(!stranger(self.claims.get(&name)))?;
            self.claims.insert(name, None);
        }
        for name in record.as_ref().map(names).unwrap_or_default() {
            need(!stranger(self.claims.get(&name)))?;
            self.claims.insert(name, Some(at.clone()));
        }
        self.before.entry(at.clone()).or_insert(None);
        self.touched.insert(at.clone());
        self.now.insert(at, record);
        Ok(())
    }
}

/// Where the records are that a write has to look at. The second is true where the write wants none to be there: then
/// it may be tried without looking.
pub(super) fn looks_at(write: &Write) -> (Address, bool) {
    match write {
        Write::AddUser(user) => (Address::user(user.id), true),
        Write::ReplaceUser(user) => (Address::user(user.id), false),
        Write::DropUser(id) => (Address::user(*id), false),
        Write::AddApiKey(key) => (Address::api_key(key.id), true),
        Write::DropApiKey(id, _) => (Address::api_key(*id), false),
        Write::EndToken(token) => (Address::ended_token(&token.jti), true),
        Write::AddMedia(media) => (Address::media(media.id), true),
        Write::DropMedia(id) | Write::NeedMedia(id) => (Address::media(*id), false),
        Write::AddJob(job) => (Address::job(job.id), true),
        Write::ReplaceJob(job) => (Address::job(job.id), false),
        Write::DropJob(id, _) => (Address::job(*id), false),
        Write::AddOutput(output) => (Address::output(output.id), true),
        Write::DropOutput(id) => (Address::output(*id), false),
        Write::AddIntent(intent) => (Address::intent(&intent.key), true),
        Write::Condemn(key, _) | Write::TakeIntent(key) | Write::ForgetIntent(key) => {
            (Address::intent(key), false)
        }
        Write::AddReceipt(receipt, _) => (Address::receipt(&receipt.scope, &receipt.key), true),
        Write::AddNotice(notice) => (Address::notice(notice.id), true),
        Write::ReplaceNotice(notice) => (Address::notice(notice.id), false),
        Write::DropNotice(id) => (Address::notice(*id), false),
        Write::AddSong(song) => (Address::song(song.id), true),
        Write::ReplaceSong(song) => (Address::song(song.id), false),
        Write::DropSong(id, _) => (Address::song(*id), false),
        Write::AddOperation(operation) => (Address::operation(operation.id, &operation.song), true),
        Write::AddVideo(video) => (Address::video(video.id), true),
        Write::ReplaceVideo(video) => (Address::video(video.id), false),
        Write::DropVideo(id, _) => (Address::video(*id), false),
        Write::AddTask(task) => (Address::task(task.number), true),
        Write::ReplaceTask(task) => (Address::task(task.number), false),
        Write::DropTask(number, _) => (Address::task(*number), false),
        Write::AddWebhook(webhook) => (Address::webhook(webhook.id), true),
        Write::ReplaceWebhook(webhook) => (Address::webhook(webhook.id), false),
        Write::DropWebhook(id, _) => (Address::webhook(*id), false),
        Write::AddDelivery(delivery) => (Address::delivery(delivery.id), true),
        Write::ReplaceDelivery(delivery) => (Address::delivery(delivery.id), false),
        Write::DropDelivery(id) => (Address::delivery(*id), false),
        Write::AddUpload(upload) => (Address::upload(upload.id), true),
        Write::ReplaceUpload(upload) => (Address::upload(upload.id), false),
        Write::DropUpload(id, _) => (Address::upload(*id), false),
        Write::RaiseSequence(sequence, _) => (Address::sequence(*sequence), false),
    }
}

const fn version(record: &Record) -> Option<u64> {
    match record {
        Record::User(user) => Some(user.version),
        Record::Job(job) => Some(job.version),
        Record::Song(song) => Some(song.version),
        Record::Video(video) => Some(video.version),
        Record::Task(task) => Some(task.version),
        Record::Webhook(webhook) => Some(webhook.version),
        Record::Delivery(delivery) => Some(delivery.version),
        Record::Upload(upload) => Some(upload.version),
        _ => None,
    }
}

const fn need(condition: bool) -> Result<(), CatalogError> {
    if condition { Ok(()) } else { Err(CatalogError::Conflict) }
}

const fn is_condemned(intent: &Intent) -> bool {
    matches!(intent.holder, Holder::Condemned { .. })
}

#[cfg(test)]
mod tests {

    use reelmill_core::{Found, JobId, Platform, Song, SongId, Timestamp};
    use uuid::Uuid;

    use super::*;

    fn song(id: u128, source: &str) -> Song {
        let found = Found {
            platform: Platform::Youtube,
            id: source.to_owned(),
            url: String::new(),
            title: None,
            duration_ms: None,
            thumbnail_url: None,
        };
        let (id, job, at) = (SongId(Uuid::from_u128(id)), JobId(Uuid::nil()), Timestamp::from_ms(0));
        Song { id, found, job, plays: 0, created_at: at, updated_at: at, version: 1 }
    }

    /// A draft that found the song.
    fn with(song: &Song) -> Draft {
        let mut draft = Draft::default();
        let record = Record::Song(song.clone());
        draft.read(Address::song(song.id), Some(Stored { record, rev: "r1".to_owned(), touches: 0 }));
        draft
    }

    #[test]
    fn a_name_passes_from_one_to_another_in_that_order_only() {
        let (old, new) = (song(1, "same"), song(2, "same"));
        let (drop, add) = (Write::DropSong(old.id, 1), Write::AddSong(new.clone()));
        let mut draft = with(&old);
        draft.apply(drop.clone()).unwrap();
        draft.apply(add.clone()).unwrap();
        let (name, from, to) =
            (Address::source("same"), Some(Address::song(old.id)), Some(Address::song(new.id)));
        assert_eq!(draft.claims().collect::<Vec<_>>(), [(&name, from.as_ref(), to.as_ref())]);

        let mut draft = with(&old);
        draft.apply(add).unwrap();
        assert!(matches!(draft.apply(drop), Err(CatalogError::Conflict)));
    }

    #[test]
    fn what_a_record_keeps_does_not_change_hands() {
        let there = song(1, "same");
        let mut draft = with(&there);
        draft.apply(Write::ReplaceSong(Song { plays: 1, version: 2, ..there })).unwrap();
        assert_eq!(draft.claims().count(), 0);
    }

    #[test]
    fn what_is_added_and_dropped_leaves_its_condition_alone() {
        let new = song(1, "new");
        let mut draft = Draft::default();
        draft.apply(Write::AddSong(new.clone())).unwrap();
        draft.apply(Write::DropSong(new.id, 1)).unwrap();
        let at = Address::song(new.id);
        assert!(draft.is_touched(&at) && draft.before(&at).is_none() && draft.now(&at).is_none());
        assert_eq!(draft.claims().collect::<Vec<_>>(), [(&Address::source("new"), None, None)]);
    }
}
