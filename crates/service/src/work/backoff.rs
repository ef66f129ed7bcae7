//! Waits that do not fall into step with one another.

use tokio::time::Duration;
use uuid::Uuid;

/// The longest wait before another attempt.
pub(super) const LONGEST: Duration = Duration::from_mins(15);

/// A random wait between 75 % and 125 % of `span`.
pub(crate) fn jittered(span: Duration) -> Duration {
    span.mul_f64(0.75 + 0.5 * unit())
}

/// Full jitter: a random wait up to `base`, doubled for each attempt after the first, and at least a tenth of that.
/// (AWS Architecture Blog, "Exponential Backoff and Jitter", 2015; the least keeps a hot loop away.)
pub(crate) fn before_retry(base: Duration, attempt: u32) -> Duration {
    let doublings = attempt.saturating_sub(1).min(20);
    let most = base.saturating_mul(1 << doublings).min(LONGEST);
    most.mul_f64(0.1 + 0.9 * unit())
}

/// A random number from 0 to 1.
#[expect(clippy::cast_precision_loss, reason = "53 bits of chance are plenty")]
fn unit() -> f64 {
    (Uuid::new_v4().as_u128() >> 75) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_stay_within_their_bounds() {
        for attempt in 1..40 {
            let base = Duration::from_secs(1);
            let most = base.saturating_mul(1 << (attempt - 1).min(20)).min(LONGEST);
            let wait = before_retry(base, attempt);
            assert!(wait <= most && wait >= most / 11, "attempt {attempt}: {wait:?}");
        }
        assert!((0..1000).all(|_| (0.0..1.0).contains(&unit())));
    }
}
