//! Where everything stands: each record's item, the names that it holds alone, and the lists that it is in.
//!
//! Both tables have a partition key `PK` and a range key `SK`, both text, and no index besides. So whatever a record is
//! looked up by is an item of its own that names the record, written in the same transaction. What would make a single
//! partition hot is spread over several, and read from all of them.

use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;
use reelmill_core::ports::{CatalogError, JobFilter};
use reelmill_core::{
    Holder, Intent, Job, Notice, NoticeKind, Priority, Record, Song, State, StateName, Task, Timestamp,
    UserId,
};
use serde::Serialize;

use super::address::{Address, SHARDS, Table, digest, key, shard, short};
use super::bot;
use super::item::{self, EXPIRES_AT, Item, SCHEMA, TITLE, VERSION, number, text};

/// The items that the count of jobs is spread over: every commit that moves a job writes one of them.
pub(super) const CENSUS_SHARDS: u8 = 16;
/// The layout's version, in each item's `schema`.
const LAYOUT: u8 = 1;
/// Characters of a title that its place in the list shows: with four bytes each and an id, a range key has room for so many.
pub(super) const TITLE_CHARS: usize = 240;

/// An item that a list of records is made of.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Entry {
    pub(super) at: Address,
    /// Whether it goes with the record under all circumstances. Another may be written a little before its record and
    /// taken away a little after: whoever reads the list looks at the record.
    pub(super) is_bound: bool,
    /// What it says beside its place.
    pub(super) says: Vec<(&'static str, AttributeValue)>,
}

/// The lists that a record is in.
pub(super) fn entries(record: &Record) -> Vec<Entry> {
    match record {
        Record::User(user) => vec![entry(sharded("USERS", &user.id.to_string()), user.id)],
        Record::ApiKey(key) => vec![entry(Address::user(key.user_id).pk, &format!("API-KEY#{}", key.id))],
        Record::Media(media) => {
            let mut entries = vec![
                entry(sharded("ALL-MEDIA", &media.id.to_string()), media.id),
                entry(media_of(media.owner), media.id),
            ];
            entries.extend(media.fid.as_deref().map(|fid| entry(media_fid(fid), media.id)));
            entries
        }
        Record::Job(job) => job_entries(job),
        Record::Output(output) => {
            vec![entry(Address::media(output.media_id).pk, &format!("OUTPUT#{}", output.id))]
        }
        Record::Receipt(receipt) => vec![expiry(&Address::of(record), receipt.expires_at)],
        Record::EndedToken(token) => vec![expiry(&Address::of(record), token.expires_at)],
        Record::Notice(notice) => vec![notice_entry(notice)],
        Record::Song(song) => song_entries(song),
        Record::Operation(operation) => {
            // The song and the moment are what an operation's end is told with.
            let says =
                vec![("SongID", text(&operation.song)), ("since", text(operation.created_at.to_string()))];
            vec![Entry {
                is_bound: true,
                says,
                ..entry(Address::job(operation.job).pk, &format!("OPERATION#{}", operation.id))
            }]
        }
        Record::Video(video) => vec![entry(sharded("VIDEOS", &video.id.to_string()), video.id)],
        Record::Task(task) => task_entries(task),
        Record::Intent(_) | Record::Sequence(..) => Vec::new(),
    }
}

/// The record's item, without what only the commit knows.
pub(super) fn item_of(record: &Record) -> Result<Item, CatalogError> {
    let at = Address::of(record);
    let (kind, mut item) = match record {
        Record::User(user) => ("user", body(user)?),
        Record::ApiKey(key) => ("api-key", body(key)?),
        Record::EndedToken(token) => ("ended-token", lasting(token, token.expires_at)?),
        Record::Media(media) => ("media", body(media)?),
        Record::Job(job) => ("job", job_item(job)?),
        Record::Output(output) => ("output", body(output)?),
        Record::Intent(intent) => ("intent", intent_item(intent)?),
        Record::Receipt(receipt) => ("receipt", lasting(receipt, receipt.expires_at)?),
        Record::Notice(notice) => ("notice", body(notice)?),
        Record::Song(song) => ("song", with(body(song)?, bot::song(song))),
        Record::Operation(operation) => ("operation", with(body(operation)?, bot::operation(operation))),
        Record::Video(video) => ("video", body(video)?),
        Record::Task(task) => ("task", body(task)?),
        Record::Sequence(_, last) => ("sequence", with(Item::new(), [("last", number(last))])),
    };
    item.insert(SCHEMA.to_owned(), text(schema(kind)));
    item.extend(key(&at));
    Ok(item)
}

