//! The doorbell on Google Pub/Sub: a topic that other programs know, too, and one subscription that all workers share.
//!
//! Pub/Sub has no second topic in the contract, so nothing is told of results. It delivers exactly once where the
//! subscription says so, which one that we make does: an acknowledgement is answered, and who has that answer is not
//! asked again.

mod address;
mod broker;
mod delivery;
mod listening;

use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use futures_util::FutureExt;
use google_cloud_pubsub::model::Message;
use reelmill_core::ports::{Channel, Delivery, Doorbell, DoorbellError, Ring};
use tokio::task::JoinHandle;

use self::address::Address;
use self::broker::Broker;
use self::delivery::Held;
use self::listening::Listening;
use super::desk::Desk;
use super::{Opening, body};
use crate::opening::OpenError;

/// How it is opened.
pub(super) const OPENING: Opening = |rest, _| async move { PubsubDoorbell::open(rest) }.boxed();

/// A doorbell on Google Pub/Sub.
pub struct PubsubDoorbell {
    broker: Arc<Broker>,
    desk: Arc<Desk<Held>>,
    listening: Mutex<Option<JoinHandle<()>>>,
}

impl PubsubDoorbell {
    /// Nothing is connected yet: a broker that is down keeps nobody from starting.
    fn open(rest: &str) -> Result<Arc<dyn Doorbell>, OpenError> {
        let emulator = std::env::var("PUBSUB_EMULATOR_HOST").ok();
        let address = Address::parse(rest, emulator.as_deref())
            .map_err(|reason| OpenError::BadUrl { scheme: "pubsub", reason })?;
        let broker = Arc::new(Broker::new(address));
        Ok(Arc::new(Self { broker, desk: Arc::default(), listening: Mutex::default() }))
    }

    fn start(&self) {
        let mut listening = self.listening.lock().unwrap_or_else(PoisonError::into_inner);
        // A panic in there is a bug, not a reason to be deaf for ever.
        if listening.as_ref().is_none_or(JoinHandle::is_finished) {
            let (desk, broker) = (Arc::clone(&self.desk), Arc::clone(&self.broker));
            *listening = Some(tokio::spawn(Listening { desk, broker }.run()));
        }
    }
}

impl Drop for PubsubDoorbell {
    fn drop(&mut self) {
        if let Some(listening) = self.listening.get_mut().unwrap_or_else(PoisonError::into_inner) {
            listening.abort();
        }
    }
}

#[async_trait]
impl Doorbell for PubsubDoorbell {
    fn is_queue(&self) -> bool {
        true
    }

    async fn ring(&self, channel: Channel, ring: &Ring) -> Result<(), DoorbellError> {
        if channel == Channel::Results {
            return Ok(());
        }
        let message = Message::new().set_data(body::write(ring));
        self.broker.publish(message).await.map_err(DoorbellError::Unavailable)
    }

    async fn listen(&self, channel: Channel) -> Result<Box<dyn Delivery>, DoorbellError> {
        if channel == Channel::Results {
            return std::future::pending().await;
        }
        self.start();
        let held = self.desk.listen().await.map_err(DoorbellError::Unavailable)?;
        Ok(Box::new(held))
    }

    async fn check(&self) -> Result<(), DoorbellError> {
        let checked = async {
            self.broker.make().await?;
            self.broker.look().await
        };
        checked.await.map_err(DoorbellError::Unavailable)
    }
}
