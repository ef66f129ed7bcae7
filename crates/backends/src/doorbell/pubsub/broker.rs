//! What is done at Pub/Sub: making what is missing, publishing with its word for it, asking whether it is there.
//!
//! A topic or subscription that exists is used as it is. Looking may be forbidden to an account that may publish or
//! pull, so a refused look is no failure; the act that follows will tell.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use google_cloud_auth::credentials::{self, Credentials};
use google_cloud_gax::error::rpc::Code;
use google_cloud_gax::retry_policy::RetryPolicyExt;
use google_cloud_pubsub::Error;
use google_cloud_pubsub::client::{BasePublisher, Publisher, Subscriber, SubscriptionAdmin, TopicAdmin};
use google_cloud_pubsub::error::PublishError;
use google_cloud_pubsub::model::{DeadLetterPolicy, ExpirationPolicy, Message, RetryPolicy};
use google_cloud_pubsub::retry_policy::RetryableErrors;
use google_cloud_wkt as wkt;
use tokio::sync::OnceCell;

use super::address::Address;
use crate::doorbell::outage::Outage;

/// How long an answer may take, and how long while the last one failed.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
const BRIEFLY: Duration = Duration::from_secs(1);
/// How often a call is tried before it has failed: Google asks for that, a lone failure there means nothing.
const TRIES: u32 = 3;
/// How long a message is a listener's before it must be extended, which happens by itself.
const ACK_DEADLINE_SECONDS: i32 = 60;
/// When the broker gives up on a message, where it was told where to put it. Poison is counted in the catalog.
const MAX_DELIVERIES: i32 = 100;
/// How many messages that were given up here are known by their ids.
const MAX_GIVEN_UP: usize = 1_000;

/// Pub/Sub, as one project's topic.
pub(super) struct Broker {
    pub(super) address: Address,
    clients: OnceCell<Clients>,
    /// Whether topic and subscription are known to be there.
    is_made: AtomicBool,
    is_dead_made: AtomicBool,
    rings: Mutex<Outage>,
    given_up: Mutex<VecDeque<String>>,
}

