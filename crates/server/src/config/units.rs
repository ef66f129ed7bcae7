//! Durations and sizes as people write them: `15s`, `250ms`, `6h`, `8GiB`, or plain bytes.

use std::time::Duration;

/// Longer than any setting needs, and short enough that adding it to a clock cannot overflow.
const MAX_MS: u64 = 366 * 24 * 60 * 60 * 1000;

const DURATION_UNITS_MS: [(&str, u64); 5] =
    [("ms", 1), ("s", 1000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

const SIZE_UNITS_BYTES: [(&str, u64); 10] = [
    ("", 1),
    ("B", 1),
    ("kB", 1_000),
    ("MB", 1_000_000),
    ("GB", 1_000_000_000),
    ("TB", 1_000_000_000_000),
    ("KiB", 1 << 10),
    ("MiB", 1 << 20),
    ("GiB", 1 << 30),
    ("TiB", 1 << 40),
];

/// Reads a duration above zero and up to a year, e.g. `90s` or `1m30s`.
pub(crate) fn duration_of(text: &str) -> Option<Duration> {
    let mut total_ms: u64 = 0;
    let mut rest = text.trim();
    while !rest.is_empty() {
        let (number, after) = split_number(rest)?;
        let unit_len = after.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_len);
        let (_, unit_ms) = DURATION_UNITS_MS.into_iter().find(|(name, _)| *name == unit)?;
        total_ms = total_ms.checked_add(number.checked_mul(unit_ms)?)?;
        rest = after.trim_start();
    }
    (1..=MAX_MS).contains(&total_ms).then(|| Duration::from_millis(total_ms))
}

/// Reads a size in bytes above zero, e.g. `8GiB`.
pub(crate) fn bytes_of(text: &str) -> Option<u64> {
    let (number, unit) = split_number(text.trim())?;
    let unit = unit.trim_start();
    let (_, unit_bytes) = SIZE_UNITS_BYTES.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?;
    number.checked_mul(unit_bytes).filter(|bytes| *bytes > 0)
}

fn split_number(text: &str) -> Option<(u64, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(digits);
    Some((number.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read_with_their_units() {
        let table = [
            ("15s", Some(15_000)),
            ("250ms", Some(250)),
            ("6h", Some(21_600_000)),
            ("1m30s", Some(90_000)),
            ("1h 5m", Some(3_900_000)),
            ("15", None),
            ("s", None),
            ("0s", None),
            ("-5s", None),
            ("1.5s", None),
            ("5 parsecs", None),
            ("400d", None),
            ("99999999999999999999s", None),
            ("18446744073709551615d", None),
            ("", None),
        ];
        for (text, expected_ms) in table {
            assert_eq!(duration_of(text), expected_ms.map(Duration::from_millis), "{text}");
        }
    }

    #[test]
    fn sizes_are_read_with_binary_and_decimal_units() {
        let table = [
            ("8GiB", Some(8 << 30)),
            ("64MiB", Some(64 << 20)),
            ("64 mib", Some(64 << 20)),
            ("5MB", Some(5_000_000)),
            ("1024", Some(1024)),
            ("0", None),
            ("many", None),
            ("1.5GiB", None),
            ("99999999TiB", None),
            ("", None),
        ];
        for (text, expected) in table {
            assert_eq!(bytes_of(text), expected, "{text}");
        }
    }
}
