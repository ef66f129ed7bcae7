//! Webhooks: programs that want to be told of ends of jobs, and what each of them was sent.
//!
//! A delivery is a record before it is a request: it is written in the commit that ends the job, with the words that it will
//! have at every try, so that its id is the same whoever sends it and however often.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{DeliveryId, JobId, Timestamp, UserId, WebhookId};

/// The most tries that a delivery remembers; a day's waits make fewer.
pub const MAX_TRIES: usize = 40;

/// How long a delivery is tried, counted from its job's end, in milliseconds.
pub const DELIVERY_PATIENCE_MS: u64 = 24 * 3_600_000;

/// What a webhook can be told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum WebhookEvent {
    /// A job has its output.
    #[serde(rename = "job.done")]
    JobDone,
    /// A job failed for good.
    #[serde(rename = "job.failed")]
    JobFailed,
    /// A job was cancelled.
    #[serde(rename = "job.cancelled")]
    JobCancelled,
}

impl WebhookEvent {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::JobDone, Self::JobFailed, Self::JobCancelled];

    /// Its name as programs know it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::JobDone => "job.done",
            Self::JobFailed => "job.failed",
            Self::JobCancelled => "job.cancelled",
        }
    }
}

/// What deliveries are signed with. It cannot be printed by accident.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookSecret {
    key: String,
    /// When it stops signing; `None` for the newest.
    pub until: Option<Timestamp>,
}

impl WebhookSecret {
    /// A secret that signs until another comes: `whsec_` and the key in Base64 (Standard Webhooks, "Signature scheme").
    #[must_use]
    pub const fn new(key: String) -> Self {
        Self { key, until: None }
    }

    /// The secret as its receiver knows it, for whoever signs.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.key
    }
}

impl fmt::Debug for WebhookSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "(hidden, until {:?})", self.until)
    }
}

/// An address that wants to be told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Webhook {
    /// Its identity.
    pub id: WebhookId,
    /// Whose jobs it is told of.
    pub owner: UserId,
    /// Where it is.
    pub url: String,
    /// What it is told of.
    pub events: Vec<WebhookEvent>,
    /// What signs, the newest first. Those before go on for a while, so that a receiver can change over.
    pub secrets: Vec<WebhookSecret>,
    /// Why nothing is sent any more, and since when.
    pub disabled: Option<Disabled>,
    /// When it was made.
    pub created_at: Timestamp,
    /// Counted up by every write; a write names the one it replaces.
    pub version: u64,
}

/// The end of a webhook's use, until its owner says otherwise.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Disabled {
    /// For its owner to read.
    pub reason: String,
    /// When it was.
    pub at: Timestamp,
}

impl Webhook {
    /// The secrets that sign now.
    pub fn signing(&self, now: Timestamp) -> impl Iterator<Item = &WebhookSecret> {
        self.secrets.iter().filter(move |secret| secret.until.is_none_or(|until| until > now))
    }

    /// The webhook with a new secret; the one before signs beside it until `until`, those before that no more.
    #[must_use]
    pub fn with_secret(&self, key: String, until: Timestamp) -> Self {
        let before =
            self.secrets.first().map(|newest| WebhookSecret { until: Some(until), ..newest.clone() });
        let secrets = [WebhookSecret::new(key)].into_iter().chain(before).collect();
        Self { secrets, version: self.version + 1, ..self.clone() }
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "name", rename_all = "snake_case")]
pub enum DeliveryState {
    /// It is to be tried, again or at all.
    Waiting {
        /// When.
        due_at: Timestamp,
    },
    /// The receiver took it.
    Delivered,
    /// It will not be tried any more, unless somebody wishes it.
    GivenUp,
}

/// One try.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Try {
    /// When it began.
    pub at: Timestamp,
    /// What the receiver answered, where it did.
    pub status: Option<u16>,
    /// What was wrong, for the webhook's owner to read.
    pub error: Option<String>,
}

impl Try {
    /// Whether the receiver took it.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        self.status.is_some_and(|status| (200..300).contains(&status))
    }

    /// Whether the receiver wants nothing any more (Standard Webhooks: 410).
    #[must_use]
    pub fn is_farewell(&self) -> bool {
        self.status == Some(410)
    }
}

