//! The doorbells of this build.

#[cfg(feature = "doorbell-amqp")]
mod amqp;
#[cfg(feature = "doorbell-pubsub")]
mod pubsub;

use futures_util::FutureExt;
use reelmill_backends::doorbell;
use reelmill_conformance::doorbell::queue::Queue;
use reelmill_conformance::{Backend, Place};
use reelmill_core::ports::Doorbell;

use crate::in_a_folder;

pub(crate) fn backends() -> Vec<Backend<dyn Doorbell>> {
    vec![
        #[cfg(feature = "doorbell-embedded")]
        Backend { name: "embedded", is_durable: false, fresh: Ok(|| within("embedded:")) },
        #[cfg(feature = "doorbell-amqp")]
        Backend { name: "amqp", is_durable: true, fresh: amqp::is_here().map(|()| amqp::place as _) },
        #[cfg(feature = "doorbell-amqp")]
        Backend {
            name: "amqp-quorum",
            is_durable: true,
            fresh: amqp::is_here().map(|()| amqp::quorum_place as _),
        },
        #[cfg(feature = "doorbell-pubsub")]
        Backend { name: "pubsub", is_durable: true, fresh: pubsub::is_here().map(|()| pubsub::place as _) },
        #[cfg(feature = "doorbell-pubsub")]
        Backend {
            name: "pubsub-dead",
            is_durable: true,
            fresh: pubsub::is_here().map(|()| pubsub::counting_place as _),
        },
    ]
}

/// The same brokers in the hands of other programs.
pub(crate) fn queues() -> Vec<Backend<dyn Queue>> {
    vec![
        #[cfg(feature = "doorbell-amqp")]
        Backend { name: "amqp", is_durable: true, fresh: amqp::is_here().map(|()| amqp::queue as _) },
        #[cfg(feature = "doorbell-pubsub")]
        Backend { name: "pubsub", is_durable: true, fresh: pubsub::is_here().map(|()| pubsub::queue as _) },
    ]
}

#[cfg(feature = "doorbell-embedded")]
fn within(url: &'static str) -> Place<dyn Doorbell> {
    in_a_folder(move |deployment| async move { doorbell::open(url, &deployment).await.unwrap() }.boxed())
}
