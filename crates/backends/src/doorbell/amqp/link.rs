//! A connection to the broker, and what is done on it: declaring queues, publishing with the broker's word for it.
//!
//! It is good until the first doubt. A publish that was not confirmed in time says that nobody may be there, so the
//! link is cut and the next caller gets a fresh one.

use std::sync::Arc;
use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions, QueueDeclareOptions};
use lapin::types::{AMQPValue, FieldTable, ShortString};
use lapin::{BasicProperties, Channel, Confirmation, Connection, ConnectionProperties, Error, ErrorKind};
use reelmill_core::ports;
use thiserror::Error as ThisError;

use super::address::Address;
use super::wire::{self, Cord};

/// How long a connection may take until the first message can go.
const OPEN_WITHIN: Duration = Duration::from_secs(10);
/// How long an answer of the broker may take.
pub(super) const ANSWER_WITHIN: Duration = Duration::from_secs(5);
/// AMQP 0-9-1's reply codes: no right to it, no such thing, not as declared before, not allowed.
const ACCESS_REFUSED: u16 = 403;
const NOT_FOUND: u16 = 404;
const PRECONDITION_FAILED: u16 = 406;
const NOT_ALLOWED: u16 = 530;

/// Why something on a link was not done.
#[derive(Debug, ThisError)]
pub(super) enum Broken {
    #[error("{0}")]
    Client(#[from] Error),
    #[error("the broker did not answer within {} s", .0.as_secs())]
    Late(Duration),
    #[error("the broker refused the message for `{0}`")]
    Refused(String),
    #[error("there is no queue `{0}`")]
    NoQueue(String),
}

/// A connection that is ready to publish.
pub(super) struct Link {
    connection: Connection,
    publishing: Channel,
    cord: Cord,
}

impl Link {
    /// Connects, and makes the queues that are missing. What is wrong is told in a sentence for people.
    pub(super) async fn open(address: &Address) -> Result<Arc<Self>, String> {
        let cord = Cord::default();
        let opened = tokio::time::timeout(OPEN_WITHIN, Self::opened(address, cord.clone())).await;
        let opened = opened.unwrap_or(Err(Broken::Late(OPEN_WITHIN)));
        if opened.is_err() {
            cord.cut();
        }
        opened.map(Arc::new).map_err(|broken| explained(address, &broken))
    }

    async fn opened(address: &Address, cord: Cord) -> Result<Self, Broken> {
        let properties = ConnectionProperties::default().with_connection_name("reelmill".into());
        let (is_encrypted, own_cord) = (address.is_encrypted, cord.clone());
        let connect = async move |uri, _| Ok(wire::connect(&uri, is_encrypted, &own_cord).await?);
        let connection =
            Connection::connector(address.uri.clone(), wire::runtime(), connect, properties).await?;
        let publishing = connection.create_channel().await?;
        publishing.confirm_select(ConfirmSelectOptions::default()).await?;
        let link = Self { connection, publishing, cord };
        for channel in [ports::Channel::Work, ports::Channel::Results] {
            link.declare(address.queue(channel), address.is_quorum).await?;
        }
        Ok(link)
    }

    /// Whether nothing is known to be wrong with it.
    pub(super) fn is_sound(&self) -> bool {
        self.connection.status().connected() && self.publishing.status().connected()
    }

    /// Ends it; what waits on it is told so.
    pub(super) fn cut(&self) {
        self.cord.cut();
    }

    /// A channel of its own, which an error of another cannot close.
    pub(super) async fn channel(&self) -> Result<Channel, Broken> {
        Ok(self.connection.create_channel().await?)
    }

    /// Takes a queue as it is, or makes it where it is missing.
    pub(super) async fn declare(&self, queue: &str, is_quorum: bool) -> Result<(), Broken> {
        match self.is_there(queue).await {
            Err(error) if code(&error) == Some(NOT_FOUND) => {}
            known => return Ok(known?),
        }
        let mut arguments = FieldTable::default();
        if is_quorum {
            arguments.insert("x-queue-type".into(), AMQPValue::LongString("quorum".into()));
        }
        let options = QueueDeclareOptions { durable: true, ..QueueDeclareOptions::default() };
        let channel = self.connection.create_channel().await?;
        match channel.queue_declare(short(queue), options, arguments).await {
            // Somebody else made it in the meantime, and otherwise.
            Err(error) if code(&error) == Some(PRECONDITION_FAILED) => Ok(self.is_there(queue).await?),
            made => made.map(drop).map_err(Broken::from),
        }
    }

    /// An error when it is not. It closes the channel that asked, so each asks on one of its own.
    async fn is_there(&self, queue: &str) -> Result<(), Error> {
        let options = QueueDeclareOptions { passive: true, ..QueueDeclareOptions::default() };
        let channel = self.connection.create_channel().await?;
        channel.queue_declare(short(queue), options, FieldTable::default()).await.map(drop)
    }

    /// Publishes, and returns when the broker has said that it has the message.
    pub(super) async fn publish(
        &self,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), Broken> {
        // Mandatory: without a queue, the message comes back instead of being confirmed into nowhere.
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let published = async {
            let sent = self.publishing.basic_publish("".into(), short(queue), options, body, properties);
            sent.await?.await
        };
        match tokio::time::timeout(ANSWER_WITHIN, published).await {
            Ok(Ok(Confirmation::Ack(None))) => Ok(()),
            Ok(Ok(Confirmation::Ack(Some(_)))) => Err(Broken::NoQueue(queue.to_owned())),
            Ok(Ok(Confirmation::Nack(_) | Confirmation::NotRequested)) => {
                Err(Broken::Refused(queue.to_owned()))
            }
            Ok(Err(error)) => Err(error.into()),
            Err(_) => Err(Broken::Late(ANSWER_WITHIN)),
        }
    }
}

/// A name that the address has measured.
pub(super) fn short(name: &str) -> ShortString {
    ShortString::try_new(name).unwrap_or_default()
}

fn code(error: &Error) -> Option<u16> {
    match error.kind() {
        ErrorKind::ProtocolError(error) => Some(error.get_id()),
        _ => None,
    }
}

/// What is wrong, for people.
pub(super) fn explained(address: &Address, broken: &Broken) -> String {
    let user = &address.uri.authority.userinfo.username;
    let Broken::Client(error) = broken else { return format!("{address}: {broken}") };
    match (code(error), error.kind()) {
        (Some(ACCESS_REFUSED), _) if error.to_string().contains("queue") => {
            format!("{address}: `{user}` may not use the queues: {error}")
        }
        (Some(ACCESS_REFUSED), _) => format!("{address} refuses the user `{user}` or its password"),
        (Some(NOT_ALLOWED), _) => {
            format!("{address} has no virtual host `{}` for `{user}`", address.uri.vhost)
        }
        (_, ErrorKind::IOError(error)) => format!("cannot reach {address}: {error}"),
        _ => format!("{address}: {error}"),
    }
}