struct Clients {
    topics: TopicAdmin,
    subscriptions: SubscriptionAdmin,
    subscriber: Subscriber,
    publisher: Publisher,
    dead: Publisher,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Broker {
    pub(super) fn new(address: Address) -> Self {
        Self {
            address,
            clients: OnceCell::new(),
            is_made: AtomicBool::default(),
            is_dead_made: AtomicBool::default(),
            rings: Mutex::default(),
            given_up: Mutex::default(),
        }
    }

    /// Made once; it connects when it is used.
    async fn clients(&self) -> Result<&Clients, String> {
        self.clients.get_or_try_init(|| Clients::new(&self.address)).await
    }

    pub(super) async fn subscriber(&self) -> Result<&Subscriber, String> {
        Ok(&self.clients().await?.subscriber)
    }

    /// Makes topic and subscription where they are missing, unless that was done. A subscription keeps what is published
    /// from then on, so it comes before the first message.
    pub(super) async fn make(&self) -> Result<(), String> {
        if self.is_made.load(Ordering::Relaxed) {
            return Ok(());
        }
        self.within(ANSWER_WITHIN, async {
            let clients = self.clients().await?;
            if let Some(dead_topic) = self.address.dead_topic() {
                self.told(clients.topic(&dead_topic).await)?;
            }
            self.told(clients.topic(&self.address.topic()).await)?;
            self.told(clients.subscription(&self.address).await)
        })
        .await?;
        self.is_made.store(true, Ordering::Relaxed);
        Ok(())
    }

    /// Looks whether topic and subscription are there.
    pub(super) async fn look(&self) -> Result<(), String> {
        let looked = self.within(ANSWER_WITHIN, async {
            let clients = self.clients().await?;
            self.told(allowed(clients.topics.get_topic().set_topic(self.address.topic()).send().await))?;
            let subscription =
                clients.subscriptions.get_subscription().set_subscription(self.address.subscription());
            self.told(allowed(subscription.send().await))
        });
        looked.await.inspect_err(|_| self.is_made.store(false, Ordering::Relaxed))
    }

    /// Publishes to the topic. `Ok` when Pub/Sub has the message.
    pub(super) async fn publish(&self, message: Message) -> Result<(), String> {
        let patience = {
            let rings = locked(&self.rings);
            if rings.until().is_some() {
                return Err(rings.trouble());
            }
            if rings.is_on() { BRIEFLY } else { ANSWER_WITHIN }
        };
        // Boxed, since the client's futures are large and every caller would hold one.
        let taken = Box::pin(self.within(patience, self.published(message))).await;
        match &taken {
            Ok(()) => locked(&self.rings).end(),
            Err(trouble) => locked(&self.rings).fail(trouble.clone()),
        }
        taken
    }

    async fn published(&self, message: Message) -> Result<(), String> {
        self.make().await?;
        let topic = &self.clients().await?.publisher;
        let mut taken = topic.publish(message.clone()).await;
        if taken.as_ref().is_err_and(is_missing) {
            self.is_made.store(false, Ordering::Relaxed);
            self.make().await?;
            taken = topic.publish(message).await;
        }
        taken.map(drop).map_err(|error| self.said(&error))
    }

    /// Publishes where people find what was set aside.
    pub(super) async fn publish_dead(&self, message: Message) -> Result<(), String> {
        self.within(ANSWER_WITHIN, async {
            let clients = self.clients().await?;
            if !self.is_dead_made.load(Ordering::Relaxed) {
                let (topic, subscription) = self.address.set_aside();
                self.told(clients.topic(&topic).await)?;
                let kept =
                    clients.subscriptions.create_subscription().set_name(subscription).set_topic(topic);
                self.told(made(kept.set_expiration_policy(ExpirationPolicy::new()).send().await))?;
                self.is_dead_made.store(true, Ordering::Relaxed);
            }
            clients.dead.publish(message).await.map(drop).map_err(|error| self.said(&error))
        })
        .await
    }

    /// Keeps in mind that a message was in hand here and comes again.
    pub(super) fn give_up(&self, message_id: String) {
        let mut given_up = locked(&self.given_up);
        given_up.push_back(message_id);
        if given_up.len() > MAX_GIVEN_UP {
            given_up.pop_front();
        }
    }

    /// Whether a message was in hand here before.
    pub(super) fn was_given_up(&self, message_id: &str) -> bool {
        locked(&self.given_up).iter().any(|id| id == message_id)
    }

    async fn within<T>(
        &self,
        patience: Duration,
        doing: impl Future<Output = Result<T, String>>,
    ) -> Result<T, String> {
        let late = |_| format!("{} did not answer within {} s", self.at(), patience.as_secs());
        tokio::time::timeout(patience, doing).await.map_err(late)?
    }

    /// Where it is, for people.
    fn at(&self) -> &str {
        self.address.endpoint.as_deref().unwrap_or("Google Pub/Sub")
    }

    fn said(&self, error: &PublishError) -> String {
        match error {
            PublishError::Rpc(error) => self.explained(error),
            other => other.to_string(),
        }
    }

    fn told(&self, done: Result<(), Error>) -> Result<(), String> {
        done.map_err(|error| self.explained(&error))
    }

    /// What is wrong, for people.
    pub(super) fn explained(&self, error: &Error) -> String {
        let at = self.at();
        match error.status() {
            Some(status) if status.code == Code::Unauthenticated => {
                format!("{at} does not accept the credentials: {}", status.message)
            }
            Some(status) => format!("{at}: {}: {}", status.code.name(), status.message),
            None if error.is_authentication() => format!("there are no credentials for {at}: {error}"),
            None => format!("cannot reach {at}: {error}"),
        }
    }
}

impl Clients {
    async fn new(address: &Address) -> Result<Self, String> {
        let no = |what: &str, error: &dyn std::error::Error| format!("no {what} for Pub/Sub: {error}");
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Lost against another one that was as fast, which is as good.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
        let credentials: Credentials = if address.is_open_to_all() {
            credentials::anonymous::Builder::new().build()
        } else {
            credentials::Builder::default().build().map_err(|error| no("credentials", &error))?
        };
        let endpoint = address.endpoint.as_deref().unwrap_or("https://pubsub.googleapis.com");
        let tries = || RetryableErrors.with_attempt_limit(TRIES);
        let topics = TopicAdmin::builder().with_endpoint(endpoint).with_credentials(credentials.clone());
        let subscriptions =
            SubscriptionAdmin::builder().with_endpoint(endpoint).with_credentials(credentials.clone());
        let publisher =
            BasePublisher::builder().with_endpoint(endpoint).with_credentials(credentials.clone());
        let publisher =
            publisher.with_retry_policy(tries()).build().await.map_err(|error| no("client", &error))?;
        let subscriber = Subscriber::builder().with_endpoint(endpoint).with_credentials(credentials);
        Ok(Self {
            topics: topics.with_retry_policy(tries()).build().await.map_err(|error| no("client", &error))?,
            subscriptions: subscriptions
                .with_retry_policy(tries())
                .build()
                .await
                .map_err(|error| no("client", &error))?,
            subscriber: subscriber.build().await.map_err(|error| no("client", &error))?,
            dead: publisher.publisher(address.set_aside().0).build(),
            publisher: publisher.publisher(address.topic()).build(),
        })
    }

