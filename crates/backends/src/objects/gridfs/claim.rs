//! Who writes a key, and who has written it: a collection of ours beside the files, a document a key.
//!
//! The layout lets any number of files have one name, so what makes a key unique is here. A writer is on record before
//! its first chunk, so that whatever a dead one left is found by the key. To finish, it takes hold of the claim, makes
//! its file visible, and seals the claim if it still holds it. Hold can be taken from a writer that has not sealed, as
//! it may be dead; of two that are not, one seals and the other takes its file back.

use mongodb::bson::oid::ObjectId;
use mongodb::bson::{Bson, Document, doc};
use mongodb::{Collection, Database};
use reelmill_core::Key;
use reelmill_core::ports::ObjectsError;

use super::failure::{answered, is_duplicate, unusable, within};

/// The claims of a database: `{_id: key, writers: [file id], holder: file id, sealed: true}`.
#[derive(Debug, Clone)]
pub(super) struct Claims(Collection<Document>);

/// A key's record.
pub(super) struct Claim(Document);

impl Claims {
    pub(super) fn new(database: &Database) -> Self {
        Self(database.collection("reelmill.claims"))
    }

    /// Puts a writer on record.
    ///
    /// # Errors
    /// `Conflict` where the key is written already.
    pub(super) async fn enter(&self, key: &Key, writer: ObjectId) -> Result<(), ObjectsError> {
        let open = doc! { "_id": key.as_str(), "sealed": { "$ne": true } };
        // Two that make the document at the same moment get in each other's way once; a sealed one, always.
        for _ in 0..16 {
            let entered =
                self.0.update_one(open.clone(), doc! { "$push": { "writers": writer } }).upsert(true);
            match answered("creating", entered.into_future()).await? {
                Ok(_) => return Ok(()),
                Err(error) if !is_duplicate(&error) => return Err(unusable("creating", &error)),
                Err(_) => {
                    if self.find(key).await?.is_some_and(|claim| claim.is_sealed()) {
                        return Err(ObjectsError::Conflict(key.clone()));
                    }
                }
            }
        }
        Err(ObjectsError::Unavailable(format!("creating: `{key}` is wanted by too many")))
    }

    /// Takes hold for a writer that is on record; whether it did.
    pub(super) async fn take(&self, key: &Key, writer: ObjectId) -> Result<bool, ObjectsError> {
        let open = doc! { "_id": key.as_str(), "writers": writer, "sealed": { "$ne": true } };
        let taken =
            within("finishing", self.0.update_one(open, doc! { "$set": { "holder": writer } })).await?;
        Ok(taken.matched_count == 1)
    }

    /// Gives the key to a writer for good, unless another has taken hold since; whether it did.
    pub(super) async fn seal(&self, key: &Key, writer: ObjectId) -> Result<bool, ObjectsError> {
        let held = doc! { "_id": key.as_str(), "holder": writer, "sealed": { "$ne": true } };
        let sealed =
            within("finishing", self.0.update_one(held, doc! { "$set": { "sealed": true } })).await?;
        Ok(sealed.matched_count == 1)
    }

    /// Takes a writer off the record that has left nothing.
    pub(super) async fn leave(&self, key: &Key, writer: ObjectId) -> Result<(), ObjectsError> {
        let named = doc! { "_id": key.as_str() };
        within("giving up", self.0.update_one(named, doc! { "$pull": { "writers": writer } })).await?;
        let empty = doc! { "_id": key.as_str(), "writers": { "$size": 0 }, "sealed": { "$ne": true } };
        within("giving up", self.0.delete_one(empty)).await.map(drop)
    }

    /// The record as it is now.
    pub(super) async fn find(&self, key: &Key) -> Result<Option<Claim>, ObjectsError> {
        let found = within("looking for a claim", self.0.find_one(doc! { "_id": key.as_str() })).await?;
        Ok(found.map(Claim))
    }

    /// Deletes the record if nobody has entered and nobody has sealed since it was read; whether that is so.
    pub(super) async fn drop_unchanged(&self, key: &Key, read: Option<&Claim>) -> Result<bool, ObjectsError> {
        let Some(Claim(read)) = read else { return Ok(self.find(key).await?.is_none()) };
        let field = |name: &str| read.get(name).cloned().unwrap_or(Bson::Null);
        let same = doc! { "_id": key.as_str(), "writers": field("writers"), "sealed": field("sealed") };
        Ok(within("deleting", self.0.delete_one(same)).await?.deleted_count == 1)
    }
}

impl Claim {
    /// Whether it is a writer's for good.
    pub(super) fn is_sealed(&self) -> bool {
        self.0.get_bool("sealed").unwrap_or_default()
    }

    /// Who holds it, sealed or not.
    pub(super) fn holder(&self) -> Option<ObjectId> {
        self.0.get_object_id("holder").ok()
    }

    /// All who are on record.
    pub(super) fn writers(&self) -> Vec<Bson> {
        self.0.get_array("writers").cloned().unwrap_or_default()
    }
}
