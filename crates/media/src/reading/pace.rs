//! How far away the bytes of a source are: what a jump costs, and what reading on costs.
//!
//! Both together say how much is better read over than jumped over, and whether it is worth a thread to read ahead.

use std::time::Duration;

/// From here on a jump takes long enough to be worth a thread.
const FAR: Duration = Duration::from_millis(1);
/// What is assumed until enough was read to tell.
const ASSUMED_BYTES_PER_SECOND: u64 = 50_000_000;
/// Less than this says nothing about a throughput: it may have lain in a buffer on the way.
const TELLING_BYTES: u64 = 2 * 1024 * 1024;
/// No gap is wider than this, however slow a jump is.
const MAX_GAP_BYTES: u64 = 16 * 1024 * 1024;
/// Nor narrower: what a system reads at once.
const MIN_GAP_BYTES: u64 = 4096;

/// What reading from a source costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// From asking for bytes elsewhere until the first of them is there.
    pub first_byte: Duration,
    /// What follows in a second.
    pub bytes_per_second: u64,
}

impl Pace {
    /// A file of this machine. A warm one is nearer, one on a cold disk farther away.
    pub const LOCAL: Self = Self { first_byte: Duration::from_micros(50), bytes_per_second: 2_500_000_000 };

    /// How many bytes can be read over in the time of a jump.
    pub(crate) fn gap_bytes(self) -> u64 {
        let gap = self.first_byte.as_nanos() * u128::from(self.bytes_per_second) / 1_000_000_000;
        u64::try_from(gap).unwrap_or(u64::MAX).clamp(MIN_GAP_BYTES, MAX_GAP_BYTES)
    }

    /// Whether reading ahead is worth a thread.
    pub(crate) fn is_far(self) -> bool {
        self.first_byte >= FAR
    }
}

/// Learns a pace from what reads took.
#[derive(Clone, Copy, Debug, Default)]
pub struct PaceMeter {
    first_byte: Option<Duration>,
    bytes: u64,
    took: Duration,
}

impl PaceMeter {
    /// Takes the time until the first bytes after a jump were there.
    pub fn note_jump(&mut self, took: Duration) {
        // The latest count most, and none decides alone: one read may have been held up by anything.
        self.first_byte = Some(self.first_byte.map_or(took, |known| (known * 3 + took) / 4));
    }

    /// Takes the time that bytes took which were read on without a jump.
    pub fn note_read(&mut self, bytes: u64, took: Duration) {
        self.bytes = self.bytes.saturating_add(bytes);
        self.took = self.took.saturating_add(took);
    }

    /// What was learned, or `None` before the first jump.
    #[must_use]
    pub fn pace(&self) -> Option<Pace> {
        let first_byte = self.first_byte?;
        let measured = u128::from(self.bytes) * 1_000_000_000 / self.took.as_nanos().max(1);
        let is_telling = self.bytes >= TELLING_BYTES;
        let measured = u64::try_from(measured).ok().filter(|_| is_telling);
        Some(Pace { first_byte, bytes_per_second: measured.unwrap_or(ASSUMED_BYTES_PER_SECOND) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_is_what_is_read_in_the_time_of_a_jump_within_bounds() {
        let gap = |first_byte_ms, bytes_per_second| {
            Pace { first_byte: Duration::from_millis(first_byte_ms), bytes_per_second }.gap_bytes()
        };
        assert_eq!(gap(20, 50_000_000), 1_000_000);
        assert_eq!(gap(0, 50_000_000), 4096);
        assert_eq!(gap(u64::MAX / 1_000_000, u64::MAX), 16 * 1024 * 1024);
        assert_eq!(Pace::LOCAL.gap_bytes(), 125_000);
        assert!(!Pace::LOCAL.is_far());
    }

    #[test]
    fn little_that_was_read_says_nothing_about_the_throughput() {
        let mut meter = PaceMeter::default();
        assert_eq!(meter.pace(), None);
        meter.note_jump(Duration::from_millis(20));
        meter.note_read(100_000, Duration::from_micros(1));
        assert_eq!(meter.pace().unwrap().bytes_per_second, 50_000_000);
        meter.note_read(9_900_000, Duration::from_millis(100));
        assert_eq!(meter.pace().unwrap().bytes_per_second, 99_999_000);
        assert_eq!(meter.pace().unwrap().first_byte, Duration::from_millis(20));
        meter.note_jump(Duration::from_millis(60));
        assert_eq!(meter.pace().unwrap().first_byte, Duration::from_millis(30));
    }
}
