//! A key is an intent before it is an object.
//!
//! Whoever is about to write an object records the key first and takes the record away in the very commit
//! that makes the object visible. What is left behind by a crash is therefore always on record, and the
//! collector deletes only keys that are recorded here.

use serde::{Deserialize, Serialize};

use crate::{JobId, Key, Timestamp, Token};

/// Who writes the object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holder {
    /// A worker, for as long as its claim on the job is the running one.
    Claim {
        /// The job that is converted.
        job: JobId,
        /// The claim's token.
        token: Token,
    },
    /// A gateway that takes an upload, for as long as it counts up the intent's beats.
    Upload,
    /// Nobody: the object is to be deleted.
    Condemned {
        /// Since when. A writer that has not noticed yet may still bring the object back, so the record stays a while.
        since: Timestamp,
    },
}

/// A key on record that no media and no output names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Intent {
    /// The object's key.
    pub key: Key,
    /// Who writes it.
    pub holder: Holder,
    /// Counted up while an upload lives; whoever sees it stand still for some leases has seen it dead.
    pub beats: u64,
    /// When it was recorded.
    pub created_at: Timestamp,
}
