//! Range and conditional requests as rules: RFC 9110, sections 13 and 14, without any I/O.

use std::ops::Range;
use std::time::{Duration, SystemTime};

use axum::http::HeaderMap;
use axum::http::header::{IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, RANGE};

/// The most ranges that one answer has; who asks for more gets the whole.
const MOST_RANGES: usize = 16;

/// What the validators of some content are.
pub(super) struct Validators<'a> {
    /// The entity tag with its quotes. Strong.
    pub(super) etag: &'a str,
    /// When it was made, to the second.
    pub(super) modified: SystemTime,
}

impl<'a> Validators<'a> {
    pub(super) fn new(etag: &'a str, modified_s: i64) -> Self {
        let since = Duration::from_secs(u64::try_from(modified_s).unwrap_or(0));
        Self { etag, modified: SystemTime::UNIX_EPOCH + since }
    }
}

/// What is to be answered.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Wish {
    /// All of it: 200.
    Whole,
    /// One part: 206.
    Part(Range<u64>),
    /// Several parts: 206, `multipart/byteranges`.
    Parts(Vec<Range<u64>>),
    /// The client has it already: 304.
    NotModified,
    /// Not what the client thinks it is: 412.
    Failed,
    /// No part that is wished lies within: 416.
    Outside,
}

/// Reads the wish from the headers, in the order of RFC 9110, section 13.2.2. Ranges are defined for GET alone.
pub(super) fn wish(headers: &HeaderMap, is_get: bool, size_bytes: u64, validators: &Validators) -> Wish {
    let has = |name| headers.contains_key(name);
    let date_of = |name| text(headers, name).and_then(|text| httpdate::parse_http_date(text).ok());
    if has(IF_MATCH) {
        if !lists(headers, IF_MATCH, validators.etag, false) {
            return Wish::Failed;
        }
    } else if date_of(IF_UNMODIFIED_SINCE).is_some_and(|date| validators.modified > date) {
        return Wish::Failed;
    }
    if has(IF_NONE_MATCH) {
        if lists(headers, IF_NONE_MATCH, validators.etag, true) {
            return Wish::NotModified;
        }
    } else if date_of(IF_MODIFIED_SINCE).is_some_and(|date| validators.modified <= date) {
        return Wish::NotModified;
    }
    if is_get && has(RANGE) && is_same_content(headers, validators) {
        return ranges(text(headers, RANGE).unwrap_or_default(), size_bytes);
    }
    Wish::Whole
}

/// Whether If-Range, where there is one, names exactly this content.
fn is_same_content(headers: &HeaderMap, validators: &Validators) -> bool {
    if !headers.contains_key(IF_RANGE) {
        return true;
    }
    let given = text(headers, IF_RANGE).unwrap_or_default().trim();
    let is_date = || httpdate::parse_http_date(given).is_ok_and(|date| date == validators.modified);
    given == validators.etag || is_date()
}

/// Reads `bytes=…`. What is not understood is ignored, as RFC 9110, section 14.2 has it; so is a wish for more bytes
/// than there are, by which ranges that overlap would make a small file a long answer.
fn ranges(header: &str, size_bytes: u64) -> Wish {
    let Some((unit, set)) = header.split_once('=') else { return Wish::Whole };
    let specs: Vec<&str> = set.split(',').map(str::trim).filter(|spec| !spec.is_empty()).collect();
    if !unit.trim().eq_ignore_ascii_case("bytes") || specs.is_empty() || specs.len() > MOST_RANGES {
        return Wish::Whole;
    }
    let Some(parsed) = specs.into_iter().map(|spec| range(spec, size_bytes)).collect::<Option<Vec<_>>>()
    else {
        return Wish::Whole;
    };
    let mut within: Vec<Range<u64>> = parsed.into_iter().flatten().collect();
    let wished: u64 = within.iter().map(|range| range.end - range.start).fold(0, u64::saturating_add);
    match within.len() {
        0 => Wish::Outside,
        1 => Wish::Part(within.remove(0)),
        _ if wished > size_bytes => Wish::Whole,
        _ => Wish::Parts(within),
    }
}

/// One range: `None` where it is malformed, `Some(None)` where it lies outside.
#[expect(clippy::option_option, reason = "malformed and outside are answered differently")]
fn range(spec: &str, size_bytes: u64) -> Option<Option<Range<u64>>> {
    let (first, last) = spec.split_once('-')?;
    let (first, last) = (first.trim(), last.trim());
    if first.is_empty() {
        let suffix = number(last)?.min(size_bytes);
        return Some((suffix > 0).then(|| size_bytes - suffix..size_bytes));
    }
    let first = number(first)?;
    let last = if last.is_empty() { u64::MAX } else { number(last)? };
    if last < first {
        return None;
    }
    Some((first < size_bytes).then(|| first..last.saturating_add(1).min(size_bytes)))
}

/// A number of digits alone; one too large for us is as good as endless.
fn number(text: &str) -> Option<u64> {
    let sound = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    sound.then(|| text.parse().unwrap_or(u64::MAX))
}

