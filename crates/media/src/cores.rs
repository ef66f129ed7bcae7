//! Who uses which core of this process: every conversion counts as one, and a long one takes more while they are idle.
//!
//! Nobody ever waits here. A conversion that starts is counted at once, even where that is one more than there are
//! cores; from then on no further core is spare, and those that a long conversion took come back as their pieces of
//! work, about a second each, come to an end. So many small conversions run side by side, and one big one spreads out.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};

/// The cores of one machine.
#[derive(Debug)]
struct Cores {
    total: usize,
    busy: AtomicUsize,
}

/// A core in use, until it is dropped.
#[derive(Debug)]
pub(crate) struct Core {
    of: &'static Cores,
}

impl Cores {
    fn new(total: usize) -> Self {
        Self { total, busy: AtomicUsize::new(0) }
    }

    fn occupy(&'static self) -> Core {
        self.busy.fetch_add(1, Ordering::Relaxed);
        Core { of: self }
    }

    fn spare(&'static self) -> Option<Core> {
        let one_more = |busy: usize| (busy < self.total).then_some(busy + 1);
        self.busy.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more).ok().map(|_| Core { of: self })
    }

    fn are_wanted(&self) -> bool {
        self.busy.load(Ordering::Relaxed) > self.total
    }
}

impl Drop for Core {
    fn drop(&mut self) {
        self.of.busy.fetch_sub(1, Ordering::Relaxed);
    }
}

fn all() -> &'static Cores {
    static ALL: OnceLock<Cores> = OnceLock::new();
    // What the process may use, which in a container or under `taskset` is less than the machine has.
    ALL.get_or_init(|| Cores::new(std::thread::available_parallelism().map_or(1, std::num::NonZero::get)))
}

/// How many cores this process may use.
pub(crate) fn total() -> usize {
    all().total
}

/// Counts a conversion that starts.
pub(crate) fn occupy() -> Core {
    all().occupy()
}

/// Takes a core that nobody uses.
pub(crate) fn spare() -> Option<Core> {
    all().spare()
}

/// Whether there are more conversions than cores, so that what was taken beyond one's own should go back.
pub(crate) fn are_wanted() -> bool {
    all().are_wanted()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cores(total: usize) -> &'static Cores {
        Box::leak(Box::new(Cores::new(total)))
    }

    #[test]
    fn one_conversion_takes_every_core_and_no_more() {
        let cores = cores(3);
        let _own = cores.occupy();
        let more: Vec<Core> = std::iter::from_fn(|| cores.spare()).collect();
        assert_eq!(more.len(), 2);
    }

    #[test]
    fn a_conversion_starts_at_once_and_leaves_nothing_to_spare() {
        let cores = cores(2);
        let _long = cores.occupy();
        let further = cores.spare();
        assert!(!cores.are_wanted());
        let short = cores.occupy();
        assert!(cores.are_wanted());
        drop(further);
        assert!(cores.spare().is_none());
        drop(short);
        assert!(cores.spare().is_some());
    }
}
