//! How long a broker is left alone after it failed: longer each time, and never the same for two processes.
//!
//! Whoever asks meanwhile is told at once what was wrong, so that an outage costs an upload nothing.

use std::time::Duration;

use tokio::time::Instant;
use uuid::Uuid;

/// The wait after the first failure, and the longest.
const FIRST_WAIT: Duration = Duration::from_millis(250);
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// What is known of a broker's failures.
#[derive(Debug, Default)]
pub(super) struct Outage {
    failures: u32,
    not_before: Option<Instant>,
    trouble: String,
}

impl Outage {
    /// Whether the last attempt failed.
    pub(super) fn is_on(&self) -> bool {
        self.failures > 0
    }

    /// What was wrong the last time.
    pub(super) fn trouble(&self) -> String {
        self.trouble.clone()
    }

    /// No attempt is worth making before this.
    pub(super) fn until(&self) -> Option<Instant> {
        self.not_before.filter(|until| *until > Instant::now())
    }

    /// An attempt failed.
    pub(super) fn fail(&mut self, trouble: String) {
        self.failures = self.failures.saturating_add(1);
        self.not_before = Some(Instant::now() + wait(self.failures, Uuid::new_v4().as_bytes()[0]));
        self.trouble = trouble;
    }

    /// An attempt succeeded.
    pub(super) fn end(&mut self) {
        *self = Self::default();
    }
}

/// The wait after so many failures in a row: half of it fixed, half by the dice.
fn wait(failures: u32, dice: u8) -> Duration {
    let doublings = failures.saturating_sub(1).min(10);
    let longest = (FIRST_WAIT * (1 << doublings)).min(LONGEST_WAIT);
    longest / 2 + longest * u32::from(dice) / 510
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_wait_grows_to_a_bound_and_is_never_the_same_for_all() {
        assert_eq!((wait(1, 0), wait(1, 255)), (Duration::from_millis(125), Duration::from_millis(250)));
        assert_eq!(wait(2, 255), Duration::from_millis(500));
        assert_eq!((wait(7, 255), wait(u32::MAX, 255)), (LONGEST_WAIT, LONGEST_WAIT));
        assert_eq!(wait(u32::MAX, 0), LONGEST_WAIT / 2);
    }

    #[test]
    fn an_outage_is_left_alone_for_a_while_and_ends_with_the_first_success() {
        let mut outage = Outage::default();
        assert!(!outage.is_on() && outage.until().is_none());
        outage.fail("no broker".into());
        assert!(outage.is_on() && outage.until().is_some());
        assert_eq!(outage.trouble(), "no broker");
        outage.end();
        assert!(!outage.is_on() && outage.until().is_none());
    }
}
