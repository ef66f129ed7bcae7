//! RabbitMQ in the hands of another program: two queues of a random name, gone when the case is over.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::FutureExt;
use lapin::options::{BasicGetOptions, BasicPublishOptions, QueueDeleteOptions};
use lapin::{BasicProperties, Connection, ConnectionProperties};
use reelmill_backends::{Deployment, doorbell};
use reelmill_conformance::Place;
use reelmill_conformance::doorbell::queue::Queue;
use reelmill_core::ports::{Channel, Doorbell};
use uuid::Uuid;

pub(super) fn is_here() -> Result<(), String> {
    server().map(drop)
}

fn server() -> Result<String, String> {
    std::env::var("REELMILL_TEST_AMQP")
        .map_err(|_| "REELMILL_TEST_AMQP is not set: no RabbitMQ server here".into())
}

/// Two queues and those of their dead letters.
struct Queues {
    video: String,
    mp3: String,
    kind: &'static str,
}

impl Queues {
    fn new(kind: &'static str) -> Arc<Self> {
        let name = Uuid::new_v4();
        Arc::new(Self { video: format!("video-{name}"), mp3: format!("mp3-{name}"), kind })
    }

    fn of(&self, channel: Channel) -> &str {
        match channel {
            Channel::Work => &self.video,
            Channel::Results => &self.mp3,
        }
    }

    async fn open(&self) -> Arc<dyn Doorbell> {
        let url = format!("{}?video={}&mp3={}&type={}", server().unwrap(), self.video, self.mp3, self.kind);
        doorbell::open(&url, &Deployment::within("unused".into())).await.unwrap()
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        let names = [&self.video, &self.mp3].map(|name| [name.clone(), format!("{name}.dead")]).concat();
        // This runtime may be about to end, so the last word is said on another.
        let gone = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(async {
                let connection = connect().await;
                for name in names {
                    let channel = connection.create_channel().await.unwrap();
                    channel.queue_delete(name.as_str().into(), QueueDeleteOptions::default()).await.unwrap();
                }
                // Its channels may still be closing, which it takes for an error.
                let _ = connection.close(200, "done".into()).await;
            });
        });
        gone.join().unwrap();
    }
}

async fn connect() -> Connection {
    let url = server().unwrap();
    let url = format!("{}/%2f", url.trim_end_matches('/'));
    Connection::connect(&url, ConnectionProperties::default()).await.unwrap()
}

pub(super) fn place() -> Place<dyn Doorbell> {
    of_kind("classic")
}

pub(super) fn quorum_place() -> Place<dyn Doorbell> {
    of_kind("quorum")
}

fn of_kind(kind: &'static str) -> Place<dyn Doorbell> {
    let queues = Queues::new(kind);
    Place::new(move || {
        let queues = Arc::clone(&queues);
        async move { queues.open().await }.boxed()
    })
}

/// Another program with a connection of its own.
struct Program {
    queues: Arc<Queues>,
    connection: Connection,
}

pub(super) fn queue() -> Place<dyn Queue> {
    let queues = Queues::new("classic");
    Place::new(move || {
        let queues = Arc::clone(&queues);
        async move { Arc::new(Program { queues, connection: connect().await }) as Arc<dyn Queue> }.boxed()
    })
}

impl Program {
    /// Waits for the next message of a queue, which may not be there yet.
    async fn next(&self, queue: &str) -> lapin::message::Delivery {
        loop {
            let channel = self.connection.create_channel().await.unwrap();
            let options = BasicGetOptions { no_ack: true };
            if let Ok(Some(message)) = channel.basic_get(queue.into(), options).await {
                return message.delivery;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[async_trait]
impl Queue for Program {
    async fn doorbell(&self) -> Arc<dyn Doorbell> {
        let bell = self.queues.open().await;
        // Connects, so that the queues are there for whoever sends.
        bell.check().await.unwrap();
        bell
    }

    fn has_results(&self) -> bool {
        true
    }

    async fn send(&self, channel: Channel, body: &[u8]) {
        let options = BasicPublishOptions::default();
        let opened = self.connection.create_channel().await.unwrap();
        let properties = BasicProperties::default();
        opened
            .basic_publish("".into(), self.queues.of(channel).into(), options, body, properties)
            .await
            .unwrap();
        opened.close(200, "sent".into()).await.unwrap();
    }

    async fn take(&self, channel: Channel) -> Vec<u8> {
        self.next(self.queues.of(channel)).await.data
    }

    async fn take_dead(&self, channel: Channel) -> (Vec<u8>, String) {
        let dead = self.next(&format!("{}.dead", self.queues.of(channel))).await;
        let headers = dead.properties.headers().clone().unwrap_or_default();
        let reason =
            headers.inner().get("x-reelmill-reason").and_then(|reason| reason.as_long_string()).cloned();
        (dead.data, String::from_utf8(reason.unwrap().as_bytes().to_vec()).unwrap())
    }
}
