//! Media that a source found and nobody has fetched yet.

use serde::{Deserialize, Serialize};

/// Where a media is to be fetched from, and what is known of it before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Found {
    /// Who has it.
    pub platform: Platform,
    /// The platform's own id; for an address of the wide web, one that we derive from the address.
    pub id: String,
    /// Where it is.
    pub url: String,
    /// Its title, where known.
    pub title: Option<String>,
    /// How long it plays, where known.
    pub duration_ms: Option<u64>,
    /// A picture of it.
    pub thumbnail_url: Option<String>,
}

impl Found {
    /// This one, its gaps filled with what `other` knows of the same media.
    #[must_use]
    pub fn or(self, other: &Self) -> Self {
        Self {
            title: self.title.or_else(|| other.title.clone()),
            duration_ms: self.duration_ms.or(other.duration_ms),
            thumbnail_url: self.thumbnail_url.or_else(|| other.thumbnail_url.clone()),
            ..self
        }
    }
}

/// Who has a media.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Platform {
    /// YouTube.
    Youtube,
    /// Any other address.
    Web,
}

impl Platform {
    /// The platform as the music bot's contract spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Youtube => "Youtube",
            Self::Web => "Web",
        }
    }
}
