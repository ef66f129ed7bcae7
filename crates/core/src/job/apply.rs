//! Every transition of a job, as one pure function.
//!
//! The rows stand in the order of a job's life; what is in no row is refused. `ARCHITECTURE.md` shows the same
//! table, and a test prints it.

use super::{Claim, Event, Job, Pulse, Refused, State, Token};
use crate::{Failure, FailureKind, Timestamp};

impl Job {
    /// The job after `event`, one version on; `self` is left as it was.
    ///
    /// # Errors
    /// [`Refused`] where the state does not allow the event, or the event's token is not the running claim's.
    #[expect(
        clippy::match_same_arms,
        reason = "a row for each step of a job's life reads better than few rows"
    )]
    pub fn apply(&self, event: &Event, now: Timestamp) -> Result<Self, Refused> {
        let mut next = Self { version: self.version + 1, ..self.clone() };
        next.state = match (&self.state, event) {
            (State::Queued { due_at, .. }, Event::Claim { .. }) if now < *due_at => {
                return Err(Refused::NotDue { due_at: *due_at });
            }
            (State::Queued { .. }, Event::Claim { token, worker }) if token.attempt == self.attempt + 1 => {
                next.attempt = token.attempt;
                next.started_at = self.started_at.or(Some(now));
                next.pulse = Pulse::default();
                State::Running { claim: Claim { token: *token, worker: worker.clone(), since: now } }
            }
            (State::Queued { .. }, Event::Claim { token, .. }) => {
                return Err(Refused::LostClaim { attempt: token.attempt });
            }
            (State::Queued { .. }, Event::Expire) if self.is_past_deadline(now) => self.expired(now),
            (State::Queued { due_at, last_failure }, Event::Hasten) if now < *due_at => {
                State::Queued { due_at: now, last_failure: last_failure.clone() }
            }
            (State::Queued { .. }, Event::Cancel) => State::Cancelled { at: now },

            (State::Running { claim } | State::Cancelling { claim }, _) if lost(claim, event) => {
                return Err(Refused::LostClaim { attempt: event.token().map_or(0, |token| token.attempt) });
            }
            (State::Running { claim }, Event::Fetched { media, plan, .. }) if self.media_id.is_none() => {
                next.media_id = Some(*media);
                next.plan.clone_from(plan);
                State::Running { claim: claim.clone() }
            }
            (State::Running { .. }, Event::Complete { output, .. }) => {
                State::Done { output: *output, at: now }
            }
            (State::Running { .. }, Event::Fail { failure, retry_at, .. }) => match retry_at {
                Some(due_at) if self.may_try_again(*due_at) => {
                    State::Queued { due_at: *due_at, last_failure: Some(failure.clone()) }
                }
                _ => State::Failed { failure: failure.clone(), at: now },
            },
            (State::Running { .. }, Event::GiveBack { .. }) => {
                next.attempt = self.attempt.saturating_sub(1);
                State::queued_at_once(now, None)
            }
            (State::Running { .. }, Event::Lapse { .. }) if self.is_past_deadline(now) => self.expired(now),
            (State::Running { .. }, Event::Lapse { .. }) if self.may_try_again(now) => {
                State::queued_at_once(now, Some(self.abandoned()))
            }
            (State::Running { .. }, Event::Lapse { .. }) => {
                State::Failed { failure: self.abandoned(), at: now }
            }
            (State::Running { claim }, Event::Cancel) => State::Cancelling { claim: claim.clone() },

            (
                State::Cancelling { .. },
                Event::Stop { .. } | Event::Fail { .. } | Event::GiveBack { .. } | Event::Lapse { .. },
            ) => State::Cancelled { at: now },
            (State::Cancelling { claim }, Event::Cancel) => State::Cancelling { claim: claim.clone() },

            (State::Failed { .. } | State::Cancelled { .. }, Event::Retry) => {
                next.attempt = 0;
                next.started_at = None;
                State::queued_at_once(now, None)
            }

            (state, event) => return Err(Refused::State { event: event.verb(), state: state.name() }),
        };
        Ok(next)
    }

    /// The claim that a worker holds on it, while one does.
    #[must_use]
    pub fn claim(&self) -> Option<&Claim> {
        match &self.state {
            State::Running { claim } | State::Cancelling { claim } => Some(claim),
            _ => None,
        }
    }

    /// When all attempts together must be over; `None` before the first.
    #[must_use]
    pub fn deadline(&self) -> Option<Timestamp> {
        self.started_at.map(|start| start.plus_ms(self.deadline_ms))
    }

    /// When it ended.
    #[must_use]
    pub const fn finished_at(&self) -> Option<Timestamp> {
        match self.state {
            State::Done { at, .. } | State::Failed { at, .. } | State::Cancelled { at } => Some(at),
            _ => None,
        }
    }

    fn is_past_deadline(&self, now: Timestamp) -> bool {
        self.deadline().is_some_and(|deadline| now >= deadline)
    }

    fn may_try_again(&self, at: Timestamp) -> bool {
        self.attempt < self.max_attempts && !self.is_past_deadline(at)
    }

    fn expired(&self, now: Timestamp) -> State {
        let message =
            format!("was not done within its {} s, {} attempts", self.deadline_ms / 1000, self.attempt);
        State::Failed { failure: Failure::new(FailureKind::Timeout, message), at: now }
    }

    fn abandoned(&self) -> Failure {
        Failure::new(
            FailureKind::Internal,
            format!("the worker of attempt {} of {} died at it", self.attempt, self.max_attempts),
        )
    }
}

impl Event {
    /// The token that the event carries, where it is a worker's or a rescuer's.
    #[must_use]
    pub const fn token(&self) -> Option<Token> {
        match self {
            Self::Claim { token, .. }
            | Self::Fetched { token, .. }
            | Self::Complete { token, .. }
            | Self::Fail { token, .. }
            | Self::GiveBack { token }
            | Self::Stop { token }
            | Self::Lapse { token } => Some(*token),
            Self::Expire | Self::Hasten | Self::Cancel | Self::Retry => None,
        }
    }
}

/// Whether `event` speaks for another claim. A claim of a job that runs is refused by its state, not its token.
fn lost(claim: &Claim, event: &Event) -> bool {
    !matches!(event, Event::Claim { .. }) && event.token().is_some_and(|token| token != claim.token)
}
