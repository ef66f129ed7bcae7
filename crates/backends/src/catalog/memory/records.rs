//! Whole collections, part by part: a part begins behind the key that the one before ended at.
//!
//! Keys are put in order as text, quoted, so that two keys never look alike.

use std::collections::BTreeMap;
use std::fmt::Debug;

use reelmill_core::ports::{Part, Sequence};
use reelmill_core::{Collection, EndedToken, Job, Pulse, Record};

use super::Tables;

/// The records of a collection behind `after`.
pub(super) fn part(tables: &Tables, collection: Collection, after: Option<&str>, limit: usize) -> Part {
    let of = Walk { after, limit };
    match collection {
        Collection::Users => of.table(&tables.users, |_, user| Record::User(user.clone())),
        Collection::ApiKeys => of.table(&tables.api_keys, |_, key| Record::ApiKey(key.clone())),
        Collection::EndedTokens => of.table(&tables.ended_tokens, |jti, expires_at| {
            Record::EndedToken(EndedToken { jti: jti.clone(), expires_at: *expires_at })
        }),
        Collection::Media => of.table(&tables.media, |_, media| Record::Media(media.clone())),
        Collection::Jobs => {
            of.table(&tables.jobs, |_, job| Record::Job(Job { pulse: Pulse::default(), ..job.clone() }))
        }
        Collection::Outputs => of.table(&tables.outputs, |_, output| Record::Output(output.clone())),
        Collection::Intents => of.table(&tables.intents, |_, intent| Record::Intent(intent.clone())),
        Collection::Receipts => of.table(&tables.receipts, |_, receipt| Record::Receipt(receipt.clone())),
        Collection::Notices => of.table(&tables.notices, |_, notice| Record::Notice(notice.clone())),
        Collection::Songs => of.table(&tables.songs, |_, song| Record::Song(song.clone())),
        Collection::Operations => {
            of.table(&tables.operations, |_, operation| Record::Operation(operation.clone()))
        }
        Collection::Videos => of.table(&tables.videos, |_, video| Record::Video(video.clone())),
        Collection::Tasks => of.table(&tables.tasks, |_, task| Record::Task(task.clone())),
        Collection::Webhooks => of.table(&tables.webhooks, |_, webhook| Record::Webhook(webhook.clone())),
        Collection::Deliveries => {
            of.table(&tables.deliveries, |_, delivery| Record::Delivery(delivery.clone()))
        }
        Collection::Uploads => of.table(&tables.uploads, |_, upload| Record::Upload(upload.clone())),
        Collection::Sequences => {
            let given = |sequence: Sequence| tables.numbers.get(sequence.as_str()).copied().unwrap_or(0);
            let sequences = BTreeMap::from(Sequence::ALL.map(|sequence| (sequence.as_str(), sequence)));
            of.table(&sequences, |_, sequence| Record::Sequence(*sequence, given(*sequence)))
        }
    }
}

struct Walk<'a> {
    after: Option<&'a str>,
    limit: usize,
}

impl Walk<'_> {
    fn table<K: Debug, V>(self, table: &BTreeMap<K, V>, record: impl Fn(&K, &V) -> Record) -> Part {
        let named = table.iter().map(|(key, value)| (format!("{key:?}"), (key, value)));
        let behind: BTreeMap<String, (&K, &V)> =
            named.filter(|(name, _)| self.after.is_none_or(|after| **name > *after)).collect();
        let last = behind.keys().take(self.limit).next_back().filter(|_| behind.len() > self.limit).cloned();
        let records = behind.values().take(self.limit).map(|(key, value)| record(key, value)).collect();
        Part { records, next: last }
    }
}