    async fn topic(&self, name: &str) -> Result<(), Error> {
        let looked = allowed(self.topics.get_topic().set_topic(name).send().await);
        match looked {
            Err(error) if code(&error) == Some(Code::NotFound) => {
                made(self.topics.create_topic().set_name(name).send().await)
            }
            known => known,
        }
    }

    async fn subscription(&self, address: &Address) -> Result<(), Error> {
        let looked =
            self.subscriptions.get_subscription().set_subscription(address.subscription()).send().await;
        match allowed(looked) {
            Err(error) if code(&error) == Some(Code::NotFound) => {}
            known => return known,
        }
        let again = RetryPolicy::new()
            .set_minimum_backoff(wkt::Duration::clamp(1, 0))
            .set_maximum_backoff(wkt::Duration::clamp(60, 0));
        let mut wanted = self
            .subscriptions
            .create_subscription()
            .set_name(address.subscription())
            .set_topic(address.topic())
            .set_ack_deadline_seconds(ACK_DEADLINE_SECONDS)
            .set_enable_exactly_once_delivery(true)
            .set_retry_policy(again)
            // Without a time to live it is kept however long nobody pulls.
            .set_expiration_policy(ExpirationPolicy::new());
        if let Some(dead_topic) = address.dead_topic() {
            let policy = DeadLetterPolicy::new().set_dead_letter_topic(dead_topic);
            wanted = wanted.set_dead_letter_policy(policy.set_max_delivery_attempts(MAX_DELIVERIES));
        }
        made(wanted.send().await)
    }
}

/// A look that is forbidden has not failed.
fn allowed<T>(looked: Result<T, Error>) -> Result<(), Error> {
    match looked {
        Err(error) if code(&error) == Some(Code::PermissionDenied) => Ok(()),
        looked => looked.map(drop),
    }
}

/// What somebody else made in the meantime is there, too.
fn made<T>(made: Result<T, Error>) -> Result<(), Error> {
    match made {
        Err(error) if code(&error) == Some(Code::AlreadyExists) => Ok(()),
        made => made.map(drop),
    }
}

fn code(error: &Error) -> Option<Code> {
    error.status().map(|status| status.code)
}

fn is_missing(error: &PublishError) -> bool {
    matches!(error, PublishError::Rpc(error) if code(error) == Some(Code::NotFound))
}
