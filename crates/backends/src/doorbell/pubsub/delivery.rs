//! A message of Pub/Sub in hand.
//!
//! The client extends its deadline for as long as it is held, and it is gone for good only when Pub/Sub has answered
//! the acknowledgement. A subscription of somebody else's that is not exactly-once has no such answer.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use async_trait::async_trait;
use google_cloud_pubsub::model::Message as Envelope;
use google_cloud_pubsub::subscriber::handler::Handler;
use reelmill_core::ports::{Delivery, DoorbellError, Message};
use tokio::runtime::Handle;

use super::broker::Broker;
use super::listening::UNTIL_CLOSED;
use crate::doorbell::body;
use crate::doorbell::desk::Desk;

/// How long the answer to an acknowledgement may take; the client tries again for as long.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(10);

/// A stream's room for one message.
#[derive(Clone)]
pub(super) struct Seat {
    held: Arc<AtomicUsize>,
    /// Whoever serves the desk wants to know of a seat that becomes free. The desk may hold what sits there.
    desk: Weak<Desk<Held>>,
}

impl Seat {
    pub(super) fn new(desk: &Arc<Desk<Held>>) -> Self {
        Self { held: Arc::default(), desk: Arc::downgrade(desk) }
    }

    /// Whether the stream may bring another message.
    pub(super) fn is_free(&self) -> bool {
        self.held.load(Ordering::Relaxed) == 0
    }

    pub(super) fn taken(&self) -> Taken {
        self.held.fetch_add(1, Ordering::Relaxed);
        Taken(self.clone())
    }
}

/// A seat with a message in it.
pub(super) struct Taken(Seat);

impl Drop for Taken {
    fn drop(&mut self) {
        self.0.held.fetch_sub(1, Ordering::Relaxed);
        if let Some(desk) = self.0.desk.upgrade() {
            desk.look_again();
        }
    }
}

/// A message as it came, understood or not.
pub(super) struct Raw {
    envelope: Envelope,
    /// None once it was acknowledged, whatever came of that.
    handler: Option<Handler>,
    broker: Arc<Broker>,
    /// Whether it was in hand before.
    is_redelivered: bool,
    /// Whether a listener had it, or may yet have it.
    is_in_hand: bool,
    _seat: Taken,
}

impl Raw {
    pub(super) fn new(envelope: Envelope, handler: Handler, broker: &Arc<Broker>, seat: Taken) -> Self {
        // Pub/Sub counts deliveries where it has a policy for too many of them, and says nothing where it has none.
        let is_redelivered =
            handler.delivery_attempt() > Some(1) || broker.was_given_up(&envelope.message_id);
        Self {
            envelope,
            handler: Some(handler),
            broker: Arc::clone(broker),
            is_redelivered,
            is_in_hand: true,
            _seat: seat,
        }
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.envelope.data
    }

    /// Ends it, and returns when Pub/Sub has said so.
    async fn acknowledge(&mut self) -> Result<(), String> {
        match self.handler.take() {
            Some(Handler::ExactlyOnce(handler)) => {
                match tokio::time::timeout(ACKNOWLEDGED_WITHIN, handler.confirmed_ack()).await {
                    Ok(acknowledged) => acknowledged.map_err(|error| error.to_string()),
                    Err(_) => {
                        Err(format!("Pub/Sub did not answer within {} s", ACKNOWLEDGED_WITHIN.as_secs()))
                    }
                }
            }
            Some(handler) => {
                handler.ack();
                Ok(())
            }
            None => Ok(()),
        }
    }

    /// Puts a copy where people find it, with the reason, and ends it.
    pub(super) async fn set_aside(&mut self, reason: &str) -> Result<(), String> {
        let (topic, reason) = (self.broker.address.topic(), body::shortened(reason));
        tracing::warn!(topic, reason, "set a message aside");
        let mut copy = self.copy();
        copy.attributes.insert("x-reelmill-reason".into(), reason);
        copy.attributes.insert("x-reelmill-topic".into(), topic);
        self.broker.publish_dead(copy).await?;
        self.acknowledge().await
    }

    /// Gives it back as if it had never been here. Two of it, after a crash in between, do no harm.
    pub(super) async fn give_back(&mut self) {
        self.is_in_hand = false;
        if self.broker.publish(self.copy()).await.is_ok() {
            // Where this fails, it comes once more.
            let _ = self.acknowledge().await;
        }
    }

    fn copy(&self) -> Envelope {
        Envelope::new().set_data(self.envelope.data.clone()).set_attributes(self.envelope.attributes.clone())
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        let Some(handler) = self.handler.take_if(|_| self.is_in_hand) else { return };
        self.broker.give_up(std::mem::take(&mut self.envelope.message_id));
        // Dropping the handler refuses the message, so that it comes again soon: not to the stream that brought it,
        // where that is about to be closed, too.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(async move {
                tokio::time::sleep(UNTIL_CLOSED).await;
                drop(handler);
            });
        }
    }
}

/// A message that is understood.
pub(super) struct Held {
    pub(super) message: Message,
    pub(super) raw: Raw,
}

#[async_trait]
impl Delivery for Held {
    fn message(&self) -> &Message {
        &self.message
    }

    fn is_redelivered(&self) -> bool {
        self.raw.is_redelivered
    }

    async fn settle(mut self: Box<Self>) -> Result<(), DoorbellError> {
        self.raw.acknowledge().await.map_err(DoorbellError::Unavailable)
    }

    async fn refuse(mut self: Box<Self>, reason: &str) -> Result<(), DoorbellError> {
        self.raw.set_aside(reason).await.map_err(DoorbellError::Unavailable)
    }
}
