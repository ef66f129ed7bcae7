//! Values as people write them on the command line, and figures as they read them.

use std::time::Duration;

use crate::config::duration_of;

/// Reads `128k` or `128` as kbit/s.
pub(super) fn kbps_of(text: &str) -> Result<u32, String> {
    let number = text.strip_suffix(['k', 'K']).unwrap_or(text);
    let kbps: Option<u32> = number.parse().ok().filter(|kbps| (1..=10_000).contains(kbps));
    kbps.ok_or_else(|| "expected a bit rate in kbit/s such as 128k".to_owned())
}

/// Reads `83.5`, `1:23.5`, `0:01:23` or `1m23s` as milliseconds.
pub(super) fn ms_of(text: &str) -> Result<u64, String> {
    let whole = duration_of(text).map(|span| span.as_millis());
    let ms = whole.or_else(|| clock_ms(text).map(u128::from)).and_then(|ms| u64::try_from(ms).ok());
    ms.ok_or_else(|| "expected a time such as 83.5 (seconds), 1:23.5 or 1m23s".to_owned())
}

fn clock_ms(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let parts: Vec<u64> = whole.split(':').map(digits).collect::<Option<_>>()?;
    let is_clock = parts.len() <= 3 && parts.iter().skip(1).all(|part| *part < 60);
    if !is_clock || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let seconds = parts.iter().try_fold(0_u64, |sum, part| sum.checked_mul(60)?.checked_add(*part))?;
    let thousandths: u64 = format!("{fraction:0<3.3}").parse().ok()?;
    seconds.checked_mul(1000)?.checked_add(thousandths)
}

/// A number of digits alone: `parse` would take a sign, too.
fn digits(text: &str) -> Option<u64> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten()
}

/// Writes a length as `1:02:03` or `0:20`.
pub(super) fn clock(span: Duration) -> String {
    let seconds = span.as_secs() + u64::from(span.subsec_millis() >= 500);
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

/// Writes a size as `313 KiB`.
pub(super) fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let Some((unit, unit_bytes)) = UNITS.into_iter().find(|(_, unit_bytes)| bytes >= *unit_bytes) else {
        return format!("{bytes} bytes");
    };
    let tenths = u128::from(bytes) * 10 / u128::from(unit_bytes);
    if tenths < 100 {
        format!("{}.{} {unit}", tenths / 10, tenths % 10)
    } else {
        format!("{} {unit}", tenths / 10)
    }
}

/// How many times faster than real time `media_ms` of audio were done in `spent`.
pub(super) fn speed(media_ms: u64, spent: Duration) -> f64 {
    Duration::from_millis(media_ms).as_secs_f64() / spent.as_secs_f64().max(0.001)
}

/// Writes a speed as `45x`.
pub(super) fn speed_in_words(times: f64) -> String {
    if times < 10.0 { format!("{times:.1}x") } else { format!("{times:.0}x") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_seconds_clocks_or_durations() {
        let table = [
            ("83.5", Some(83_500)),
            ("0", Some(0)),
            ("1:23.5", Some(83_500)),
            ("0:01:23", Some(83_000)),
            ("100:00:00", Some(360_000_000)),
            ("1m23s", Some(83_000)),
            ("1.2345", Some(1_234)),
            ("1:75", None),
            ("1:2:3:4", None),
            ("-3", None),
            ("+3", None),
            ("", None),
            ("1.", Some(1_000)),
            ("1.x", None),
            ("soon", None),
            ("99999999999999999999", None),
        ];
        for (text, expected) in table {
            assert_eq!(ms_of(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn a_bit_rate_is_in_kilobits() {
        let table = [
            ("128k", Some(128)),
            ("96", Some(96)),
            ("128000", None),
            ("k", None),
            ("0", None),
            ("-1k", None),
        ];
        for (text, expected) in table {
            assert_eq!(kbps_of(text).ok(), expected, "{text}");
        }
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(clock(Duration::from_millis(20_032)), "0:20");
        assert_eq!(clock(Duration::from_secs(3_723)), "1:02:03");
        assert_eq!([size(12), size(321_000), size(5 << 20)], ["12 bytes", "313 KiB", "5.0 MiB"]);
        assert_eq!(speed_in_words(speed(90_000, Duration::from_secs(2))), "45x");
    }
}
