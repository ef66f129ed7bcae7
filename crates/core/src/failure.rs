//! What can go wrong, as a user is told it.

use serde::{Deserialize, Serialize};

/// The one kind of error of a request. Each wire format maps it once: HTTP to a problem document, gRPC to a code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The request itself is wrong and will stay so.
    Invalid,
    /// Nobody is signed in, or with a wrong password or token.
    Unauthenticated,
    /// Signed in, but not allowed.
    Forbidden,
    /// There is nothing of that name for this caller.
    NotFound,
    /// The state of things does not allow it.
    Conflict,
    /// More bytes than are taken here.
    TooLarge,
    /// The bytes are not media.
    NotMedia,
    /// Understood, but it cannot be done with this input: a codec that is not read, a setting out of range.
    Unprocessable,
    /// The sender was too slow.
    Timeout,
    /// Too much at once; later it will do.
    Busy,
    /// Something behind the service cannot be reached; later it will do.
    Unavailable,
    /// A fault of ours. No internals are told.
    Internal,
}

/// Why a job failed, as /v1 spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A format, codec or setting that this build does not read or write.
    Unsupported,
    /// The bytes are damaged or cut.
    Corrupt,
    /// A limit was passed.
    Limit,
    /// Where the media should have come from did not give it.
    Source,
    /// The deadline passed.
    Timeout,
    /// A fault of ours.
    Internal,
}

impl FailureKind {
    /// The kind as /v1 spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Unsupported => "unsupported",
            Self::Corrupt => "corrupt",
            Self::Limit => "limit",
            Self::Source => "source",
            Self::Timeout => "timeout",
            Self::Internal => "internal",
        }
    }
}

/// Why a job failed, in a sentence that its user may read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// The class of the reason.
    pub kind: FailureKind,
    /// One sentence; names the thing and says what to do where something can be done.
    pub message: String,
}

impl Failure {
    /// A failure of `kind` with its sentence.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
