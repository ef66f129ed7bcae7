//! The time of day, as a part that tests replace. Spans are measured on the runtime's monotonic clock instead.

use std::time::{SystemTime, UNIX_EPOCH};

use reelmill_core::Timestamp;

/// Tells the time of day.
pub trait Clock: Send + Sync {
    /// Now, in UTC. It may jump.
    fn now(&self) -> Timestamp;
}

/// The machine's clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp::from_ms(i64::try_from(since.as_millis()).unwrap_or(i64::MAX))
    }
}
