//! A file into a catalog: first all of it is proved and compared with what is there, then what is missing is added, then all of
//! it is read back.

use std::collections::{HashMap, HashSet};
use std::io::SeekFrom;

use reelmill_core::ports::{Catalog, CatalogError, MAX_WRITES};
use reelmill_core::{Record, Timestamp, Write};
use tokio::io::{AsyncRead, AsyncSeek, AsyncSeekExt, BufReader};

use super::file::Lines;
use super::{CarryError, name, walk};

/// What was imported.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Imported {
    /// Records added.
    pub added: u64,
    /// Records that were there already.
    pub found: u64,
}

/// Hashes of names: a catalog may hold millions of records.
type Name = [u8; 32];

/// What a record says, as a hash; or a sequence's number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Content {
    Hash([u8; 32]),
    Number(i64),
}

/// Adds what `source` says and `catalog` has not.
///
/// # Errors
/// `Damaged` and `NotUnderstood` before anything is written, `Occupied` likewise where the catalog holds something else.
/// After any other error the same import may be begun again.
pub async fn import<S: AsyncRead + AsyncSeek + Unpin>(
    catalog: &dyn Catalog,
    now: Timestamp,
    source: &mut S,
) -> Result<Imported, CarryError> {
    source.rewind().await?;
    let expected = prove(source).await?;
    let found = compare(catalog, &expected).await?;
    source.seek(SeekFrom::Start(0)).await?;
    let added = add(catalog, now, source, &expected, &found).await?;
    read_back(catalog, &expected).await?;
    Ok(Imported { added, found: found.len() as u64 })
}

/// Reads all of the file without writing anything.
async fn prove(source: &mut (impl AsyncRead + Unpin)) -> Result<HashMap<Name, Content>, CarryError> {
    let mut lines = Lines::open(BufReader::new(source)).await?;
    let mut expected = HashMap::new();
    while let Some(record) = lines.next().await? {
        if expected.insert(hash(name(&record).as_bytes()), content(&record)?).is_some() {
            return Err(CarryError::Damaged(format!("it has the {} twice", name(&record))));
        }
    }
    Ok(expected)
}

/// What of it is there already, where nothing else is.
async fn compare(
    catalog: &dyn Catalog,
    expected: &HashMap<Name, Content>,
) -> Result<HashSet<Name>, CarryError> {
    let (mut found, mut others, mut changed) = (HashSet::new(), Others::default(), Others::default());
    walk(catalog, async |record| {
        let (id, content) = (hash(name(&record).as_bytes()), content(&record)?);
        match expected.get(&id) {
            // A sequence goes on behind the higher of two numbers, and one that is not in the file stays.
            _ if matches!(content, Content::Number(_)) => {}
            Some(same) if *same == content => drop(found.insert(id)),
            Some(_) => changed.note(&record),
            None => others.note(&record),
        }
        Ok(())
    })
    .await?;
    changed.refuse("otherwise than in the file are")?;
    others.refuse("not in the file are")?;
    Ok(found)
}

/// How many records go into one commit: less than it may hold, since a song with its names and its job's places takes five
/// of the hundred items of a transaction of DynamoDB's.
const BATCH: usize = MAX_WRITES / 2;

async fn add(
    catalog: &dyn Catalog,
    now: Timestamp,
    source: &mut (impl AsyncRead + Unpin),
    expected: &HashMap<Name, Content>,
    found: &HashSet<Name>,
) -> Result<u64, CarryError> {
    let mut lines = Lines::open(BufReader::new(source)).await?;
    let (mut batch, mut added) = (Vec::new(), 0);
    while let Some(record) = lines.next().await? {
        let id = hash(name(&record).as_bytes());
        if expected.get(&id) != Some(&content(&record)?) {
            return Err(CarryError::Damaged("it changes while it is read".to_owned()));
        }
        if found.contains(&id) {
            continue;
        }
        added += u64::from(!matches!(record, Record::Sequence(..)));
        batch.push(record);
        if batch.len() == BATCH {
            commit(catalog, now, std::mem::take(&mut batch)).await?;
        }
    }
    commit(catalog, now, batch).await?;
    Ok(added)
}

