//! An object's name in the store.
//!
//! A key is data that becomes a path on one store and a URL on another, so it is checked once, here: a value
//! of this type can name nothing outside its store.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The longest key, in bytes: S3's limit of 1,024 less room for a deployment's prefix.
const MAX_BYTES: usize = 768;

/// Segments joined by `/`, none of them empty, `.`, `..` or with a control character or backslash.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Key(String);

/// Why a text is no key.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("`{0}` is not an object key")]
pub struct BadKey(String);

impl Key {
    /// The key as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Self, BadKey> {
        let sound = |segment: &str| {
            !matches!(segment, "" | "." | "..") && !segment.contains(|c: char| c.is_control() || c == '\\')
        };
        if text.len() <= MAX_BYTES && text.split('/').all(sound) {
            Ok(Self(text.to_owned()))
        } else {
            Err(BadKey(text.chars().take(80).collect()))
        }
    }
}

impl TryFrom<String> for Key {
    type Error = BadKey;

    fn try_from(text: String) -> Result<Self, BadKey> {
        text.parse()
    }
}

impl From<Key> for String {
    fn from(key: Key) -> Self {
        key.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_leave_its_store() {
        for bad in ["", "/etc/passwd", "a//b", "../a", "a/../b", "a/.", "a\\b", "a\0b", "a/", "a\nb"] {
            assert!(bad.parse::<Key>().is_err(), "{bad:?} was taken");
        }
        assert!("x".repeat(769).parse::<Key>().is_err());
    }

    #[test]
    fn a_good_key_stays_as_it_is() {
        for good in ["media/0193", "audio/El Día-1.dca", "a.b/c..d"] {
            assert_eq!(good.parse::<Key>().map(String::from).as_deref(), Ok(good));
        }
    }
}
