//! From the subscription to whoever listens.
//!
//! Each listener that waits has one stream with room for one message; the stream stays as long as its message is held,
//! gets no other meanwhile, and the next one right after. So this process holds what its workers asked for and hardly
//! more, and streams are as lasting as Pub/Sub wants them: a message on its way to a stream that closes comes again only
//! after its deadline of a minute. What nobody waits for any more is given back after a moment, and all streams end.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use google_cloud_pubsub::model::Message as Envelope;
use google_cloud_pubsub::subscriber::MessageStream;
use google_cloud_pubsub::subscriber::handler::Handler;
use reelmill_core::ports::Channel;
use tokio::time::Instant;

use super::broker::Broker;
use super::delivery::{Held, Raw, Seat};
use crate::doorbell::body;
use crate::doorbell::desk::Desk;
use crate::doorbell::outage::Outage;

/// How often is looked whether Pub/Sub is there while streams wait: they try again for ever and say nothing.
const BETWEEN_LOOKS: Duration = Duration::from_secs(15);
/// How long Pub/Sub may take to see that a stream is closed: what is published or refused before that may go there and come
/// again only after its deadline.
pub(super) const UNTIL_CLOSED: Duration = Duration::from_millis(500);
/// How long a message that could be neither understood nor set aside is kept from coming again.
const BETWEEN_TRIES: Duration = Duration::from_secs(1);
/// The longest that a delivery is held; the service settles it sooner.
const MAX_HELD: Duration = Duration::from_mins(30);

/// What listens on the subscription.
pub(super) struct Listening {
    pub(super) desk: Arc<Desk<Held>>,
    pub(super) broker: Arc<Broker>,
}

/// A stream, what became of it, and its seat.
type Came = (MessageStream, Seat, Option<google_cloud_pubsub::Result<(Envelope, Handler)>>);
type Waiting = BoxFuture<'static, Came>;

impl Listening {
    /// Serves the listeners for as long as the doorbell is there.
    pub(super) async fn run(self) {
        let mut outage = Outage::default();
        loop {
            self.desk.is_wanted().await;
            if let Some(until) = outage.until() {
                tokio::time::sleep_until(until).await;
            }
            let served = match self.broker.make().await {
                Ok(()) => Box::pin(self.serve(&mut outage)).await,
                Err(trouble) => Err(trouble),
            };
            if let Err(trouble) = served {
                tracing::warn!(
                    subscription = self.broker.address.subscription(),
                    trouble,
                    "stopped listening, will try again"
                );
                outage.fail(trouble.clone());
                self.desk.fail(trouble);
            }
        }
    }

    /// Serves until nobody has waited for a while, or something breaks.
    async fn serve(&self, outage: &mut Outage) -> Result<(), String> {
        let mut streams = FuturesUnordered::<Waiting>::new();
        let mut seats = Vec::<Seat>::new();
        let mut look_at = Instant::now() + BETWEEN_LOOKS;
        loop {
            let mut free = seats.iter().filter(|seat| seat.is_free()).count();
            while free < self.desk.wanted() {
                let (stream, seat) = (self.stream().await?, Seat::new(&self.desk));
                streams.push(next_of(stream, seat.clone()));
                seats.push(seat);
                free += 1;
            }
            let idle_at = self.desk.idle_at(free);
            tokio::select! {
                Some((stream, seat, came)) = streams.next() => {
                    let came = came.ok_or("Pub/Sub closed the stream")?;
                    let (envelope, handler) = came.map_err(|error| self.broker.explained(&error))?;
                    outage.end();
                    self.take(envelope, handler, &seat).await;
                    streams.push(next_of(stream, seat));
                }
                () = self.desk.demand() => {}
                () = tokio::time::sleep_until(look_at) => {
                    self.broker.look().await?;
                    outage.end();
                    look_at = Instant::now() + BETWEEN_LOOKS;
                }
                () = tokio::time::sleep_until(idle_at.unwrap_or_else(Instant::now)), if idle_at.is_some() => {
                    // What has arrived is given back; what is held keeps being extended without its stream.
                    while let Some(Some((_, seat, Some(Ok((envelope, handler)))))) = streams.next().now_or_never() {
                        self.take(envelope, handler, &seat).await;
                    }
                    drop(streams);
                    let unwanted = self.desk.take_back();
                    if !unwanted.is_empty() {
                        tokio::time::sleep(UNTIL_CLOSED).await;
                    }
                    for mut held in unwanted {
                        held.raw.give_back().await;
                    }
                    return Ok(());
                }
            }
        }
    }

    async fn stream(&self) -> Result<MessageStream, String> {
        let subscription = self.broker.address.subscription();
        let subscribe = self.broker.subscriber().await?.subscribe(subscription);
        Ok(subscribe.set_max_outstanding_messages(1).set_max_lease(MAX_HELD).build())
    }

    /// Lays a message down for a listener, or sets it aside.
    async fn take(&self, envelope: Envelope, handler: Handler, seat: &Seat) {
        let mut raw = Raw::new(envelope, handler, &self.broker, seat.taken());
        match body::read(Channel::Work, raw.body()) {
            Ok(message) => self.desk.put(Held { message, raw }),
            Err(unreadable) => {
                if let Err(trouble) = raw.set_aside(&unreadable.reason()).await {
                    tracing::warn!(trouble, "could not set a message aside, will try again");
                    tokio::time::sleep(BETWEEN_TRIES).await;
                }
            }
        }
    }
}

fn next_of(mut stream: MessageStream, seat: Seat) -> Waiting {
    Box::pin(async move {
        let came = stream.next().await;
        (stream, seat, came)
    })
}
