//! What becomes of chapters that make sense, and of those that make none.

use super::*;

const NONE: Option<u64> = None;

/// Starts and ends in milliseconds.
fn settled(found: &[(u64, Option<u64>)], length_ms: Option<u64>) -> Vec<(u64, Option<u64>)> {
    let us = |ms: u64| ms.saturating_mul(1000);
    let mut marks = Marks::default();
    for (start_ms, end_ms) in found {
        marks.add(us(*start_ms), end_ms.map(us), "x");
    }
    let chapters = marks.settle(length_ms.map(us)).into_iter();
    chapters.map(|chapter| (chapter.start_us / 1000, chapter.end_us.map(|end| end / 1000))).collect()
}

#[test]
fn chapters_come_in_order_and_one_at_a_time_within_the_sound() {
    type Case<'a> = (&'a [(u64, Option<u64>)], Option<u64>, &'a [(u64, Option<u64>)]);
    let cases: [Case<'_>; 9] = [
        (&[], Some(9), &[]),
        // Ends that nobody tells.
        (&[(0, NONE), (4, NONE)], Some(9), &[(0, Some(4)), (4, Some(9))]),
        (&[(0, NONE), (4, NONE)], NONE, &[(0, Some(4)), (4, NONE)]),
        // Out of order, and with a pause between them.
        (&[(4, Some(8)), (0, Some(2))], Some(9), &[(0, Some(2)), (4, Some(8))]),
        // One within the other.
        (&[(0, Some(9)), (4, Some(8))], Some(9), &[(0, Some(4)), (4, Some(8))]),
        // An end before the start, and one at it.
        (&[(3, Some(1)), (5, Some(5))], Some(9), &[(3, Some(5)), (5, Some(9))]),
        // Beyond the end, and at it.
        (&[(0, Some(20)), (9, NONE), (10, NONE)], Some(9), &[(0, Some(9))]),
        // Together.
        (&[(0, Some(9)), (0, Some(3)), (3, NONE)], Some(9), &[(0, Some(3)), (3, Some(9))]),
        (&[(u64::MAX, Some(0)), (1, Some(u64::MAX))], NONE, &[(1, Some(u64::MAX / 1000))]),
    ];
    for (found, length_ms, expected) in cases {
        assert_eq!(settled(found, length_ms), expected, "{found:?} of {length_ms:?}");
    }
}

#[test]
fn a_part_has_the_chapters_that_are_heard_in_it_from_its_own_start() {
    let of = |start_us, end_us, title: &str| Chapter { start_us, end_us, title: title.into() };
    let all = [of(0, Some(10), "a"), of(10, Some(15), "b"), of(20, NONE, "c")];
    let of_part = |from_us, to_us| {
        let left = part(&all, from_us, to_us).into_iter();
        left.map(|chapter| (chapter.start_us, chapter.end_us, chapter.title)).collect::<Vec<_>>()
    };
    let named = |chapters: &[(u64, Option<u64>, &str)]| -> Vec<_> {
        chapters.iter().map(|(start, end, title)| (*start, *end, (*title).to_owned())).collect()
    };
    assert_eq!(of_part(0, None), named(&[(0, Some(10), "a"), (10, Some(15), "b"), (20, None, "c")]));
    assert_eq!(of_part(5, Some(12)), named(&[(0, Some(5), "a"), (5, Some(7), "b")]));
    assert_eq!(of_part(10, Some(20)), named(&[(0, Some(5), "b")]));
    assert_eq!(of_part(16, Some(19)), named(&[]));
    assert_eq!(of_part(25, Some(30)), named(&[(0, Some(5), "c")]));
    assert_eq!(of_part(25, None), named(&[(0, None, "c")]));
}

#[test]
fn a_title_is_one_line_of_limited_length() {
    let title = |title: &str| {
        let mut marks = Marks::default();
        marks.add(0, None, title);
        marks.settle(None).remove(0).title
    };
    assert_eq!(title(" \0\n a\nb\0c \r\n"), "a b c");
    assert_eq!(title("\0"), "");
    assert_eq!(title(&"ä".repeat(1 << 20)).len(), MAX_TITLE_BYTES);
    assert_eq!(title(&format!("a{}", "ä".repeat(1 << 20))).len(), MAX_TITLE_BYTES - 1);
}

#[test]
fn a_million_chapters_with_long_titles_stay_within_the_limits() {
    let mut marks = Marks::default();
    let title = "x".repeat(MAX_TITLE_BYTES * 2);
    for number in 0..1_000_000 {
        marks.add(number * 1000, None, &title);
    }
    let chapters = marks.settle(None);
    assert_eq!(chapters.len(), MAX_CHAPTERS);
    let titles: usize = chapters.iter().map(|chapter| chapter.title.len()).sum();
    assert_eq!(titles, MAX_TITLES_BYTES);
}

#[test]
fn times_round_to_the_nearest_millisecond() {
    let chapter = Chapter { start_us: 1499, end_us: Some(1500), title: String::new() };
    assert_eq!((chapter.start_ms(), chapter.end_ms()), (1, Some(2)));
}
