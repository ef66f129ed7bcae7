//! Whole collections, as an export reads them, and what an import needs beside.

use std::sync::Arc;

use futures_util::future::join_all;
use reelmill_core::ports::{Catalog, Sequence};
use reelmill_core::{
    Collection, EndedToken, Format, Holder, Intent, Job, Pulse, Receipt, Record, Stage, State, Task,
    Thumbnail, Token, Video, Write,
};
use uuid::Uuid;

use super::sample::{
    NOW, api_key, at, claimed, commit, condemned, delivery, id, intent, job, media, moved, notice, operation,
    output, picture, receipt, running, song, task, thumbnail, token, upload, user, video, webhook,
};
use crate::Place;

type Setup = Place<dyn Catalog>;

/// All that there is of a collection, read in parts.
async fn all_of(catalog: &dyn Catalog, collection: Collection, limit: u32) -> Vec<Record> {
    let (mut records, mut after) = (Vec::new(), None);
    // A catalog that never comes to an end is stopped by the suite.
    loop {
        let part = catalog.records(collection, after.as_deref(), limit).await.unwrap();
        assert!(part.records.len() <= limit as usize, "{collection:?}");
        records.extend(part.records);
        after = part.next;
        if after.is_none() {
            return records;
        }
    }
}

/// The write that brings a record into a catalog that has none.
fn write_of(record: Record) -> Write {
    match record {
        Record::User(user) => Write::AddUser(user),
        Record::ApiKey(key) => Write::AddApiKey(key),
        Record::EndedToken(token) => Write::EndToken(token),
        Record::Media(media) => Write::AddMedia(media),
        Record::Job(job) => Write::AddJob(job),
        Record::Output(output) => Write::AddOutput(output),
        Record::Intent(intent) => Write::AddIntent(intent),
        Record::Receipt(receipt) => Write::AddReceipt(receipt, NOW),
        Record::Notice(notice) => Write::AddNotice(notice),
        Record::Song(song) => Write::AddSong(song),
        Record::Operation(operation) => Write::AddOperation(operation),
        Record::Video(video) => Write::AddVideo(video),
        Record::Task(task) => Write::AddTask(task),
        Record::Webhook(webhook) => Write::AddWebhook(webhook),
        Record::Delivery(delivery) => Write::AddDelivery(delivery),
        Record::Upload(upload) => Write::AddUpload(upload),
        Record::Sequence(sequence, number) => Write::RaiseSequence(sequence, number),
    }
}

/// Some of each sort but the sequences.
fn some_of_each() -> Vec<Record> {
    let mut records = Vec::new();
    for n in 0..5 {
        let user = user();
        let waits = job();
        let held = Holder::Claim { job: waits.id, token: Token { attempt: n + 1, nonce: Uuid::new_v4() } };
        let states = [waits.clone(), claimed(&waits), moved(&waits, State::Cancelled { at: NOW })];
        let song = song(&format!("Song {n}"));
        let shown = Thumbnail { picture: (n % 2 == 0).then(picture), ..thumbnail() };
        // Two receipts whose scope and key are the same text one behind the other.
        let twin = Receipt { scope: "a b".to_owned(), ..receipt(&format!("c{n}"), at(100)) };
        let other = Receipt { scope: "a".to_owned(), ..receipt(&format!(" bc{n}"), at(100)) };
        records.extend([
            Record::ApiKey(api_key(user.id)),
            Record::EndedToken(EndedToken { jti: format!("jti-{n}"), expires_at: at(500) }),
            Record::Media(media(user.id)),
            Record::Output(output(&waits)),
            Record::Job(states[n as usize % 3].clone()),
            Record::Intent(intent(&format!("media/{n}"))),
            Record::Intent(condemned(&format!("old/{n}"))),
            Record::Intent(Intent { holder: held, beats: 7, ..intent(&format!("outputs/{n}")) }),
            Record::Receipt(twin),
            Record::Receipt(other),
            Record::Notice(notice(at(i64::from(n)))),
            Record::Operation(operation(&song)),
            Record::Song(song),
            Record::Video(Video { thumbnail: (n > 0).then_some(shown), ..video() }),
            Record::Task(task(user.id, &format!("{n}.wav"), Format::Mp3)),
            Record::Webhook(webhook(user.id)),
            Record::Delivery(delivery(id())),
            Record::Upload(upload()),
            Record::User(user),
        ]);
    }
    // Numbers are read in any order, below zero as well.
    records.push(Record::Task(Task { number: -3, ..task(id(), "x.wav", Format::Mp3) }));
    records
}

