//! Durations as ISO 8601 spells them: `PT1H2M3S`.

/// The duration in milliseconds; `None` where the text is none. Years and months have no length of their own and are
/// no part of any media's duration.
pub(super) fn milliseconds(text: &str) -> Option<u64> {
    let rest = text.strip_prefix('P')?;
    let (date, time) = rest.split_once('T').unwrap_or((rest, ""));
    if date.is_empty() && time.is_empty() || rest.ends_with('T') {
        return None;
    }
    let days = part_sum(date, &[('W', 604_800_000), ('D', 86_400_000)])?;
    days.checked_add(part_sum(time, &[('H', 3_600_000), ('M', 60_000), ('S', 1000)])?)
}

/// The sum of parts such as `1H2M3.5S`, whose units come in the order given, each at most once.
fn part_sum(text: &str, units: &[(char, u64)]) -> Option<u64> {
    let mut rest = text;
    let mut sum = 0_u64;
    let mut units = units.iter();
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.' && c != ',')?;
        let (number, tail) = rest.split_at(end);
        let unit = tail.chars().next()?;
        let (_, factor) = units.find(|(name, _)| *name == unit)?;
        sum = sum.checked_add(scaled(number, *factor)?)?;
        rest = tail.get(unit.len_utf8()..)?;
    }
    Some(sum)
}

/// A decimal number times `factor`, down to the millisecond.
fn scaled(number: &str, factor: u64) -> Option<u64> {
    let (whole, fraction) = number.split_once(['.', ',']).unwrap_or((number, ""));
    let whole = whole.parse::<u64>().ok()?.checked_mul(factor)?;
    let digits: String = fraction.chars().take(9).collect();
    if digits.is_empty() {
        return Some(whole);
    }
    let scale = 10_u64.checked_pow(u32::try_from(digits.len()).ok()?)?;
    whole.checked_add(digits.parse::<u64>().ok()?.checked_mul(factor)? / scale)
}

#[cfg(test)]
mod tests {
    use super::milliseconds;

    #[test]
    fn every_form_that_youtube_uses_is_read() {
        for (text, ms) in [
            ("PT3M33S", 213_000),
            ("PT1H2M3S", 3_723_000),
            ("PT45S", 45_000),
            ("PT2H", 7_200_000),
            ("P1DT1S", 86_401_000),
            ("P1W", 604_800_000),
            ("P0D", 0),
            ("PT0S", 0),
            ("PT1.5S", 1500),
            ("PT0,25S", 250),
        ] {
            assert_eq!(milliseconds(text), Some(ms), "{text}");
        }
    }

    #[test]
    fn what_is_no_duration_is_none() {
        for text in
            ["", "P", "PT", "3:33", "PT3", "PTS", "PT3X", "P1M", "P1Y", "PT3S4M", "PT99999999999999999999H"]
        {
            assert_eq!(milliseconds(text), None, "{text}");
        }
    }
}
