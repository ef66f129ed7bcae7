//! What the stores behind HTTP share: how long they are waited for, and what may go wrong on the way.
//!
//! A try ends in a [`Fault`] that says by itself whether another one may do better, so that there is one place that
//! decides how often and how long: [`Patience::keep_trying`].

mod intake;
mod media_type;
mod options;
mod resume;
mod wire;

use std::time::Duration;

use reelmill_core::Key;
use reelmill_core::ports::ObjectsError;
use tokio::time::{Instant, sleep};
use uuid::Uuid;

pub(super) use intake::Intake;
pub(super) use media_type::media_type;
pub(super) use options::Options;
pub(super) use resume::{Opening, Origin, admit, resuming};
pub(super) use wire::{Wire, header, metered, text};

/// The first pause; each one after it is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// The longest pause.
const LAST_PAUSE: Duration = Duration::from_secs(5);

/// How long a store is waited for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Patience {
    /// For a connection to be there.
    pub(super) connect: Duration,
    /// For the next byte, in either direction.
    pub(super) idle: Duration,
    /// From the first try to the last.
    pub(super) total: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { connect: seconds(5), idle: seconds(20), total: seconds(60) }
    }
}

/// Why a try came to nothing.
#[derive(Debug)]
pub(super) enum Fault {
    /// The object, or what else was asked for, is not there.
    Missing,
    /// What was to be so is not: the key is taken, or the object is another than before.
    Precondition,
    /// The range does not lie within the object.
    OutOfRange,
    /// The upload is not there.
    UploadGone,
    /// Another try may do better, `after` this time at the earliest.
    Passing { said: String, after: Duration },
    /// Another try would end the same.
    Lasting(ObjectsError),
}

impl Fault {
    /// One that another try may do better after.
    pub(super) fn passing(said: impl Into<String>) -> Self {
        Self::Passing { said: said.into(), after: Duration::ZERO }
    }

    /// One that somebody has to see to.
    pub(super) fn unusable(said: impl Into<String>) -> Self {
        Self::Lasting(ObjectsError::Unavailable(said.into()))
    }

    /// What it means to whoever asked for the object.
    pub(super) fn about(self, key: &Key) -> ObjectsError {
        match self {
            Self::Missing => ObjectsError::NotFound(key.clone()),
            Self::Precondition => ObjectsError::Conflict(key.clone()),
            Self::OutOfRange => ObjectsError::OutOfRange,
            Self::UploadGone => ObjectsError::Unavailable(format!("the upload of `{key}` was taken away")),
            Self::Passing { said, .. } => ObjectsError::Unavailable(said),
            Self::Lasting(error) => error,
        }
    }
}

impl Patience {
    /// The same, with less time in all.
    pub(super) fn at_most(self, total: Duration) -> Self {
        Self { total: self.total.min(total), ..self }
    }

    /// Tries, with growing pauses, until there is an end that is not passing or the time is up. `attempt` is told how
    /// many there were before.
    pub(super) async fn keep_trying<T, F>(&self, mut attempt: impl FnMut(u32) -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, Fault>>,
    {
        let started = Instant::now();
        let mut before = 0;
        loop {
            let fault = match attempt(before).await {
                Err(fault) => fault,
                done => return done,
            };
            let Some(pause) = self.pause(&fault, before, started.elapsed()) else { return Err(fault) };
            sleep(pause).await;
            before += 1;
        }
    }

    /// How long to wait for the next try; `None` where there is none.
    fn pause(&self, fault: &Fault, before: u32, elapsed: Duration) -> Option<Duration> {
        let Fault::Passing { after, .. } = fault else { return None };
        let pause = pause(before).max(*after);
        (elapsed + pause <= self.total).then_some(pause)
    }
}

/// Bytes in hexadecimal digits.
pub(super) fn hexadecimal(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [byte >> 4, byte & 0xf])
        .map(|digit| char::from(DIGITS[usize::from(digit)]))
        .collect()
}

/// The pause after that many tries: between half and all of its length, so that those who failed together do not
/// come back together.
pub(super) fn pause(before: u32) -> Duration {
    let longest = FIRST_PAUSE.saturating_mul(1 << before.min(10)).min(LAST_PAUSE);
    let [chance, ..] = Uuid::new_v4().into_bytes();
    longest.mul_f64(0.5 + f64::from(chance) / 512.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);
    const PATIENCE: Patience = Patience { connect: SECOND, idle: SECOND, total: Duration::from_mins(1) };

    #[test]
    fn pauses_grow_and_end() {
        let busy = Fault::passing("busy");
        let mut elapsed = Duration::ZERO;
        let mut pauses = Vec::new();
        while let Some(pause) = PATIENCE.pause(&busy, u32::try_from(pauses.len()).unwrap(), elapsed) {
            elapsed += pause;
            pauses.push(pause);
        }
        assert!(pauses[0] >= FIRST_PAUSE / 2 && pauses[0] <= FIRST_PAUSE);
        assert!(pauses.iter().all(|pause| *pause <= LAST_PAUSE));
        assert!((14..=40).contains(&pauses.len()), "{pauses:?}");
        assert!(elapsed <= PATIENCE.total && elapsed + LAST_PAUSE >= PATIENCE.total, "{elapsed:?}");
    }

    #[test]
    fn a_store_may_ask_for_a_longer_pause_but_not_for_one_behind_the_end() {
        let asks = |seconds| Fault::Passing { said: String::new(), after: SECOND * seconds };
        assert_eq!(PATIENCE.pause(&asks(30), 0, SECOND), Some(SECOND * 30));
        assert_eq!(PATIENCE.pause(&asks(61), 0, Duration::ZERO), None);
        assert_eq!(PATIENCE.pause(&asks(30), 0, SECOND * 31), None);
    }

    #[tokio::test]
    async fn what_lasts_is_not_tried_again() {
        let mut tries = 0;
        let ended = PATIENCE.keep_trying(|_| {
            tries += 1;
            async { Err::<(), _>(Fault::Missing) }
        });
        assert!(matches!(ended.await, Err(Fault::Missing)));
        assert_eq!(tries, 1);
    }

    #[test]
    fn hexadecimal_digits_are_two_a_byte() {
        assert_eq!(hexadecimal(&[0x00, 0x0f, 0xa0, 0xff]), "000fa0ff");
    }
}
