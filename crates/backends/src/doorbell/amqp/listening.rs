//! From a queue to whoever listens.
//!
//! Each listener that waits has one consumer with room for one message, and the consumer is cancelled with that message:
//! the broker pushes at once where there is somebody to take it, and this process never holds a message that none of
//! its workers asked for, however they got their present work. A listener that comes back soon, as one that looks into
//! the catalog now and then does, finds its consumer still there.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use lapin::message::Delivery;
use lapin::options::{BasicCancelOptions, BasicConsumeOptions, BasicQosOptions};
use lapin::types::{FieldTable, ShortString};
use lapin::{Channel, Consumer};
use reelmill_core::ports;
use tokio::time::Instant;

use super::delivery::{Held, PREFETCH, Raw};
use super::line::Line;
use super::link::{Broken, Link, short};
use crate::doorbell::body;
use crate::doorbell::desk::Desk;
use crate::doorbell::outage::Outage;

/// How long a message that could be neither understood nor set aside is kept from coming again.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);

/// What listens on one queue.
pub(super) struct Listening {
    pub(super) desk: Arc<Desk<Held>>,
    pub(super) channel: ports::Channel,
    /// The connection that brings messages. A broker that is short of memory stops those that publish, and those alone.
    pub(super) line: Arc<Line>,
    /// The connection that publishes.
    pub(super) rings: Arc<Line>,
}

/// A consumer and the one message it waits for; none where the broker cancelled it.
type Waiting = BoxFuture<'static, (ShortString, Option<lapin::Result<Delivery>>)>;

impl Listening {
    /// Serves the listeners for as long as the doorbell is there.
    pub(super) async fn run(self) {
        let mut outage = Outage::default();
        loop {
            self.desk.is_wanted().await;
            if let Some(until) = outage.until() {
                tokio::time::sleep_until(until).await;
            }
            let link = match self.line.next_link().await {
                Ok(link) => link,
                Err(trouble) => {
                    self.desk.fail(trouble);
                    continue;
                }
            };
            // The link is let be: where it is sound, something may be held on it, and of the other queue, too.
            if let Err(trouble) = self.serve(&link, &mut outage).await {
                tracing::warn!(queue = self.queue(), trouble, "stopped listening, will try again");
                outage.fail(trouble);
                // The broker brings again whatever was not handed out yet.
                self.desk.clear();
            }
        }
    }

    fn queue(&self) -> &str {
        self.line.address.queue(self.channel)
    }

    /// Serves until nobody has waited for a while, or something breaks.
    async fn serve(&self, link: &Arc<Link>, outage: &mut Outage) -> Result<(), String> {
        let broken = |broken: Broken| broken.to_string();
        // A queue that was deleted ends its consumers, not the connection.
        link.declare(self.queue(), self.line.address.is_quorum).await.map_err(broken)?;
        let channel = link.channel().await.map_err(broken)?;
        let client = |error: lapin::Error| error.to_string();
        channel.basic_qos(PREFETCH, BasicQosOptions::default()).await.map_err(client)?;
        let mut waiting = FuturesUnordered::<Waiting>::new();
        let mut tags = HashSet::new();
        loop {
            while waiting.len() < self.desk.wanted() {
                let consumer = self.consumer(&channel).await.map_err(client)?;
                tags.insert(consumer.tag());
                waiting.push(next_of(consumer));
            }
            let idle_at = self.desk.idle_at(waiting.len());
            tokio::select! {
                Some((tag, came)) = waiting.next() => {
                    let delivery = came.ok_or("the broker ended it, the queue was deleted")?.map_err(client)?;
                    outage.end();
                    tags.remove(&tag);
                    // Before its acknowledgement can make room for another.
                    channel.basic_cancel(tag, BasicCancelOptions { nowait: true }).await.map_err(client)?;
                    self.take(link, &channel, delivery).await;
                }
                () = self.desk.demand() => {}
                () = tokio::time::sleep_until(idle_at.unwrap_or_else(Instant::now)), if idle_at.is_some() => {
                    return self.fold(link, &channel, tags, waiting).await;
                }
            }
        }
    }

    async fn consumer(&self, channel: &Channel) -> lapin::Result<Consumer> {
        let options = BasicConsumeOptions::default();
        channel
            .basic_consume(short(self.queue()), ShortString::default(), options, FieldTable::default())
            .await
    }

    /// Lays a message down for a listener, or sets it aside.
    async fn take(&self, link: &Arc<Link>, channel: &Channel, delivery: Delivery) {
        let raw = Raw::new(delivery, channel.clone(), self.queue(), link, &self.rings);
        match body::read(self.channel, raw.body()) {
            Ok(message) => self.desk.put(Held { message, raw }),
            Err(unreadable) => {
                if let Err(trouble) = raw.set_aside(&unreadable.reason()).await {
                    tracing::warn!(
                        queue = self.queue(),
                        trouble,
                        "could not set a message aside, will try again"
                    );
                    // It comes again at once, and no sooner than it is worth trying.
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
            }
        }
    }

    /// Ends all consumers, and gives back what nobody waits for.
    async fn fold(
        &self,
        link: &Arc<Link>,
        channel: &Channel,
        tags: HashSet<ShortString>,
        mut waiting: FuturesUnordered<Waiting>,
    ) -> Result<(), String> {
        for tag in tags {
            channel
                .basic_cancel(tag, BasicCancelOptions::default())
                .await
                .map_err(|error| error.to_string())?;
        }
        // A message may have been on its way when its consumer was cancelled.
        while let Some((_, came)) = waiting.next().await {
            if let Some(delivery) = came {
                self.take(link, channel, delivery.map_err(|error| error.to_string())?).await;
            }
        }
        for held in self.desk.take_back() {
            held.raw.give_back().await;
        }
        Ok(())
    }
}

fn next_of(mut consumer: Consumer) -> Waiting {
    Box::pin(async move {
        let came = consumer.next().await;
        (consumer.tag(), came)
    })
}
