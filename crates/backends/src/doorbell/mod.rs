//! Doorbells: what wakes workers.

#[cfg(feature = "doorbell-amqp")]
mod amqp;
#[cfg(any(feature = "doorbell-amqp", feature = "doorbell-pubsub"))]
mod body;
#[cfg(any(feature = "doorbell-amqp", feature = "doorbell-pubsub"))]
mod desk;
#[cfg(feature = "doorbell-embedded")]
mod embedded;
#[cfg(any(feature = "doorbell-amqp", feature = "doorbell-pubsub"))]
mod outage;
#[cfg(feature = "doorbell-pubsub")]
mod pubsub;

use std::sync::Arc;

use reelmill_core::ports::Doorbell;

use crate::opening::{self, Backend, Deployment, OpenError, Opened};

#[cfg(feature = "doorbell-amqp")]
pub use amqp::AmqpDoorbell;
#[cfg(feature = "doorbell-embedded")]
pub use embedded::EmbeddedDoorbell;
#[cfg(feature = "doorbell-pubsub")]
pub use pubsub::PubsubDoorbell;

/// The doorbell of an installation that names none.
pub const DEFAULT_URL: &str = "embedded:";

/// The doorbells that there are.
pub const BACKENDS: &[Backend<Opening>] = &[
    Backend {
        scheme: "embedded",
        feature: "doorbell-embedded",
        title: "within the process",
        #[cfg(feature = "doorbell-embedded")]
        opening: Some(embedded::OPENING),
        #[cfg(not(feature = "doorbell-embedded"))]
        opening: None,
    },
    Backend {
        scheme: "amqp",
        feature: "doorbell-amqp",
        title: "RabbitMQ",
        #[cfg(feature = "doorbell-amqp")]
        opening: Some(amqp::OPENING),
        #[cfg(not(feature = "doorbell-amqp"))]
        opening: None,
    },
    Backend {
        scheme: "amqps",
        feature: "doorbell-amqp",
        title: "RabbitMQ, encrypted",
        #[cfg(feature = "doorbell-amqp")]
        opening: Some(amqp::ENCRYPTED),
        #[cfg(not(feature = "doorbell-amqp"))]
        opening: None,
    },
    Backend {
        scheme: "pubsub",
        feature: "doorbell-pubsub",
        title: "Google Pub/Sub",
        #[cfg(feature = "doorbell-pubsub")]
        opening: Some(pubsub::OPENING),
        #[cfg(not(feature = "doorbell-pubsub"))]
        opening: None,
    },
];

/// How a doorbell is opened: from what follows the URL's colon.
pub type Opening = for<'a> fn(&'a str, &'a Deployment) -> Opened<'a, Arc<dyn Doorbell>>;

/// Opens the doorbell of that URL.
///
/// # Errors
/// Where no such backend is in this build, or it cannot be used.
pub async fn open(url: &str, deployment: &Deployment) -> Result<Arc<dyn Doorbell>, OpenError> {
    let (open, rest) = opening::pick("doorbell", BACKENDS, url)?;
    open(rest, deployment).await
}
