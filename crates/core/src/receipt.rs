//! The answer that an Idempotency-Key stands for.

use serde::{Deserialize, Serialize};

use crate::{JobId, Timestamp};

/// Written in the commit that makes the job: a request that is sent again finds the job it made, and one that is
/// still under way cannot have left half of itself behind.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The account and the route, as `<user id> POST /v1/jobs`.
    pub scope: String,
    /// The client's key.
    pub key: String,
    /// BLAKE3 of the request's body, lower-case hex: the same key with another body is refused.
    pub body_hash: String,
    /// The job that was made.
    pub job: JobId,
    /// When the key may be used anew.
    pub expires_at: Timestamp,
}
