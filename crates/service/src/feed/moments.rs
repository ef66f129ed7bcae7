//! The moments that jobs are written at: a clock that all processes of a catalog share, without anybody who keeps it.
//!
//! Each goes by its own clock, but never behind what it has seen in the catalog and never to one moment twice (a hybrid
//! logical clock: Kulkarni, Demirbas and others, 2014, with the counter folded into the milliseconds). So a clock that
//! jumps back, or a machine whose clock is late, does not put what it writes before what others have read already.

use std::sync::atomic::{AtomicI64, Ordering};

use reelmill_core::Timestamp;

/// This process's share of the clock.
#[derive(Debug, Default)]
pub(crate) struct Moments {
    latest_ms: AtomicI64,
}

impl Moments {
    /// The moment of a write that is made now.
    pub(crate) fn next(&self, now: Timestamp) -> Timestamp {
        let later = |latest: i64| Some(now.as_ms().max(latest.saturating_add(1)));
        let before = self.latest_ms.fetch_update(Ordering::Relaxed, Ordering::Relaxed, later);
        let before = before.unwrap_or_else(|latest| latest);
        Timestamp::from_ms(now.as_ms().max(before.saturating_add(1)))
    }

    /// Takes notice of a moment in the catalog.
    pub(crate) fn seen(&self, moment: Timestamp) {
        self.latest_ms.fetch_max(moment.as_ms(), Ordering::Relaxed);
    }

    /// The latest moment that was given or seen.
    pub(crate) fn latest(&self) -> Timestamp {
        Timestamp::from_ms(self.latest_ms.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_ms(ms)
    }

    #[test]
    fn moments_go_with_the_clock_and_never_back() {
        let moments = Moments::default();
        let given = [5, 9, 9, 3, 4, 20].map(|now| moments.next(at(now)).as_ms());
        assert_eq!(given, [5, 9, 10, 11, 12, 20]);
    }

    #[test]
    fn a_moment_is_behind_all_that_was_seen() {
        let moments = Moments::default();
        moments.seen(at(100));
        moments.seen(at(50));
        assert_eq!(moments.latest(), at(100));
        assert_eq!(moments.next(at(60)), at(101));
        assert_eq!(moments.next(at(200)), at(200));
    }
}