async fn filled(catalog: &dyn Catalog) -> Vec<Record> {
    let records = some_of_each();
    for some in records.chunks(8) {
        commit(catalog, some.iter().cloned().map(write_of)).await;
    }
    for sequence in Sequence::ALL {
        catalog.next_number(sequence).await.unwrap();
    }
    catalog.next_number(Sequence::Tasks).await.unwrap();
    records
}

/// A record's text, for comparing what comes in any order.
fn text(record: &Record) -> String {
    serde_json::to_string(record).unwrap()
}

fn texts(records: &[Record]) -> Vec<String> {
    let mut texts: Vec<_> = records.iter().map(text).collect();
    texts.sort();
    texts
}

pub(super) async fn every_record_comes_once_in_parts_of_any_size(place: Setup) {
    let catalog = place.open().await;
    let mut expected = filled(&*catalog).await;
    expected.extend([
        Record::Sequence(Sequence::Users, 1),
        Record::Sequence(Sequence::Videos, 1),
        Record::Sequence(Sequence::Tasks, 2),
    ]);
    for limit in [1, 3, 5, 1000] {
        let mut read = Vec::new();
        for collection in Collection::ALL {
            read.extend(all_of(&*catalog, collection, limit).await);
        }
        assert_eq!(texts(&read), texts(&expected), "by {limit}");
    }
}

pub(super) async fn an_empty_collection_has_no_records(place: Setup) {
    let catalog = place.open().await;
    for collection in Collection::ALL {
        let read = all_of(&*catalog, collection, 10).await;
        let is_none = |record: &Record| matches!(record, Record::Sequence(_, 0));
        assert!(read.iter().all(is_none), "{read:?}");
    }
}

pub(super) async fn a_part_begins_where_the_one_before_ended(place: Setup) {
    let catalog = place.open().await;
    filled(&*catalog).await;
    for collection in Collection::ALL {
        let all = all_of(&*catalog, collection, 1000).await;
        let (mut after, mut read) = (None, Vec::new());
        while read.len() < 2 {
            let part = catalog.records(collection, after.as_deref(), 2).await.unwrap();
            read.extend(part.records);
            after = part.next;
        }
        assert_eq!(read, all[..read.len()], "{collection:?}");
        // Asked for again, it is the same part.
        let part = catalog.records(collection, after.as_deref(), 1000).await.unwrap();
        let again = catalog.records(collection, after.as_deref(), 1000).await.unwrap();
        assert_eq!(part, again, "{collection:?}");
    }
}

pub(super) async fn what_is_there_all_along_comes_while_others_are_dropped(place: Setup) {
    let catalog = place.open().await;
    let records: Vec<_> = (0..9).map(|_| media(id())).collect();
    commit(&*catalog, records.iter().cloned().map(Write::AddMedia)).await;
    let part = catalog.records(Collection::Media, None, 3).await.unwrap();
    // What the first part ended at is gone when the second begins.
    for record in &part.records {
        let Record::Media(media) = record else { panic!("{record:?}") };
        commit(&*catalog, [Write::DropMedia(media.id)]).await;
    }
    let mut seen = part.records;
    let mut after = part.next;
    while after.is_some() {
        let part = catalog.records(Collection::Media, after.as_deref(), 3).await.unwrap();
        seen.extend(part.records);
        after = part.next;
    }
    let expected: Vec<_> = records.into_iter().map(Record::Media).collect();
    assert_eq!(texts(&seen), texts(&expected));
}

