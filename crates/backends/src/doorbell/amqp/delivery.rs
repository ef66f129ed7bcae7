//! A message of the broker in hand.
//!
//! It stays the broker's until it is acknowledged: whatever becomes of this process, it comes again. What is not
//! settled goes back with its mark of having been delivered; what nobody was given goes back without it, because that
//! mark says that somebody died.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use lapin::options::{BasicAckOptions, BasicNackOptions, BasicQosOptions};
use lapin::types::{AMQPValue, FieldTable};
use lapin::{BasicProperties, Channel};
use reelmill_core::ports::{Delivery, DoorbellError, Message};

use super::address::dead;
use super::line::Line;
use super::link::{ANSWER_WITHIN, Broken, Link};
use crate::doorbell::body;

/// How many messages a consumer may have unacknowledged: each is one listener's.
pub(super) const PREFETCH: u16 = 1;
/// How often is looked whether the channel of a message in hand is still there; asking it costs nothing.
const BETWEEN_LOOKS: Duration = Duration::from_millis(100);
/// AMQP's mark of a message that outlives the broker.
pub(super) const PERSISTENT: u8 = 2;

/// A message as it came, understood or not.
pub(super) struct Raw {
    delivery: lapin::message::Delivery,
    /// Where it came in, and where alone it can be acknowledged.
    channel: Channel,
    queue: String,
    /// Held, so that the connection stays as long as there is something to acknowledge.
    _link: Arc<Link>,
    /// The way to publish.
    rings: Arc<Line>,
}

impl Raw {
    pub(super) fn new(
        delivery: lapin::message::Delivery,
        channel: Channel,
        queue: &str,
        link: &Arc<Link>,
        rings: &Arc<Line>,
    ) -> Self {
        let (queue, link, rings) = (queue.to_owned(), Arc::clone(link), Arc::clone(rings));
        Self { delivery, channel, queue, _link: link, rings }
    }

    pub(super) fn body(&self) -> &[u8] {
        &self.delivery.data
    }

    /// Ends it, and returns when the broker has read that.
    async fn acknowledge(&self) -> Result<(), String> {
        let acknowledged = async {
            if !self.delivery.acker.ack(BasicAckOptions::default()).await? {
                return Ok(false);
            }
            // AMQP does not answer an acknowledgement, but it answers this, and keeps the order of a channel.
            self.channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.map(|()| true)
        };
        match tokio::time::timeout(ANSWER_WITHIN, acknowledged).await {
            Ok(Ok(true)) => Ok(()),
            Ok(Ok(false)) => Err("the connection that brought the message is gone".into()),
            Ok(Err(error)) => Err(Broken::Client(error).to_string()),
            Err(_) => Err(Broken::Late(ANSWER_WITHIN).to_string()),
        }
    }

    /// Puts a copy where people find it, with the reason, and ends it.
    pub(super) async fn set_aside(&self, reason: &str) -> Result<(), String> {
        let mut headers = self.delivery.properties.headers().clone().unwrap_or_default();
        let reason = body::shortened(reason);
        headers.insert("x-reelmill-reason".into(), AMQPValue::LongString(reason.as_str().into()));
        headers.insert("x-reelmill-queue".into(), AMQPValue::LongString(self.queue.as_str().into()));
        tracing::warn!(queue = self.queue, reason, "set a message aside");
        self.copy_to(&dead(&self.queue), Some(headers)).await?;
        self.acknowledge().await
    }

    /// Gives it back as if it had never been here. Two of it, after a crash in between, do no harm.
    pub(super) async fn give_back(self) {
        let queue = self.queue.clone();
        if self.copy_to(&queue, self.delivery.properties.headers().clone()).await.is_ok() {
            // Where this fails, the broker brings it once more.
            let _ = self.acknowledge().await;
        }
    }

    async fn copy_to(&self, queue: &str, headers: Option<FieldTable>) -> Result<(), String> {
        let known = &self.delivery.properties;
        // What else the sender set, a time to live for one, was about this one delivery.
        let mut properties = BasicProperties::default().with_delivery_mode(PERSISTENT);
        if let Some(content_type) = known.content_type() {
            properties = properties.with_content_type(content_type.clone());
        }
        if let Some(message_id) = known.message_id() {
            properties = properties.with_message_id(message_id.clone());
        }
        if let Some(headers) = headers {
            properties = properties.with_headers(headers);
        }
        self.rings.publish(queue, self.body(), properties).await
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Does nothing where it was acknowledged, or its connection is gone. The first poll sends it.
        let options = BasicNackOptions { requeue: true, ..BasicNackOptions::default() };
        let _ = self.delivery.acker.nack(options).now_or_never();
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
        self.raw.delivery.redelivered
    }

    async fn lost(&self) {
        while self.raw.channel.status().connected() {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    fn tells_loss(&self) -> bool {
        true
    }

    async fn settle(self: Box<Self>) -> Result<(), DoorbellError> {
        self.raw.acknowledge().await.map_err(DoorbellError::Unavailable)
    }

    async fn refuse(self: Box<Self>, reason: &str) -> Result<(), DoorbellError> {
        self.raw.set_aside(reason).await.map_err(DoorbellError::Unavailable)
    }
}
