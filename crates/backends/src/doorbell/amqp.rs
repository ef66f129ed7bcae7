//! The doorbell on RabbitMQ: two durable queues that other programs know, too.
//!
//! A ring is done when the broker has confirmed it; while there is no broker it fails at once, and whoever rings tells
//! the catalog's story again later. Nothing waits in memory. Deliveries are the broker's until they are settled, so
//! a process that dies loses none.

mod address;
mod delivery;
mod line;
mod link;
mod listening;
mod wire;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt;
use lapin::BasicProperties;
use reelmill_core::ports::{Channel, Delivery, Doorbell, DoorbellError, Ring};
use tokio::task::JoinHandle;

use self::address::Address;
use self::delivery::{Held, PERSISTENT};
use self::line::Line;
use self::link::ANSWER_WITHIN;
use self::listening::Listening;
use super::desk::Desk;
use super::{Opening, body};
use crate::opening::OpenError;

/// How it is opened.
pub(super) const OPENING: Opening = |rest, _| async { AmqpDoorbell::open(rest, false) }.boxed();
/// How it is opened where the connection is encrypted.
pub(super) const ENCRYPTED: Opening = |rest, _| async { AmqpDoorbell::open(rest, true) }.boxed();

/// A doorbell on RabbitMQ.
pub struct AmqpDoorbell {
    address: Arc<Address>,
    rings: Arc<Line>,
    work: Ear,
    results: Ear,
}

/// What hears on one channel, from the first listener on.
struct Ear {
    channel: Channel,
    desk: Arc<Desk<Held>>,
    listening: Mutex<Option<JoinHandle<()>>>,
    line: Arc<Line>,
}

impl AmqpDoorbell {
    /// Nothing is connected yet: a broker that is down keeps nobody from starting.
    fn open(rest: &str, is_encrypted: bool) -> Result<Arc<dyn Doorbell>, OpenError> {
        let scheme = if is_encrypted { "amqps" } else { "amqp" };
        let address =
            Address::parse(rest, is_encrypted).map_err(|reason| OpenError::BadUrl { scheme, reason })?;
        let address = Arc::new(address);
        // One connection brings the messages of both queues.
        let line = Line::new(Arc::clone(&address));
        let ear = |channel| Ear {
            channel,
            desk: Arc::default(),
            listening: Mutex::default(),
            line: Arc::clone(&line),
        };
        let (work, results) = (ear(Channel::Work), ear(Channel::Results));
        Ok(Arc::new(Self { rings: Line::new(Arc::clone(&address)), address, work, results }))
    }
}

impl Ear {
    fn start(&self, rings: &Arc<Line>) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        // A panic in there is a bug, not a reason to be deaf for ever.
        if listening.as_ref().is_none_or(JoinHandle::is_finished) {
            let (desk, line, rings) = (Arc::clone(&self.desk), Arc::clone(&self.line), Arc::clone(rings));
            *listening = Some(tokio::spawn(Listening { desk, channel: self.channel, line, rings }.run()));
        }
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.get_mut().unwrap_or_else(PoisonError::into_inner) {
            listening.abort();
        }
    }
}

#[async_trait]
impl Doorbell for AmqpDoorbell {
    fn is_queue(&self) -> bool {
        true
    }

    async fn ring(&self, channel: Channel, ring: &Ring) -> Result<(), DoorbellError> {
        let properties = BasicProperties::default()
            .with_delivery_mode(PERSISTENT)
            .with_content_type("application/json".into())
            .with_app_id("reelmill".into());
        let queue = self.address.queue(channel);
        let taken = self.rings.publish(queue, &body::write(ring), properties).await;
        taken.map_err(DoorbellError::Unavailable)
    }

    async fn listen(&self, channel: Channel) -> Result<Box<dyn Delivery>, DoorbellError> {
        let ear = match channel {
            Channel::Work => &self.work,
            Channel::Results => &self.results,
        };
        ear.start(&self.rings);
        let held = ear.desk.listen().await.map_err(DoorbellError::Unavailable)?;
        Ok(Box::new(held))
    }

    async fn check(&self) -> Result<(), DoorbellError> {
        let link = self.rings.link().await.map_err(DoorbellError::Unavailable)?;
        let declared = async {
            for channel in [Channel::Work, Channel::Results] {
                link.declare(self.address.queue(channel), self.address.is_quorum).await?;
            }
            Ok::<_, link::Broken>(())
        };
        let trouble = match tokio::time::timeout(ANSWER_WITHIN, declared).await {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(broken)) => broken,
            Err(_) => link::Broken::Late(ANSWER_WITHIN),
        };
        let trouble = link::explained(&self.address, &trouble);
        self.rings.give_up(&link, trouble.clone());
        Err(DoorbellError::Unavailable(trouble))
    }
}