/// Whether a list of entity tags holds ours. The strong comparison takes no weak tag.
pub(super) fn lists(headers: &HeaderMap, name: axum::http::HeaderName, etag: &str, weakly: bool) -> bool {
    headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).flat_map(|list| list.split(',')).any(
        |given| {
            let given = given.trim();
            given == "*" || given == etag || (weakly && given.strip_prefix("W/") == Some(etag))
        },
    )
}

fn text(headers: &HeaderMap, name: axum::http::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    const SIZE: u64 = 1000;

    fn asked(pairs: &[(&'static str, &str)]) -> Wish {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.append(*name, value.parse().unwrap());
        }
        // 784111777 is the example of RFC 9110, section 5.6.7.
        wish(&headers, true, SIZE, &Validators::new("\"tag\"", 784_111_777))
    }

    #[test]
    fn ranges_are_read_as_rfc_9110_says() {
        let table = [
            ("bytes=0-0", Wish::Part(0..1)),
            ("bytes=0-499", Wish::Part(0..500)),
            ("BYTES = 500-", Wish::Part(500..1000)),
            ("bytes=-1", Wish::Part(999..1000)),
            ("bytes=-5000", Wish::Part(0..1000)),
            ("bytes=999-99999999999999999999999", Wish::Part(999..1000)),
            ("bytes=0-0,-1", Wish::Parts(vec![0..1, 999..1000])),
            ("bytes=0-0, 2000-3000", Wish::Part(0..1)),
            ("bytes=1000-", Wish::Outside),
            ("bytes=-0", Wish::Outside),
            ("bytes=2000-3000,-0", Wish::Outside),
            ("bytes=5-4", Wish::Whole),
            ("bytes=a-b", Wish::Whole),
            ("bytes=", Wish::Whole),
            ("bytes=+1-2", Wish::Whole),
            ("bytes", Wish::Whole),
            ("lines=1-2", Wish::Whole),
            ("bytes=0-,0-", Wish::Whole),
            (
                "bytes=0-0,1-1,2-2,3-3,4-4,5-5,6-6,7-7,8-8,9-9,10-10,11-11,12-12,13-13,14-14,15-15,16-16",
                Wish::Whole,
            ),
        ];
        for (header, expected) in table {
            assert_eq!(asked(&[("range", header)]), expected, "{header}");
        }
    }

    #[test]
    fn nothing_of_an_empty_content_can_be_a_range() {
        for header in ["bytes=0-", "bytes=-1", "bytes=0-0"] {
            assert_eq!(ranges(header, 0), Wish::Outside, "{header}");
        }
    }

    #[test]
    fn conditions_come_before_ranges_and_tags_before_dates() {
        const MADE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        const BEFORE: &str = "Sun, 06 Nov 1994 08:49:36 GMT";
        let part = || Wish::Part(0..1);
        let table: Vec<(Vec<(&'static str, &str)>, Wish)> = vec![
            (vec![("if-none-match", "\"tag\"")], Wish::NotModified),
            (vec![("if-none-match", "\"a\", W/\"tag\"")], Wish::NotModified),
            (vec![("if-none-match", "*")], Wish::NotModified),
            (vec![("if-none-match", "\"other\""), ("if-modified-since", MADE)], Wish::Whole),
            (vec![("if-modified-since", MADE)], Wish::NotModified),
            (vec![("if-modified-since", BEFORE)], Wish::Whole),
            (vec![("if-modified-since", "yesterday")], Wish::Whole),
            (vec![("if-match", "\"tag\"")], Wish::Whole),
            (vec![("if-match", "W/\"tag\"")], Wish::Failed),
            (vec![("if-match", "\"other\"")], Wish::Failed),
            (vec![("if-unmodified-since", MADE)], Wish::Whole),
            (vec![("if-unmodified-since", BEFORE)], Wish::Failed),
            (vec![("range", "bytes=0-0"), ("if-range", "\"tag\"")], part()),
            (vec![("range", "bytes=0-0"), ("if-range", "W/\"tag\"")], Wish::Whole),
            (vec![("range", "bytes=0-0"), ("if-range", "\"other\"")], Wish::Whole),
            (vec![("range", "bytes=0-0"), ("if-range", MADE)], part()),
            (vec![("range", "bytes=0-0"), ("if-range", BEFORE)], Wish::Whole),
            (vec![("range", "bytes=0-0"), ("if-none-match", "\"tag\"")], Wish::NotModified),
        ];
        for (headers, expected) in table {
            assert_eq!(asked(&headers), expected, "{headers:?}");
        }
    }

    #[test]
    fn a_head_request_has_no_range() {
        let mut headers = HeaderMap::new();
        headers.insert(RANGE, "bytes=0-0".parse().unwrap());
        assert_eq!(wish(&headers, false, SIZE, &Validators::new("\"tag\"", 0)), Wish::Whole);
    }
}
