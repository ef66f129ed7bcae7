//! Identities: one type a noun, so that a job's id can never be taken for a media's.
//!
//! All are UUIDs (version 7 where the service makes them, which sort by the time they were made); the
//! outside sees opaque text.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub Uuid);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = uuid::Error;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self)
            }
        }

        impl From<Uuid> for $name {
            fn from(id: Uuid) -> Self {
                Self(id)
            }
        }
    };
}

id!(
    /// An account.
    UserId
);
id!(
    /// An API key; not the secret itself.
    ApiKeyId
);
id!(
    /// An original that was taken in. A video's uuid on the video site is this id.
    MediaId
);
id!(
    /// A conversion.
    JobId
);
id!(
    /// A result.
    OutputId
);
id!(
    /// Something to be told to somebody, once per end of a job and channel.
    NoticeId
);
id!(
    /// A song of the library.
    SongId
);
id!(
    /// One asking for a song.
    OperationId
);
id!(
    /// A program's address that is told of ends of jobs.
    WebhookId
);
id!(
    /// What a webhook is sent, the same at every try.
    DeliveryId
);
