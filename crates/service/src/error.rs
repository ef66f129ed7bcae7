//! The one error of the service: a kind for the machines, a sentence for the user, and a cause for the log.

use std::time::Duration;

use reelmill_core::ports::{
    CatalogError, ConverterError, DoorbellError, ObjectsError, PictureError, SourceError,
};
use reelmill_core::{Kind, Obstacle, Refused};
use thiserror::Error;

/// A request that could not be done.
#[derive(Debug, Error)]
#[error("{detail}")]
pub struct Error {
    /// What sort of error.
    pub kind: Kind,
    /// The problem's short name, which the documentation explains: the last segment of its `type`.
    pub problem: &'static str,
    /// One sentence for the user: what is wrong, and what to do where something can be done.
    pub detail: String,
    /// What only the log may have.
    pub cause: Option<String>,
    /// What kept a source from giving its media, where it was the source.
    pub obstacle: Option<Obstacle>,
    /// When the same request may do better, where that is known.
    pub retry_after: Option<Duration>,
}

impl Error {
    /// An error with its sentence.
    #[must_use]
    pub fn new(kind: Kind, problem: &'static str, detail: impl Into<String>) -> Self {
        Self { kind, problem, detail: detail.into(), cause: None, obstacle: None, retry_after: None }
    }

    /// The same error with its cause.
    #[must_use]
    pub fn because(mut self, cause: &(impl ToString + ?Sized)) -> Self {
        self.cause = Some(cause.to_string());
        self
    }

    /// The request is wrong in itself.
    #[must_use]
    pub fn invalid(detail: impl Into<String>) -> Self {
        Self::new(Kind::Invalid, "invalid-request", detail)
    }

    /// There is none, or none for this caller.
    #[must_use]
    pub fn not_found(what: &str) -> Self {
        Self::new(Kind::NotFound, "not-found", format!("there is no such {what}"))
    }

    /// The role does not reach.
    #[must_use]
    pub fn forbidden(detail: impl Into<String>) -> Self {
        Self::new(Kind::Forbidden, "forbidden", detail)
    }

    #[expect(clippy::needless_pass_by_value, reason = "made to be given to `map_err`")]
    pub(crate) fn internal(cause: impl ToString) -> Self {
        Self::new(Kind::Internal, "internal", "something went wrong here; the operator's log says more")
            .because(&cause)
    }

    fn unavailable(what: &str, cause: &impl ToString) -> Self {
        let detail = format!("the {what} cannot be used right now; try again in a few seconds");
        Self::new(Kind::Unavailable, "unavailable", detail).because(cause)
    }
}

impl From<CatalogError> for Error {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::NotFound => Self::not_found("record"),
            CatalogError::Conflict => {
                Self::new(Kind::Conflict, "conflict", "somebody changed it at the same moment; try again")
            }
            CatalogError::Unavailable(_) => Self::unavailable("catalog", &error),
            CatalogError::Corrupt(_) | CatalogError::TooNew { .. } => Self::internal(error),
        }
    }
}

impl From<ObjectsError> for Error {
    fn from(error: ObjectsError) -> Self {
        match error {
            ObjectsError::Full(_) => {
                Self::new(Kind::Unavailable, "store-full", "the store is full; the operator has to make room")
                    .because(&error)
            }
            ObjectsError::Unavailable(_) => Self::unavailable("store", &error),
            ObjectsError::NotFound(_)
            | ObjectsError::Conflict(_)
            | ObjectsError::OutOfRange
            | ObjectsError::Corrupt(_) => Self::internal(error),
        }
    }
}

impl From<DoorbellError> for Error {
    fn from(error: DoorbellError) -> Self {
        Self::unavailable("doorbell", &error)
    }
}

impl From<ConverterError> for Error {
    fn from(error: ConverterError) -> Self {
        match error {
            ConverterError::NotMedia(detail) => Self::new(Kind::NotMedia, "not-media", detail),
            ConverterError::Corrupt(detail) => Self::new(Kind::Unprocessable, "corrupt", detail),
            ConverterError::Unsupported(detail) => Self::new(Kind::Unprocessable, "unsupported", detail),
            ConverterError::Setting(detail) => Self::new(Kind::Unprocessable, "bad-setting", detail),
            ConverterError::Limit(detail) => Self::new(Kind::Unprocessable, "limit", detail),
            ConverterError::Store(inner) => inner.into(),
            ConverterError::Busy(detail) => Self::new(Kind::Unavailable, "unavailable", detail),
            ConverterError::Cancelled | ConverterError::Internal(_) => Self::internal(error),
        }
    }
}

impl From<Refused> for Error {
    fn from(refused: Refused) -> Self {
        Self::new(Kind::Conflict, "wrong-state", refused.to_string())
    }
}

impl From<PictureError> for Error {
    fn from(error: PictureError) -> Self {
        match error {
            PictureError::NotPicture(detail) => Self::new(Kind::NotMedia, "not-a-picture", detail),
            PictureError::TooLarge(detail) => Self::new(Kind::TooLarge, "too-large", detail),
            PictureError::Internal(_) => Self::internal(error),
        }
    }
}

impl From<SourceError> for Error {
    fn from(error: SourceError) -> Self {
        match error {
            SourceError::Obstacle { obstacle, message, .. } => {
                let (kind, problem) = of_obstacle(obstacle);
                Self { obstacle: Some(obstacle), ..Self::new(kind, problem, message) }
            }
            SourceError::Store(inner) => inner.into(),
            SourceError::Cancelled | SourceError::Internal(_) => Self::internal(error),
        }
    }
}

const fn of_obstacle(obstacle: Obstacle) -> (Kind, &'static str) {
    match obstacle {
        Obstacle::NotFound | Obstacle::Removed => (Kind::NotFound, "nothing-found"),
        Obstacle::Unsupported
        | Obstacle::Private
        | Obstacle::AgeRestricted
        | Obstacle::GeoBlocked
        | Obstacle::Live
        | Obstacle::TooLong
        | Obstacle::TooLarge
        | Obstacle::Playlist
        | Obstacle::Forbidden => (Kind::Unprocessable, "source-refused"),
        Obstacle::BotCheck | Obstacle::Quota | Obstacle::BadKey => (Kind::Upstream, "source-failed"),
        Obstacle::RateLimited | Obstacle::Unreachable | Obstacle::ToolMissing => {
            (Kind::Unavailable, "source-unavailable")
        }
    }
}
