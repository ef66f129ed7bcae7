//! Figures and times in words, as `web/words.js` puts them.

use reelmill_core::Timestamp;

const MONTHS: [&str; 12] =
    ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/// A size as people say it, in powers of ten as file managers and disks do.
pub(super) fn size(bytes: u64) -> String {
    let mut unit = 1_u64;
    let mut names = ["B", "kB", "MB", "GB", "TB"].into_iter();
    let mut name = names.next().unwrap_or_default();
    for larger in names {
        // Rounded, it would have four digits.
        if bytes.saturating_mul(2) < unit.saturating_mul(1999) {
            break;
        }
        (unit, name) = (unit * 1000, larger);
    }
    let tenths = (u128::from(bytes) * 10 + u128::from(unit) / 2) / u128::from(unit);
    if unit > 1 && tenths < 100 {
        format!("{}.{} {name}", tenths / 10, tenths % 10)
    } else {
        format!("{} {name}", (u128::from(bytes) + u128::from(unit) / 2) / u128::from(unit))
    }
}

/// A playing time as players show it.
pub(super) fn duration(ms: u64) -> String {
    let seconds = (ms + 500) / 1000;
    let (hours, minutes, end) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{end:02}") } else { format!("{minutes}:{end:02}") }
}

/// The day of a moment, in UTC.
pub(super) fn day(moment: Timestamp) -> String {
    let text = moment.to_string();
    let mut parts = text.split(['-', 'T']);
    let (year, month, day) = (parts.next(), parts.next(), parts.next());
    let name = month.and_then(|month| MONTHS.get(month.parse::<usize>().ok()?.checked_sub(1)?));
    match (day, name, year) {
        (Some(day), Some(name), Some(year)) => format!("{} {name} {year}", day.trim_start_matches('0')),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_two_or_three_digits() {
        for (bytes, said) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (9949, "9.9 kB"),
            (9950, "10 kB"),
            (999_499, "999 kB"),
            (999_500, "1.0 MB"),
            (1_234_567_890, "1.2 GB"),
            (u64::MAX, "18446744 TB"),
        ] {
            assert_eq!(size(bytes), said);
        }
    }

    #[test]
    fn times_are_as_on_players_and_calendars() {
        assert_eq!(
            [499, 59_500, 3_599_600, 45_296_000].map(duration),
            ["0:00", "1:00", "1:00:00", "12:34:56"]
        );
        assert_eq!(day(Timestamp::from_ms(1_762_300_800_000)), "5 Nov 2025");
        assert_eq!(day(Timestamp::from_ms(i64::MAX)), format!("{} ms", i64::MAX));
    }
}