/// What an item of that kind carries in [`SCHEMA`].
pub(super) fn schema(kind: &str) -> String {
    format!("{kind}/{LAYOUT}")
}

/// The partitions of a list of that name.
pub(super) fn shards(list: &str) -> Vec<String> {
    (0..SHARDS).map(|shard| format!("{list}#{shard}")).collect()
}

/// The partitions that hold the jobs of a filter, and perhaps others; a record says whether it is wanted.
pub(super) fn jobs(filter: &JobFilter) -> Vec<String> {
    match (filter.media, filter.account, filter.state) {
        (Some(media), ..) => vec![Address::media(media).pk],
        (None, Some(account), None) => vec![format!("JOBS-OF#{account}")],
        (None, Some(account), Some(state)) => vec![format!("JOBS-OF#{account}#{}", state.as_str())],
        (None, None, None) => shards("JOBS"),
        (None, None, Some(state)) => shards(&in_state(state)),
    }
}

/// What a job's place in a list of [`jobs`] begins with: in a media's partition other things stand too.
pub(super) const fn jobs_prefix(filter: &JobFilter) -> &'static str {
    if filter.media.is_some() { "JOB#" } else { "" }
}

/// The list of the jobs in a state.
pub(super) fn in_state(state: StateName) -> String {
    format!("JOBS-{}", state.as_str().to_uppercase())
}

/// The list of the queued jobs of a priority, by due time.
pub(super) fn due(priority: Priority) -> String {
    format!("DUE#{}", rank(priority))
}

/// The list of the queued jobs of a priority, by account and due time.
pub(super) fn turns(priority: Priority) -> String {
    format!("TURNS#{}", rank(priority))
}

const fn rank(priority: Priority) -> u8 {
    match priority {
        Priority::Interactive => 0,
        Priority::Normal => 1,
        Priority::Bulk => 2,
    }
}

/// The list of the notices of a kind, by due time.
pub(super) fn notices(kind: NoticeKind) -> String {
    format!("NOTICES-{}", kind.as_str().to_uppercase())
}

/// The list of all jobs by their last change.
pub(super) const CHANGES: &str = "CHANGES";

/// The partition of an account's jobs by their last change.
pub(super) fn changes_of(account: UserId) -> String {
    format!("CHANGES-OF#{account}")
}

/// The partition of an account's media.
pub(super) fn media_of(owner: UserId) -> String {
    format!("MEDIA-OF#{owner}")
}

/// The partition of the media of a fid.
pub(super) fn media_fid(fid: &str) -> String {
    format!("MEDIA-FID#{}", short(fid))
}

/// The partition of an account's tasks.
pub(super) fn tasks_of(account: UserId) -> String {
    format!("TASKS-OF#{account}")
}

/// The partition of an account's tasks with that file.
pub(super) fn tasks_named(account: UserId, name: &str) -> String {
    format!("TASK-FILE#{account}#{}", short(name))
}

/// A number as text that sorts like it.
pub(super) fn sorted(number: i64) -> String {
    format!("{:016x}", number.cast_unsigned() ^ 1 << 63)
}

/// What a list by time is read up to, for what is at or before a moment.
pub(super) fn until(moment: Timestamp) -> String {
    format!("{}#~", sorted(moment.as_ms()))
}

/// The beginning of a title that its place shows, and whether that is all of it.
pub(super) fn cut(title: &str) -> (&str, bool) {
    match title.char_indices().nth(TITLE_CHARS) {
        Some((at, _)) => (&title[..at], false),
        None => (title, true),
    }
}

