//! The converter: from an object to a new object of another format.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use thiserror::Error;

use crate::ports::{ObjectWriter, Objects, ObjectsError};
use crate::{Failure, FailureKind, Format, Key, MediaInfo, Profile};

/// What understands media.
#[async_trait]
pub trait Converter: Send + Sync {
    /// What is in the file. A file without audio that can be converted is no error: its `unreadable` says why.
    ///
    /// # Errors
    /// `NotMedia`, `Corrupt`, or `Store` where the bytes could not be had.
    async fn probe(&self, input: &Input) -> Result<MediaInfo, ConverterError>;

    /// What would be done, in a sentence that says why. Pure: it reads nothing.
    ///
    /// # Errors
    /// `Unsupported` or `Setting`.
    fn plan(&self, info: &MediaInfo, profile: &Profile) -> Result<String, ConverterError>;

    /// Converts, writing the result into `output` without finishing it. Memory is bounded whatever the input. A
    /// panic inside is an error of this conversion alone. Ends within 100 ms of a cancel.
    async fn convert(
        &self,
        conversion: Conversion,
        output: &mut dyn ObjectWriter,
    ) -> Result<Converted, ConverterError>;

    /// The formats that it writes.
    fn writes(&self) -> Vec<Format>;

    /// The inputs that it reads, as short names for people: containers and codecs.
    fn reads(&self) -> Vec<String>;
}

/// An object to be read.
#[derive(Clone)]
pub struct Input {
    /// The store.
    pub objects: Arc<dyn Objects>,
    /// The object's key.
    pub key: Key,
    /// Its size.
    pub size_bytes: u64,
    /// The file name that its sender gave, a hint at best.
    pub name: String,
}

/// A conversion to be done.
#[derive(Clone)]
pub struct Conversion {
    /// From what.
    pub input: Input,
    /// To what.
    pub profile: Profile,
    /// Told how much is done, 0 to 1; may be called from any thread, and must be quick.
    pub progress: OnProgress,
    /// Set by whoever wants it to end.
    pub cancel: Cancel,
}

/// Takes progress, 0 to 1.
pub type OnProgress = Arc<dyn Fn(f64) + Send + Sync>;

/// A wish to stop, shared between those who wish and those who work.
#[derive(Debug, Clone, Default)]
pub struct Cancel(Arc<AtomicBool>);

impl Cancel {
    /// Wishes the work to stop. There is no way back.
    pub fn cancel(&self) {
        self.0.store(true, Ordering::Relaxed);
    }

    /// Whether somebody wishes so.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    /// The flag itself, for code that knows flags only.
    #[must_use]
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.0)
    }
}

/// A conversion that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Converted {
    /// How long the result plays.
    pub duration_ms: u64,
    /// What was done, as [`Converter::plan`] says it.
    pub plan: String,
    /// What its user should know, as "the cover was left out: it is larger than 4 MiB".
    pub notes: Vec<String>,
}

/// What a caller of a converter may see. Messages may be read by users.
#[derive(Debug, Error)]
pub enum ConverterError {
    /// Not a media file, or an empty one.
    #[error("{0}")]
    NotMedia(String),
    /// Damaged or cut.
    #[error("{0}")]
    Corrupt(String),
    /// A codec or container that this build does not read or write, or no audio at all.
    #[error("{0}")]
    Unsupported(String),
    /// A setting that the format cannot have.
    #[error("{0}")]
    Setting(String),
    /// A limit was passed.
    #[error("{0}")]
    Limit(String),
    /// Somebody wished it to stop.
    #[error("the conversion was cancelled")]
    Cancelled,
    /// The bytes could not be had or kept.
    #[error(transparent)]
    Store(#[from] ObjectsError),
    /// There is no room for it beside what is under way.
    #[error("{0}")]
    Busy(String),
    /// A fault of ours.
    #[error("{0}")]
    Internal(String),
}

impl ConverterError {
    /// Whether the same call may do better later.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        match self {
            Self::Store(inner) => inner.is_transient(),
            Self::Busy(_) => true,
            Self::NotMedia(_)
            | Self::Corrupt(_)
            | Self::Unsupported(_)
            | Self::Setting(_)
            | Self::Limit(_)
            | Self::Cancelled
            | Self::Internal(_) => false,
        }
    }

    /// The error as a job's failure. What only the log may have is left out.
    #[must_use]
    pub fn to_failure(&self) -> Failure {
        let kind = match self {
            Self::NotMedia(_) | Self::Unsupported(_) | Self::Setting(_) => FailureKind::Unsupported,
            Self::Corrupt(_) => FailureKind::Corrupt,
            Self::Limit(_) => FailureKind::Limit,
            Self::Cancelled | Self::Store(_) | Self::Busy(_) | Self::Internal(_) => FailureKind::Internal,
        };
        let message = match self {
            Self::Store(ObjectsError::Full(_)) => "the store is full".to_owned(),
            Self::Store(_) => "the store could not be used".to_owned(),
            Self::Internal(_) => "the converter failed; the operator's log says more".to_owned(),
            told => told.to_string(),
        };
        Failure::new(kind, message)
    }
}