async fn commit(catalog: &dyn Catalog, now: Timestamp, batch: Vec<Record>) -> Result<(), CarryError> {
    let writes = batch.iter().cloned().map(|record| write(record, now)).collect();
    match catalog.commit(writes).await {
        // Which of them it is, and what else there is to be had.
        Err(CatalogError::Conflict) => {
            for record in batch {
                let said = name(&record);
                match catalog.commit(vec![write(record, now)]).await {
                    Err(CatalogError::Conflict) => {
                        return Err(CarryError::Occupied(format!(
                            "in the way of the {said} is another that has come meanwhile"
                        )));
                    }
                    done => done?,
                }
            }
            Ok(())
        }
        done => Ok(done?),
    }
}

async fn read_back(catalog: &dyn Catalog, expected: &HashMap<Name, Content>) -> Result<(), CarryError> {
    let mut right = 0;
    walk(catalog, async |record| {
        let read = content(&record)?;
        match (expected.get(&hash(name(&record).as_bytes())), read) {
            (Some(Content::Number(least)), Content::Number(number)) if number >= *least => right += 1,
            (None, Content::Number(_)) => {}
            (Some(same), _) if *same == read => right += 1,
            _ => return Err(CarryError::Differs(format!("the {} is another", name(&record)))),
        }
        Ok(())
    })
    .await?;
    let missing = expected.len() - right;
    if missing == 0 { Ok(()) } else { Err(CarryError::Differs(format!("{missing} records are missing"))) }
}

/// Records that are in the way.
#[derive(Default)]
struct Others {
    count: u64,
    first: Vec<String>,
}

impl Others {
    fn note(&mut self, record: &Record) {
        self.count += 1;
        if self.first.len() < 3 {
            self.first.push(name(record));
        }
    }

    fn refuse(self, how: &str) -> Result<(), CarryError> {
        let more = self.count - self.first.len() as u64;
        let more = if more == 0 { String::new() } else { format!(" and {more} more") };
        if self.count == 0 {
            Ok(())
        } else {
            Err(CarryError::Occupied(format!("{how} {}{more}", self.first.join(", "))))
        }
    }
}

fn hash(bytes: &[u8]) -> [u8; 32] {
    *blake3::hash(bytes).as_bytes()
}

fn content(record: &Record) -> Result<Content, CarryError> {
    match record {
        Record::Sequence(_, number) => Ok(Content::Number(*number)),
        record => Ok(Content::Hash(hash(&serde_json::to_vec(record).map_err(std::io::Error::from)?))),
    }
}

/// The write that adds a record.
fn write(record: Record, now: Timestamp) -> Write {
    match record {
        Record::User(user) => Write::AddUser(user),
        Record::ApiKey(key) => Write::AddApiKey(key),
        Record::EndedToken(token) => Write::EndToken(token),
        Record::Media(media) => Write::AddMedia(media),
        Record::Job(job) => Write::AddJob(job),
        Record::Output(output) => Write::AddOutput(output),
        Record::Intent(intent) => Write::AddIntent(intent),
        Record::Receipt(receipt) => Write::AddReceipt(receipt, now),
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

#[cfg(test)]
mod tests {
    use reelmill_backends::catalog::MemoryCatalog;
    use reelmill_core::EndedToken;

    use super::*;

    #[tokio::test]
    async fn what_is_missing_or_another_in_the_end_is_found_out() {
        let token = |ms| EndedToken { jti: "a".to_owned(), expires_at: Timestamp::from_ms(ms) };
        let record = Record::EndedToken(token(1));
        let expected = HashMap::from([(hash(name(&record).as_bytes()), content(&record).unwrap())]);
        for (kept, is_right) in [(None, false), (Some(token(2)), false), (Some(token(1)), true)] {
            let catalog = MemoryCatalog::default();
            catalog.commit(kept.into_iter().map(Write::EndToken).collect()).await.unwrap();
            let read = read_back(&catalog, &expected).await;
            assert_eq!(read.is_ok(), is_right, "{read:?}");
        }
    }
}
