//! Versions of yt-dlp: dates, sometimes with a revision.

use std::fmt;

/// A version that compares.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version(Vec<u32>);

impl Version {
    /// The oldest that will do: the first that fetches from YouTube with an outside JavaScript runtime, as YouTube
    /// has wanted since. Older ones also lack the switch that turns plugins off, and those before 2023.11.14 let a page
    /// choose the proxy.
    pub(super) fn minimum() -> Self {
        Self(vec![2025, 11, 12])
    }

    /// Reads `2026.10.26`, with or without a revision behind it.
    pub(super) fn parse(text: &str) -> Option<Self> {
        const MOST: usize = 40;
        let text = text.trim();
        let parts: Option<Vec<u32>> = text.split('.').map(|part| part.parse().ok()).collect();
        parts.filter(|parts| (3..=4).contains(&parts.len()) && text.len() <= MOST).map(Self)
    }
}

impl fmt::Display for Version {
    /// As yt-dlp says it: months and days have two digits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, part) in self.0.iter().enumerate() {
            match index {
                0 => write!(f, "{part}")?,
                1 | 2 => write!(f, ".{part:02}")?,
                _ => write!(f, ".{part}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::Version;

    fn version(text: &str) -> Version {
        Version::parse(text).unwrap()
    }

    #[test]
    fn later_days_are_newer_however_they_are_spelled() {
        assert!(version("2026.10.26") > version("2026.9.30"));
        assert_eq!(version("2026.09.30"), version("2026.9.30\n"));
        assert!(version("2026.09.30.232900") > version("2026.09.30"));
        assert!(version("2025.11.12") >= Version::minimum());
        assert!(version("2025.10.22") < Version::minimum());
        assert_eq!(version("2026.9.3").to_string(), "2026.09.03");
    }

    #[test]
    fn what_is_no_version_is_none() {
        for text in ["", "2026", "2026.10", "v2026.10.26", "../../x", "2026.10.26/..", "usage: yt-dlp"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