fn job_entries(job: &Job) -> Vec<Entry> {
    let (id, state) = (job.id.to_string(), job.state.name());
    let versioned =
        |pk: String, sk: String| Entry { says: vec![(VERSION, number(job.version))], ..entry(pk, &sk) };
    let mut entries = vec![
        entry(sharded("JOBS", &id), &id),
        entry(format!("JOBS-OF#{}", job.account), &id),
        versioned(sharded(&in_state(state), &id), id.clone()),
        versioned(format!("JOBS-OF#{}#{}", job.account, state.as_str()), id.clone()),
    ];
    entries.extend(job.media_id.map(|media| entry(Address::media(media).pk, &format!("JOB#{id}"))));
    let change = format!("{}#{id}", sorted(job.changed_at.as_ms()));
    entries
        .extend([sharded(CHANGES, &id), changes_of(job.account)].map(|list| versioned(list, change.clone())));
    if let State::Queued { due_at, .. } = job.state {
        let sk = format!("{}#{id}", sorted(due_at.as_ms()));
        entries.push(Entry { is_bound: true, ..entry(sharded(&due(job.priority), &id), &sk) });
        let (pk, sk) = (sharded(&turns(job.priority), &id), format!("{}#{sk}", job.account));
        entries.push(Entry { is_bound: true, ..entry(pk, &sk) });
    }
    entries
}

fn notice_entry(notice: &Notice) -> Entry {
    let id = notice.id.to_string();
    let (pk, sk) = (sharded(&notices(notice.kind), &id), format!("{}#{id}", sorted(notice.due_at.as_ms())));
    Entry { is_bound: true, ..entry(pk, &sk) }
}

fn song_entries(song: &Song) -> Vec<Entry> {
    let (id, title) = (song.id.to_string(), song.title_lower());
    let at = Address::new(Table::Songs, sharded("TITLES", &id), format!("{}\u{1}{id}", cut(&title).0));
    let says = vec![(TITLE, text(title))];
    // What tells a job's end the songs that it is the end of.
    let of_job = entry(Address::job(song.job).pk, &format!("SONG#{id}"));
    vec![Entry { at, is_bound: true, says }, Entry { is_bound: true, ..of_job }]
}

fn task_entries(task: &Task) -> Vec<Entry> {
    let versioned =
        |pk: String| Entry { says: vec![(VERSION, number(task.version))], ..entry(pk, &sorted(task.number)) };
    let mut entries = vec![
        versioned(tasks_of(task.account)),
        versioned(tasks_named(task.account, &task.name)),
        versioned(tasks_named(task.account, &task.result_name())),
    ];
    entries.dedup();
    entries
}

fn expiry(of: &Address, at: Timestamp) -> Entry {
    let pk = sharded("EXPIRIES", &of.pk);
    let sk = format!("{}#{}", sorted(at.as_ms()), digest(&format!("{} {}", of.pk, of.sk)));
    Entry { says: vec![(EXPIRES_AT, number(seconds(at)))], ..entry(pk, &sk) }
}

fn entry(pk: impl Into<String>, sk: impl Display + Copy) -> Entry {
    Entry { at: Address::new(Table::Operations, pk, sk.to_string()), is_bound: false, says: Vec::new() }
}

fn job_item(job: &Job) -> Result<Item, CatalogError> {
    let mut item =
        with(body(job)?, [(VERSION, number(job.version)), ("state", text(job.state.name().as_str()))]);
    if let Some(claim) = job.claim() {
        item.insert("token".to_owned(), text(token(claim.token)));
    }
    Ok(item)
}

fn intent_item(intent: &Intent) -> Result<Item, CatalogError> {
    let condemned = matches!(intent.holder, Holder::Condemned { .. });
    Ok(with(body(intent)?, [("condemned", AttributeValue::Bool(condemned)), ("beats", number(intent.beats))]))
}

/// A claim's token as text.
pub(super) fn token(token: reelmill_core::Token) -> String {
    format!("{}:{}", token.attempt, token.nonce)
}

fn body(record: &impl Serialize) -> Result<Item, CatalogError> {
    let mut item = Item::new();
    item::put_body(&mut item, record)?;
    Ok(item)
}

fn lasting(record: &impl Serialize, until: Timestamp) -> Result<Item, CatalogError> {
    let until = [(EXPIRES_AT, number(seconds(until))), ("expires_at_ms", number(until.as_ms()))];
    Ok(with(body(record)?, until))
}

/// The first whole second that is not before `moment`.
const fn seconds(moment: Timestamp) -> i64 {
    moment.as_seconds().saturating_add(1)
}

fn with(mut item: Item, attributes: impl IntoIterator<Item = (&'static str, AttributeValue)>) -> Item {
    item.extend(attributes.into_iter().map(|(name, value)| (name.to_owned(), value)));
    item
}

/// The partition of a list that the thing of that name stands in.
fn sharded(list: &str, of: &str) -> String {
    format!("{list}#{}", shard(of))
}
