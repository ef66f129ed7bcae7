//! One database's files, in the layout that every driver reads: `fs.files` says what there is, `fs.chunks` holds the bytes.
//!
//! A file is there when its document in `fs.files` is; that is inserted last and deleted first.

use bytes::Bytes;
use futures_util::TryStreamExt;
use mongodb::bson::oid::ObjectId;
use mongodb::bson::spec::BinarySubtype;
use mongodb::bson::{Binary, Bson, DateTime, Document, RawDocumentBuf, doc, rawdoc};
use mongodb::{Collection, Database, IndexModel};
use reelmill_core::Key;
use reelmill_core::ports::ObjectsError;

use super::claim::{Claim, Claims};
use super::failure::{answered, code, unusable, within};

/// What all drivers cut files into, unless told otherwise.
pub(super) const CHUNK_BYTES: usize = 255 * 1024;

/// How many chunks one command takes away, so that each is over soon however large the file.
const DELETED_AT_ONCE: i64 = 1024;

/// The server's numbers for an index that is there already under another name or with other options.
const INDEX_IS_THERE: [i32; 2] = [85, 86];

/// The files of a database.
#[derive(Debug, Clone)]
pub(super) struct Bucket {
    pub(super) files: Collection<Document>,
    pub(super) chunks: Collection<RawDocumentBuf>,
    pub(super) claims: Claims,
}

/// A file that is there.
#[derive(Debug, Clone)]
pub(super) struct File {
    pub(super) id: Bson,
    pub(super) size_bytes: u64,
    pub(super) chunk_bytes: u64,
}

impl Bucket {
    pub(super) fn new(database: &Database) -> Self {
        Self {
            files: database.collection("fs.files"),
            chunks: database.collection("fs.chunks"),
            claims: Claims::new(database),
        }
    }

    /// Makes the indexes that the layout has.
    pub(super) async fn prepare(&self) -> Result<(), ObjectsError> {
        let by_name = IndexModel::builder().keys(doc! { "filename": 1, "uploadDate": 1 }).build();
        let mut by_place = IndexModel::builder().keys(doc! { "files_id": 1, "n": 1 }).build();
        by_place.options = Some(mongodb::options::IndexOptions::builder().unique(true).build());
        made(answered("making an index", self.files.create_index(by_name).into_future()).await?)?;
        made(answered("making an index", self.chunks.create_index(by_place).into_future()).await?)
    }

    /// The file of that key. Where there are several, it is the one that holds the claim, not that of a writer which
    /// lost and has not taken it back; where other programs wrote them all, the newest.
    pub(super) async fn find(&self, key: &Key) -> Result<File, ObjectsError> {
        let named = doc! { "filename": key.as_str() };
        let newest = self.files.find(named).sort(doc! { "uploadDate": -1 }).limit(2);
        let cursor = within("looking for a file", newest).await?;
        let found: Vec<Document> = within("looking for a file", cursor.try_collect()).await?;
        let held = if found.len() > 1 { self.find_held(key).await? } else { None };
        let file = held.or_else(|| found.into_iter().next());
        file.map_or_else(|| Err(ObjectsError::NotFound(key.clone())), |file| File::parse(&file))
    }

    async fn find_held(&self, key: &Key) -> Result<Option<Document>, ObjectsError> {
        let Some(holder) = self.claims.find(key).await?.and_then(|claim| claim.holder()) else {
            return Ok(None);
        };
        within("looking for a file", self.files.find_one(doc! { "_id": holder, "filename": key.as_str() }))
            .await
    }

    /// Whether there is a file of that key, of whatever writer.
    pub(super) async fn has(&self, key: &Key) -> Result<bool, ObjectsError> {
        let named = doc! { "filename": key.as_str() };
        Ok(within("looking for a file", self.files.find_one(named)).await?.is_some())
    }

    /// Whether that very file is there.
    pub(super) async fn has_file(&self, id: &Bson) -> Result<bool, ObjectsError> {
        Ok(within("looking for a file", self.files.find_one(doc! { "_id": id.clone() })).await?.is_some())
    }

    /// Makes a file visible.
    pub(super) async fn publish(&self, id: ObjectId, key: &Key, size_bytes: u64) -> Result<(), ObjectsError> {
        let length = i64::try_from(size_bytes).map_err(|_| ObjectsError::OutOfRange)?;
        let chunk_bytes = i32::try_from(CHUNK_BYTES).map_err(|_| ObjectsError::OutOfRange)?;
        let file = doc! {
            "_id": id, "length": length, "chunkSize": chunk_bytes, "uploadDate": DateTime::now(), "filename": key.as_str(),
        };
        within("finishing", self.files.insert_one(file)).await.map(drop)
    }

    /// Adds chunks, `first` and those behind it.
    pub(super) async fn append(&self, id: ObjectId, first: i32, bytes: &[u8]) -> Result<(), ObjectsError> {
        let chunk = |(n, bytes): (i32, &[u8])| {
            let data = Binary { subtype: BinarySubtype::Generic, bytes: bytes.to_vec() };
            rawdoc! { "_id": ObjectId::new(), "files_id": id, "n": n, "data": data }
        };
        let chunks: Vec<_> = (first..).zip(bytes.chunks(CHUNK_BYTES)).map(chunk).collect();
        within("writing", self.chunks.insert_many(chunks)).await.map(drop)
    }

    /// The bytes of one chunk.
    pub(super) async fn chunk(&self, id: ObjectId, n: i32) -> Result<Vec<u8>, ObjectsError> {
        let chunk = within("reading", self.chunks.find_one(doc! { "files_id": id, "n": n })).await?;
        let chunk = chunk.ok_or_else(|| ObjectsError::Corrupt(format!("chunk {n} is missing")))?;
        data(&chunk)
            .map(<[u8]>::to_vec)
            .ok_or_else(|| ObjectsError::Corrupt(format!("chunk {n} has no bytes")))
    }

