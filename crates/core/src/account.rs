//! Who is who: accounts, their API keys, and the tokens that ended before their time.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{ApiKeyId, Timestamp, UserId};

/// What an account may do. Each role may do what the ones before it may.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Watches what is published.
    Guest,
    /// Uploads and converts.
    Member,
    /// Sees and does all.
    Admin,
}

impl Role {
    /// The role's name on every door.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Guest => "guest",
            Self::Member => "member",
            Self::Admin => "admin",
        }
    }
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct User {
    /// Its identity.
    pub id: UserId,
    /// The integer that the contracts of the video site and the tasks know it by; unique in a catalog.
    pub number: i64,
    /// The address as it was given. Unique, compared in lower case.
    pub email: String,
    /// The name to be called by. Unique, compared in lower case, and never equal to another's address.
    pub name: String,
    /// What it may do.
    pub role: Role,
    /// The argon2id hash in PHC form; `None` for an account that nobody signs in to.
    pub password_hash: Option<PasswordHash>,
    /// Tokens carry the epoch they were made in and are good in that one only.
    pub epoch: u64,
    /// Whether it wants to be written to of its jobs where no contract promises that anyway.
    #[serde(default)]
    pub email_notifications: bool,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counted up by every write; a write names the one it replaces.
    pub version: u64,
}

/// A password's hash. It cannot be printed by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PasswordHash(String);

impl PasswordHash {
    /// The hash in PHC form, for whoever verifies a password.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl From<String> for PasswordHash {
    fn from(phc: String) -> Self {
        Self(phc)
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

/// The right to call the API in an account's name, without a password.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApiKey {
    /// Its identity, which may be shown.
    pub id: ApiKeyId,
    /// Whose it is.
    pub user_id: UserId,
    /// What its owner calls it.
    pub name: String,
    /// BLAKE3 of the secret in lower-case hex: the secret is 256 random bits, so no slow hash is needed.
    pub secret_hash: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A token that its holder gave back. It is kept until it would have expired by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EndedToken {
    /// The token's `jti`.
    pub jti: String,
    /// When the token expires, and this record with it.
    pub expires_at: Timestamp,
}
