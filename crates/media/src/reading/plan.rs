//! Which bytes are asked for in which order: one straight read, or the wanted pieces, joined where the gap between two
//! costs less than a jump.
//!
//! Each gap is weighed alone, which is all there is to weigh: time is the jumps' plus the bytes'. Where no gap is worth
//! a jump, one straight read is what comes out. The pace is asked for at every jump, so what is learned on the way counts.

use std::iter::Peekable;
use std::ops::Range;

use super::pace::Pace;

/// Gives the next range to be read, or `None` at the end.
pub(crate) type Plan = Box<dyn FnMut(Pace) -> Option<Range<u64>> + Send + Sync>;

/// Everything within `range`.
pub(crate) fn straight(range: Range<u64>) -> Plan {
    let mut range = Some(range);
    Box::new(move |_| range.take())
}

/// The pieces, which are in the order of their use, and the gaps that are not worth a jump.
pub(crate) fn joined(pieces: impl Iterator<Item = Range<u64>> + Send + Sync + 'static) -> Plan {
    let mut pieces = pieces.filter(|piece| piece.start < piece.end).peekable();
    Box::new(move |pace| next_joined(&mut pieces, pace.gap_bytes()))
}

fn next_joined(
    pieces: &mut Peekable<impl Iterator<Item = Range<u64>>>,
    gap_bytes: u64,
) -> Option<Range<u64>> {
    let mut whole = pieces.next()?;
    // A piece that begins before the last one's end is behind the reader.
    while let Some(next) =
        pieces.next_if(|next| next.start.checked_sub(whole.end).is_some_and(|between| between <= gap_bytes))
    {
        whole.end = next.end;
    }
    Some(whole)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::single_range_in_vec_init, reason = "ranges are what is compared")]
    use super::*;
    use std::time::Duration;

    /// Twenty milliseconds away at 50 MB/s: a jump costs as much as a megabyte.
    const STORE: Pace = Pace { first_byte: Duration::from_millis(20), bytes_per_second: 50_000_000 };

    fn ranges(pieces: Vec<Range<u64>>, pace: Pace) -> Vec<Range<u64>> {
        let mut plan = joined(pieces.into_iter());
        std::iter::from_fn(|| plan(pace)).collect()
    }

    /// Ten minutes of 720p: 10 MB of audio in chunks, and 150 MB of video between them.
    fn film(chunks: u64) -> Vec<Range<u64>> {
        let (audio, step) = (10_000_000 / chunks, 160_000_000 / chunks);
        (0..chunks).map(|chunk| chunk * step..chunk * step + audio).collect()
    }

    #[test]
    fn each_gap_is_read_over_or_jumped_by_what_costs_less() {
        type Case = (&'static str, Vec<Range<u64>>, Pace, Vec<Range<u64>>);
        let table: [Case; 7] = [
            ("nothing", vec![], STORE, vec![]),
            ("one", vec![5..9], STORE, vec![5..9]),
            ("side by side", vec![0..10, 10..30], STORE, vec![0..30]),
            ("a small gap", vec![0..10, 1_000_010..1_000_020], STORE, vec![0..1_000_020]),
            ("a wide gap", vec![0..10, 1_000_011..1_000_020], STORE, vec![0..10, 1_000_011..1_000_020]),
            ("backwards and over each other", vec![50..60, 0..10, 5..20], STORE, vec![50..60, 0..10, 5..20]),
            ("empty pieces", vec![0..10, 7..7, 10..12], STORE, vec![0..12]),
        ];
        for (what, pieces, pace, wanted) in table {
            assert_eq!(ranges(pieces, pace), wanted, "{what}");
        }
    }

    #[test]
    fn a_film_from_a_store_takes_few_requests_whatever_its_interleaving() {
        // A packet, half a second, a second, four and ten seconds between video and video.
        for (chunks, wanted) in [(26_000, 1), (1200, 1), (600, 1), (150, 1), (60, 60)] {
            assert_eq!(ranges(film(chunks), STORE).len(), wanted, "{chunks} chunks");
        }
        // From a file of this machine, only what lies closer than its own blocks is read over.
        for (chunks, wanted) in [(26_000, 1), (1200, 1), (600, 600)] {
            assert_eq!(ranges(film(chunks), Pace::LOCAL).len(), wanted, "{chunks} chunks");
        }
    }

    #[test]
    fn what_is_learned_on_the_way_counts_from_the_next_jump_on() {
        let mut plan = joined([0..10, 500_000..500_010, 1_000_000..1_000_010].into_iter());
        assert_eq!(plan(Pace::LOCAL), Some(0..10));
        assert_eq!(plan(STORE), Some(500_000..1_000_010));
        assert_eq!(plan(STORE), None);
    }
}