/// What a webhook is sent, once.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// Its identity, the same at every try: a receiver that sees it twice has seen a copy.
    pub id: DeliveryId,
    /// To whom.
    pub webhook: WebhookId,
    /// Of what.
    pub event: WebhookEvent,
    /// The job that ended.
    pub job: JobId,
    /// The words, the same at every try.
    pub body: String,
    /// Where it stands.
    pub state: DeliveryState,
    /// The tries, the first one first.
    pub tries: Vec<Try>,
    /// When its patience began to be counted: at the job's end, or when somebody wished it again.
    pub begun_at: Timestamp,
    /// When it was made.
    pub created_at: Timestamp,
    /// When the record of it goes.
    pub expires_at: Timestamp,
    /// Counted up by every write; a write names the one it replaces.
    pub version: u64,
}

impl Delivery {
    /// When it is to be tried, where it is.
    #[must_use]
    pub const fn due_at(&self) -> Option<Timestamp> {
        match self.state {
            DeliveryState::Waiting { due_at } => Some(due_at),
            DeliveryState::Delivered | DeliveryState::GivenUp => None,
        }
    }

    /// The delivery after a try; where that was in vain, the next one is in `wait_ms`, unless its patience ends before.
    #[must_use]
    pub fn after(&self, tried: Try, wait_ms: u64) -> Self {
        let due_at = tried.at.plus_ms(wait_ms);
        let state = if tried.is_taken() {
            DeliveryState::Delivered
        } else if tried.is_farewell() || due_at > self.begun_at.plus_ms(DELIVERY_PATIENCE_MS) {
            DeliveryState::GivenUp
        } else {
            DeliveryState::Waiting { due_at }
        };
        let mut next = Self { state, version: self.version + 1, ..self.clone() };
        next.tries.push(tried);
        let forgotten = next.tries.len().saturating_sub(MAX_TRIES);
        next.tries.drain(..forgotten);
        next
    }

    /// The delivery put off to `due_at` without a try: whoever writes this may send it meanwhile.
    #[must_use]
    pub fn put_off(&self, due_at: Timestamp) -> Self {
        Self { state: DeliveryState::Waiting { due_at }, version: self.version + 1, ..self.clone() }
    }

    /// The delivery without another try.
    #[must_use]
    pub fn given_up(&self) -> Self {
        Self { state: DeliveryState::GivenUp, version: self.version + 1, ..self.clone() }
    }

    /// How many tries were in vain since its patience began to be counted.
    #[must_use]
    pub fn failures(&self) -> usize {
        self.tries.iter().filter(|tried| tried.at >= self.begun_at).count()
    }

    /// The delivery to be tried anew from `now` on, whatever became of it; its record outlasts these tries.
    #[must_use]
    pub fn again(&self, now: Timestamp) -> Self {
        let expires_at = self.expires_at.max(now.plus_ms(2 * DELIVERY_PATIENCE_MS));
        Self { begun_at: now, expires_at, ..self.put_off(now) }
    }