pub(super) async fn a_jobs_record_is_without_its_pulse(place: Setup) {
    let catalog = place.open().await;
    let runs = running(&*catalog).await;
    let pulse = Pulse { beats: 0, progress: 0.5, stage: Some(Stage::Convert) };
    catalog.beat(runs.id, token(&runs), pulse).await.unwrap();
    let bare = Job { pulse: Pulse::default(), ..runs };
    assert_eq!(all_of(&*catalog, Collection::Jobs, 10).await, [Record::Job(bare)]);
}

pub(super) async fn what_was_read_as_json_makes_the_same_catalog_again(place: Setup) {
    let catalog = place.open().await;
    filled(&*catalog).await;
    let mut lines = Vec::new();
    for collection in Collection::ALL {
        lines.extend(all_of(&*catalog, collection, 7).await.iter().map(text));
    }
    // The catalog forgets everything that can be dropped, and is filled again from the lines.
    let records = lines.iter().map(|line| serde_json::from_str::<Record>(line).unwrap());
    for record in records.clone() {
        let drops = match &record {
            Record::User(user) => vec![Write::DropUser(user.id)],
            Record::Media(media) => vec![Write::DropMedia(media.id)],
            Record::Job(job) => vec![Write::DropJob(job.id, job.version)],
            Record::Output(output) => vec![Write::DropOutput(output.id)],
            Record::Intent(intent) => {
                vec![Write::Condemn(intent.key.clone(), NOW), Write::ForgetIntent(intent.key.clone())]
            }
            Record::Notice(notice) => vec![Write::DropNotice(notice.id)],
            Record::Song(song) => vec![Write::DropSong(song.id, song.version)],
            Record::Video(video) => vec![Write::DropVideo(video.id, video.version)],
            Record::Task(task) => vec![Write::DropTask(task.number, task.version)],
            Record::Webhook(webhook) => vec![Write::DropWebhook(webhook.id, webhook.version)],
            Record::Delivery(delivery) => vec![Write::DropDelivery(delivery.id)],
            Record::Upload(upload) => vec![Write::DropUpload(upload.id, upload.version)],
            // Keys go with their account; the others stay.
            _ => Vec::new(),
        };
        commit(&*catalog, drops).await;
    }
    catalog.sweep_expired(at(1000)).await.unwrap();
    for record in records {
        if !matches!(record, Record::Operation(_)) {
            commit(&*catalog, [write_of(record)]).await;
        }
    }
    let mut again = Vec::new();
    for collection in Collection::ALL {
        again.extend(all_of(&*catalog, collection, 7).await.iter().map(text));
    }
    lines.sort();
    again.sort();
    assert_eq!(again, lines);
    // What is derived from a record is derived anew.
    let Some(Record::User(user)) = all_of(&*catalog, Collection::Users, 1).await.pop() else { panic!() };
    assert_eq!(catalog.user_by_login(&user.name).await.unwrap(), Some(user));
    assert_eq!(catalog.due_jobs(NOW, 10).await.unwrap().len(), 2);
}

pub(super) async fn a_raised_sequence_goes_on_behind_the_number(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::RaiseSequence(Sequence::Videos, 41)]).await;
    assert_eq!(catalog.next_number(Sequence::Videos).await.unwrap(), 42);
    assert_eq!(catalog.next_number(Sequence::Tasks).await.unwrap(), 1);
}

pub(super) async fn a_sequence_is_never_lowered(place: Setup) {
    let catalog = place.open().await;
    commit(&*catalog, [Write::RaiseSequence(Sequence::Users, 10)]).await;
    for lower in [10, 9, 0, -5] {
        commit(&*catalog, [Write::RaiseSequence(Sequence::Users, lower)]).await;
    }
    assert_eq!(catalog.next_number(Sequence::Users).await.unwrap(), 11);
    // Of many that raise it at once, the highest stands.
    let raises = (20..60).map(|number| {
        let catalog = Arc::clone(&catalog);
        tokio::spawn(async move { commit(&*catalog, [Write::RaiseSequence(Sequence::Users, number)]).await })
    });
    assert!(join_all(raises).await.iter().all(Result::is_ok));
    assert_eq!(catalog.next_number(Sequence::Users).await.unwrap(), 60);
}