    /// Puts other bytes into one chunk.
    pub(super) async fn replace(&self, id: ObjectId, n: i32, bytes: Vec<u8>) -> Result<(), ObjectsError> {
        let data = Binary { subtype: BinarySubtype::Generic, bytes };
        let (place, change) = (doc! { "files_id": id, "n": n }, doc! { "$set": { "data": data } });
        let changed = within("writing", self.chunks.update_one(place, change)).await?;
        if changed.matched_count == 1 {
            Ok(())
        } else {
            Err(ObjectsError::Corrupt(format!("chunk {n} is missing")))
        }
    }

    /// The bytes of the chunks from `first` to before `end`, in order and as many as are there.
    pub(super) async fn chunks(
        &self,
        id: &Bson,
        first: i64,
        end: i64,
    ) -> Result<Vec<(i64, Bytes)>, ObjectsError> {
        let wanted = doc! { "files_id": id.clone(), "n": { "$gte": first, "$lt": end } };
        let cursor =
            within("reading", self.chunks.find(wanted).sort(doc! { "n": 1 }).limit(end - first)).await?;
        let found: Vec<RawDocumentBuf> = within("reading", cursor.try_collect()).await?;
        let parse =
            |chunk: &RawDocumentBuf| Some((number(chunk, "n")?, Bytes::copy_from_slice(data(chunk)?)));
        found
            .iter()
            .map(|chunk| {
                parse(chunk)
                    .ok_or_else(|| ObjectsError::Corrupt("a chunk has no place or no bytes".to_owned()))
            })
            .collect()
    }

    /// Takes a file's chunks away.
    pub(super) async fn free(&self, id: &Bson) -> Result<(), ObjectsError> {
        loop {
            let last = self
                .chunks
                .find_one(doc! { "files_id": id.clone() })
                .sort(doc! { "n": -1 })
                .projection(doc! { "n": 1 });
            let Some(last) = within("deleting", last).await? else { return Ok(()) };
            let mut some = doc! { "files_id": id.clone() };
            if let Some(n) = number(&last, "n") {
                some.insert("n", doc! { "$gt": n.saturating_sub(DELETED_AT_ONCE) });
            }
            within("deleting", self.chunks.delete_many(some)).await?;
        }
    }

    /// Takes away whatever there is of a key: files, chunks with and without a file, and who claims it.
    pub(super) async fn delete(&self, key: &Key) -> Result<(), ObjectsError> {
        // Whoever begins to write it or finishes in the meantime has changed the claim: then once more.
        for _ in 0..16 {
            let claim = self.claims.find(key).await?;
            let mut ids = claim.as_ref().map(Claim::writers).unwrap_or_default();
            let named = self.files.find(doc! { "filename": key.as_str() }).projection(doc! { "_id": 1 });
            let files: Vec<Document> =
                within("deleting", within("deleting", named).await?.try_collect()).await?;
            for id in files.iter().filter_map(|file| file.get("_id")) {
                within("deleting", self.files.delete_one(doc! { "_id": id.clone() })).await?;
                if !ids.contains(id) {
                    ids.push(id.clone());
                }
            }
            for id in &ids {
                self.free(id).await?;
            }
            if self.claims.drop_unchanged(key, claim.as_ref()).await? {
                return Ok(());
            }
        }
        Err(ObjectsError::Unavailable(format!("deleting: `{key}` is being written over and over")))
    }

    /// Takes back a file that lost, and what it consists of.
    pub(super) async fn take_back(&self, id: ObjectId) -> Result<(), ObjectsError> {
        within("giving up", self.files.delete_one(doc! { "_id": id })).await?;
        self.free(&Bson::ObjectId(id)).await
    }
}

impl File {
    fn parse(file: &Document) -> Result<Self, ObjectsError> {
        let damaged = |what: &str| ObjectsError::Corrupt(format!("a file without {what}"));
        let whole = |name: &str| whole_number(file.get(name)).and_then(|number| u64::try_from(number).ok());
        Ok(Self {
            id: file.get("_id").cloned().ok_or_else(|| damaged("an id"))?,
            size_bytes: whole("length").ok_or_else(|| damaged("a length"))?,
            chunk_bytes: whole("chunkSize")
                .filter(|bytes| *bytes > 0)
                .ok_or_else(|| damaged("a chunk size"))?,
        })
    }
}

/// A number, in whichever of the three ways that programs write it.
fn whole_number(value: Option<&Bson>) -> Option<i64> {
    match value? {
        Bson::Int32(number) => Some((*number).into()),
        Bson::Int64(number) => Some(*number),
        // The shell's numbers are doubles. Those that are whole are exact far beyond any file.
        #[expect(clippy::cast_possible_truncation, reason = "just compared")]
        Bson::Double(number) if number.fract() == 0.0 && number.abs() < 9e15 => Some(*number as i64),
        _ => None,
    }
}

fn number(chunk: &RawDocumentBuf, name: &str) -> Option<i64> {
    let value = chunk.get(name).ok()??;
    whole_number(Some(&value.try_into().ok()?))
}

fn data(chunk: &RawDocumentBuf) -> Option<&[u8]> {
    chunk.get_binary("data").ok().map(|data| data.bytes)
}

fn made<T>(answer: Result<T, mongodb::error::Error>) -> Result<(), ObjectsError> {
    match answer {
        Err(error) if !code(&error).is_some_and(|code| INDEX_IS_THERE.contains(&code)) => {
            Err(unusable("making an index", &error))
        }
        _ => Ok(()),
    }
}
