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
    /// Too much at once for us; later it will do.
    Busy,
    /// Too much from this caller; later it will do.
    TooMany,
    /// Something behind the service cannot be reached; later it will do.
    Unavailable,
    /// A service of somebody else's answered with what cannot be used.
    Upstream,
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
    /// What kept the source from giving the media, where it was the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub obstacle: Option<Obstacle>,
}

/// What keeps a source from giving its media. Each door has its own words for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Obstacle {
    /// Nothing matches.
    NotFound,
    /// An address that no source understands, or media that it does not give.
    Unsupported,
    /// Its owner keeps it private, or sells it.
    Private,
    /// Shown to grown-ups who signed in.
    AgeRestricted,
    /// Not shown in this server's country.
    GeoBlocked,
    /// The source wants a proof that a person asks.
    BotCheck,
    /// It was there once.
    Removed,
    /// Asked too often; later it will do.
    RateLimited,
    /// Still on air.
    Live,
    /// Plays longer than is taken here.
    TooLong,
    /// Has more bytes than are taken here.
    TooLarge,
    /// A list of many, where one is wanted.
    Playlist,
    /// An address within the operator's own network.
    Forbidden,
    /// A program that it needs is not installed here.
    ToolMissing,
    /// The source's quota for this installation is used up.
    Quota,
    /// The source does not take this installation's key.
    BadKey,
    /// Cannot be reached, or broke off; later it may do.
    Unreachable,
}

impl Obstacle {
    /// Whether the same wish may be granted later.
    #[must_use]
    pub const fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unreachable)
    }
}

impl Failure {
    /// A failure of `kind` with its sentence.
    #[must_use]
    pub fn new(kind: FailureKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), obstacle: None }
    }

    /// The source did not give the media.
    #[must_use]
    pub fn of_source(obstacle: Obstacle, message: impl Into<String>) -> Self {
        Self { kind: FailureKind::Source, message: message.into(), obstacle: Some(obstacle) }
    }
}
