//! Pub/Sub in the hands of another program: a topic of a random name in the emulator, gone when the case is over.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use google_cloud_auth::credentials::{Credentials, anonymous};
use google_cloud_pubsub::client::{Publisher, Subscriber, SubscriptionAdmin, TopicAdmin};
use google_cloud_pubsub::model::Message;
use google_cloud_pubsub::subscriber::MessageStream;
use reelmill_backends::{Deployment, doorbell};
use reelmill_conformance::Place;
use reelmill_conformance::doorbell::queue::Queue;
use reelmill_core::ports::{Channel, Doorbell};
use tokio::sync::Mutex;
use uuid::Uuid;

pub(super) fn is_here() -> Result<(), String> {
    server().map(drop)
}

fn server() -> Result<String, String> {
    std::env::var("REELMILL_TEST_PUBSUB")
        .map_err(|_| "REELMILL_TEST_PUBSUB is not set: no Pub/Sub emulator here".into())
}

fn nobody() -> Credentials {
    anonymous::Builder::new().build()
}

/// A topic, its subscription, and those for what was set aside.
struct Topic {
    name: String,
    /// Whether the broker counts deliveries, which it does where it is to give up after too many.
    counts: bool,
}

impl Topic {
    fn new(counts: bool) -> Arc<Self> {
        // Google's clients want one of the process, which a doorbell that a case opens would bring.
        let _ = tokio_rustls::rustls::crypto::ring::default_provider().install_default();
        Arc::new(Self { name: format!("tasks-{}", Uuid::new_v4()), counts })
    }

    fn full(&self, kind: &str, suffix: &str) -> String {
        format!("projects/reelmill/{kind}/{}{suffix}", self.name)
    }

    async fn open(&self) -> Arc<dyn Doorbell> {
        let name = &self.name;
        let dead = if self.counts { format!("&dead_topic={name}-given-up") } else { String::new() };
        let endpoint = server().unwrap();
        let url = format!("pubsub://reelmill?topic={name}&subscription={name}&endpoint={endpoint}{dead}");
        doorbell::open(&url, &Deployment::within("unused".into())).await.unwrap()
    }
}

impl Drop for Topic {
    fn drop(&mut self) {
        let topics = ["", "-dead", "-given-up"].map(|suffix| self.full("topics", suffix));
        let subscriptions = ["", "-dead"].map(|suffix| self.full("subscriptions", suffix));
        // This runtime may be about to end, so the last word is said on another.
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let endpoint = server().unwrap();
                // What stays costs the next case nothing, and not every case made them.
                let admin = SubscriptionAdmin::builder().with_endpoint(&endpoint).with_credentials(nobody());
                let Ok(admin) = admin.build().await else { return };
                for name in subscriptions {
                    let _ = admin.delete_subscription().set_subscription(name).send().await;
                }
                let admin = TopicAdmin::builder().with_endpoint(&endpoint).with_credentials(nobody());
                let Ok(admin) = admin.build().await else { return };
                for name in topics {
                    let _ = admin.delete_topic().set_topic(name).send().await;
                }
            });
        });
        gone.join().unwrap();
    }
}

pub(super) fn place() -> Place<dyn Doorbell> {
    counting(false)
}

pub(super) fn counting_place() -> Place<dyn Doorbell> {
    counting(true)
}

fn counting(counts: bool) -> Place<dyn Doorbell> {
    let topic = Topic::new(counts);
    Place::new(move || {
        let topic = Arc::clone(&topic);
        async move { topic.open().await }.boxed()
    })
}

/// Another program.
struct Program {
    topic: Arc<Topic>,
    publisher: Publisher,
    subscriber: Subscriber,
    /// Kept open: what is on its way to a stream that closes comes again only after a minute.
    streams: Mutex<HashMap<String, MessageStream>>,
}

pub(super) fn queue() -> Place<dyn Queue> {
    let topic = Topic::new(false);
    Place::new(move || {
        let topic = Arc::clone(&topic);
        async move {
            let endpoint = server().unwrap();
            let publisher = Publisher::builder(topic.full("topics", ""));
            let publisher =
                publisher.with_endpoint(&endpoint).with_credentials(nobody()).build().await.unwrap();
            let subscriber = Subscriber::builder().with_endpoint(&endpoint).with_credentials(nobody());
            let subscriber = subscriber.build().await.unwrap();
            Arc::new(Program { topic, publisher, subscriber, streams: Mutex::default() }) as Arc<dyn Queue>
        }
        .boxed()
    })
}

impl Program {
    /// Waits for the next message of a subscription, which may not be there yet.
    async fn next(&self, subscription: &str) -> Message {
        let mut streams = self.streams.lock().await;
        loop {
            let open = || self.subscriber.subscribe(subscription).set_max_outstanding_messages(1).build();
            let stream = streams.entry(subscription.to_owned()).or_insert_with(open);
            if let Some(Ok((message, handler))) = stream.next().await {
                handler.ack();
                return message;
            }
            streams.remove(subscription);
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

#[async_trait]
impl Queue for Program {
    async fn doorbell(&self) -> Arc<dyn Doorbell> {
        let bell = self.topic.open().await;
        // Connects, so that the topic is there for whoever sends.
        bell.check().await.unwrap();
        bell
    }

    fn has_results(&self) -> bool {
        false
    }

    async fn send(&self, _: Channel, body: &[u8]) {
        self.publisher.publish(Message::new().set_data(body.to_vec())).await.unwrap();
    }

    async fn take(&self, _: Channel) -> Vec<u8> {
        self.next(&self.topic.full("subscriptions", "")).await.data.to_vec()
    }

    async fn take_dead(&self, _: Channel) -> (Vec<u8>, String) {
        let dead = self.next(&self.topic.full("subscriptions", "-dead")).await;
        (dead.data.to_vec(), dead.attributes["x-reelmill-reason"].clone())
    }
}
