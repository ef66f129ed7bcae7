//! A moment in UTC, to the millisecond: what every record carries and no rule ever reads from a clock.

use std::fmt;

use serde::{Deserialize, Serialize};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

/// Milliseconds since 1970-01-01T00:00:00Z; shown as RFC 3339.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The moment `ms` milliseconds after the epoch (before it where negative).
    #[must_use]
    pub const fn from_ms(ms: i64) -> Self {
        Self(ms)
    }

    /// The moment that RFC 3339 writes so, to the millisecond; `None` where it is none.
    #[must_use]
    pub fn from_rfc3339(text: &str) -> Option<Self> {
        let moment = OffsetDateTime::parse(text, &Rfc3339).ok()?;
        i64::try_from(moment.unix_timestamp_nanos().div_euclid(1_000_000)).ok().map(Self)
    }

    /// Milliseconds since the epoch.
    #[must_use]
    pub const fn as_ms(self) -> i64 {
        self.0
    }

    /// Whole seconds since the epoch, rounded down: the unit of a JWT's dates.
    #[must_use]
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1000)
    }

    /// The moment `ms` later; stays at the last one that can be told where it would pass it.
    #[must_use]
    pub fn plus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_add(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// The moment `ms` earlier; stays at the first one that can be told where it would pass it.
    #[must_use]
    pub fn minus_ms(self, ms: u64) -> Self {
        Self(self.0.saturating_sub(i64::try_from(ms).unwrap_or(i64::MAX)))
    }

    /// How long after `earlier` this is, in milliseconds; zero where it is not after it.
    #[must_use]
    pub fn ms_since(self, earlier: Self) -> u64 {
        u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = OffsetDateTime::from_unix_timestamp_nanos(i128::from(self.0) * 1_000_000)
            .ok()
            .and_then(|moment| moment.format(&Rfc3339).ok());
        match text {
            Some(text) => f.write_str(&text),
            None => write!(f, "{} ms", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_shown_as_rfc_3339_in_utc() {
        assert_eq!(Timestamp::from_ms(1_763_788_784_250).to_string(), "2025-11-22T05:19:44.25Z");
        assert_eq!(Timestamp::from_ms(0).to_string(), "1970-01-01T00:00:00Z");
    }

    #[test]
    fn is_read_as_it_is_shown_and_in_other_zones() {
        for moment in [Timestamp::from_ms(1_763_788_784_250), Timestamp::from_ms(-1)] {
            assert_eq!(Timestamp::from_rfc3339(&moment.to_string()), Some(moment));
        }
        let same = Timestamp::from_rfc3339("2025-11-22T07:19:44.2509+02:00");
        assert_eq!(same, Some(Timestamp::from_ms(1_763_788_784_250)));
        for text in ["", "yesterday", "2025-11-22", "2025-11-22T05:19:44", "2025-13-22T05:19:44Z"] {
            assert_eq!(Timestamp::from_rfc3339(text), None, "{text}");
        }
    }

    #[test]
    fn arithmetic_stops_at_its_ends() {
        assert_eq!(Timestamp::from_ms(i64::MAX).plus_ms(u64::MAX).as_ms(), i64::MAX);
        assert_eq!(Timestamp::from_ms(-5).minus_ms(u64::MAX).as_ms(), i64::MIN);
        assert_eq!(Timestamp::from_ms(i64::MIN + 1).minus_ms(7).as_ms(), i64::MIN);
        assert_eq!(Timestamp::from_ms(5).ms_since(Timestamp::from_ms(9)), 0);
        assert_eq!(Timestamp::from_ms(-1).as_seconds(), -1);
    }
}
