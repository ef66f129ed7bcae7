//! How a setting's text becomes a value, and how it may be shown.

use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::PathBuf;
use std::time::Duration;

use super::units::{bytes_of, duration_of};

/// A type that a setting can have.
pub(crate) trait Value: Sized {
    /// What is expected, as the end of the sentence "expected …".
    const EXPECTED: &'static str;

    /// Reads the text, or gives nothing where it is not what is expected.
    fn parse(text: &str) -> Option<Self>;

    /// The value where nothing is set and there is no default.
    fn absent() -> Option<Self> {
        None
    }

    /// The text as anybody may see it.
    fn shown(text: &str) -> String {
        text.to_owned()
    }
}

impl<T: Value> Value for Option<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn parse(text: &str) -> Option<Self> {
        T::parse(text).map(Some)
    }

    fn absent() -> Option<Self> {
        Some(None)
    }

    fn shown(text: &str) -> String {
        T::shown(text)
    }
}

impl<T: Value> Value for Vec<T> {
    const EXPECTED: &'static str = T::EXPECTED;

    fn parse(text: &str) -> Option<Self> {
        text.split(',').map(str::trim).filter(|item| !item.is_empty()).map(T::parse).collect()
    }

    fn absent() -> Option<Self> {
        Some(Self::new())
    }
}

impl Value for Duration {
    const EXPECTED: &'static str = "a duration such as 250ms, 15s or 6h";

    fn parse(text: &str) -> Option<Self> {
        duration_of(text)
    }
}

impl Value for bool {
    const EXPECTED: &'static str = "true or false";

    fn parse(text: &str) -> Option<Self> {
        text.parse().ok()
    }
}

/// A size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

impl Value for Bytes {
    const EXPECTED: &'static str = "a size such as 8GiB, 64MiB or a number of bytes";

    fn parse(text: &str) -> Option<Self> {
        bytes_of(text).map(Self)
    }
}

impl Value for NonZeroU16 {
    const EXPECTED: &'static str = "a whole number from 1 to 65535";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

impl Value for SocketAddr {
    const EXPECTED: &'static str = "an address and a port such as 127.0.0.1:8080 or [::1]:8080";

    fn parse(text: &str) -> Option<Self> {
        text.trim().parse().ok()
    }
}

impl Value for PathBuf {
    const EXPECTED: &'static str = "a path";

    fn parse(text: &str) -> Option<Self> {
        (!text.is_empty() && !text.contains('\0')).then(|| Self::from(text))
    }
}