    /// Whether it was given up, or was tried in vain and waits for another try beyond `soon`.
    #[must_use]
    pub fn is_stuck(&self, soon: Timestamp) -> bool {
        match self.state {
            DeliveryState::Delivered => false,
            DeliveryState::GivenUp => true,
            DeliveryState::Waiting { due_at } => !self.tries.is_empty() && due_at > soon,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp::from_ms(1_800_000_000_000);

    fn delivery() -> Delivery {
        Delivery {
            id: DeliveryId(Uuid::from_u128(1)),
            webhook: WebhookId(Uuid::from_u128(2)),
            event: WebhookEvent::JobDone,
            job: JobId(Uuid::from_u128(3)),
            body: "{}".into(),
            state: DeliveryState::Waiting { due_at: NOW },
            tries: Vec::new(),
            begun_at: NOW,
            created_at: NOW,
            expires_at: NOW.plus_ms(7 * DELIVERY_PATIENCE_MS),
            version: 1,
        }
    }

    fn answered(status: u16, at: Timestamp) -> Try {
        Try { at, status: Some(status), error: None }
    }

    #[test]
    fn a_try_in_vain_is_followed_by_another_until_a_day_is_over() {
        let mut delivery = delivery();
        let mut at = NOW;
        for version in 2..=24 {
            delivery = delivery.after(answered(500, at), 3_600_000);
            at = delivery.due_at().unwrap_or_else(|| panic!("given up at {at}"));
            assert_eq!(delivery.version, version);
        }
        delivery = delivery.after(Try { at, status: None, error: Some("no answer".into()) }, 3_600_001);
        assert_eq!((delivery.state, delivery.tries.len()), (DeliveryState::GivenUp, 24));
        assert_eq!(delivery.again(at).due_at(), Some(at));
        assert_eq!(delivery.again(at).after(answered(503, at), 1).due_at(), Some(at.plus_ms(1)));
    }

    #[test]
    fn what_the_receiver_answers_decides() {
        for (status, expected) in [
            (200, DeliveryState::Delivered),
            (204, DeliveryState::Delivered),
            (410, DeliveryState::GivenUp),
            (301, DeliveryState::Waiting { due_at: NOW.plus_ms(5) }),
            (404, DeliveryState::Waiting { due_at: NOW.plus_ms(5) }),
            (500, DeliveryState::Waiting { due_at: NOW.plus_ms(5) }),
        ] {
            assert_eq!(delivery().after(answered(status, NOW), 5).state, expected, "{status}");
        }
    }

    #[test]
    fn what_is_sent_once_more_is_not_forgotten_before_it_is_given_up() {
        let old = Delivery { expires_at: NOW.plus_ms(1000), ..delivery() };
        let again = old.again(NOW);
        assert!(again.expires_at > NOW.plus_ms(DELIVERY_PATIENCE_MS));
        assert_eq!(delivery().again(NOW).expires_at, delivery().expires_at);
    }

    #[test]
    fn one_that_was_tried_in_vain_and_is_not_tried_soon_is_stuck() {
        let (fresh, failed) = (delivery(), delivery().after(answered(500, NOW), 100));
        assert!(!fresh.put_off(NOW.plus_ms(100)).is_stuck(NOW), "it was not tried");
        assert!(failed.is_stuck(NOW.plus_ms(99)) && !failed.is_stuck(NOW.plus_ms(100)));
        assert!(failed.given_up().is_stuck(NOW) && fresh.given_up().is_stuck(NOW));
        assert!(!failed.given_up().again(NOW).is_stuck(NOW), "it is on its way");
        assert!(!fresh.after(answered(204, NOW), 5).is_stuck(NOW));
    }

    #[test]
    fn the_last_tries_are_remembered() {
        let mut delivery = delivery();
        for n in 0..2 * MAX_TRIES as u64 {
            delivery = delivery.after(answered(500, NOW.plus_ms(n)), 1);
        }
        assert_eq!((delivery.tries.len(), delivery.tries[0].at), (MAX_TRIES, NOW.plus_ms(MAX_TRIES as u64)));
    }

    #[test]
    fn two_secrets_sign_while_one_takes_over_from_the_other() {
        let first = Webhook {
            id: WebhookId(Uuid::from_u128(1)),
            owner: UserId(Uuid::from_u128(2)),
            url: "https://example.org/hook".into(),
            events: WebhookEvent::ALL.to_vec(),
            secrets: vec![WebhookSecret::new("whsec_one".into())],
            disabled: None,
            created_at: NOW,
            version: 1,
        };
        let until = NOW.plus_ms(1000);
        let second = first.with_secret("whsec_two".into(), until);
        let third = second.with_secret("whsec_three".into(), until);
        let signing = |webhook: &Webhook, now| {
            webhook.signing(now).map(|secret| secret.expose().to_owned()).collect::<Vec<_>>()
        };
        assert_eq!(signing(&second, NOW), ["whsec_two", "whsec_one"]);
        assert_eq!(signing(&second, until), ["whsec_two"]);
        assert_eq!(signing(&third, NOW), ["whsec_three", "whsec_two"]);
        assert_eq!((second.version, format!("{:?}", second.secrets[0])), (2, "(hidden, until None)".into()));
    }
}
