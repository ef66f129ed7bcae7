//! A queue that other programs see, in memory, whose broker can be told to be down.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use reelmill_core::JobId;
use reelmill_core::ports::{About, Channel, Delivery, Doorbell, DoorbellError, Message, Ring};
use tokio::sync::Notify;
use tokio::time::{Duration, sleep};

/// The broker. Everybody who shares it shares its queues.
#[derive(Default)]
pub(super) struct Broker {
    work: Queue,
    results: Queue,
    pub(super) is_down: AtomicBool,
    /// Whether whoever has a message in hand is told when it is lost.
    pub(super) tells_loss: AtomicBool,
    /// Whether all that is in hand is lost.
    pub(super) is_cut: AtomicBool,
    /// What was rung, with what was said beside it.
    pub(super) rung: Mutex<Vec<(Channel, JobId, About)>>,
    pub(super) refused: Mutex<Vec<(Message, String)>>,
    pub(super) settled: AtomicUsize,
}

#[derive(Default)]
struct Queue {
    waiting: Mutex<VecDeque<(Message, bool)>>,
    changed: Notify,
}

impl Queue {
    fn put(&self, message: Message, is_redelivered: bool) {
        self.waiting.lock().unwrap().push_back((message, is_redelivered));
        self.changed.notify_one();
    }
}

impl Broker {
    fn queue(&self, channel: Channel) -> &Queue {
        match channel {
            Channel::Work => &self.work,
            Channel::Results => &self.results,
        }
    }

    pub(super) fn depth(&self, channel: Channel) -> usize {
        self.queue(channel).waiting.lock().unwrap().len()
    }

    /// A message as somebody else sends it, or as the broker brings it again.
    pub(super) fn bring(&self, channel: Channel, message: Message, is_redelivered: bool) {
        self.queue(channel).put(message, is_redelivered);
    }

    /// The rings for results, by the fid that they say.
    pub(super) fn announced(&self) -> Vec<String> {
        let rung = self.rung.lock().unwrap();
        let results = rung.iter().filter(|(channel, ..)| *channel == Channel::Results);
        results.filter_map(|(_, _, about)| about.output_fid.clone()).collect()
    }

    fn weather(&self) -> Result<(), DoorbellError> {
        if self.is_down.load(Ordering::Relaxed) {
            return Err(DoorbellError::Unavailable("down".into()));
        }
        Ok(())
    }
}

/// A process's connection to it.
pub(super) struct Line(pub(super) Arc<Broker>);

#[async_trait]
impl Doorbell for Line {
    fn is_queue(&self) -> bool {
        true
    }

    async fn ring(&self, channel: Channel, ring: &Ring) -> Result<(), DoorbellError> {
        self.0.weather()?;
        let about = ring.about.clone().unwrap();
        self.0.rung.lock().unwrap().push((channel, ring.job, about));
        self.0.bring(channel, Message::Job(ring.job), false);
        Ok(())
    }

    async fn listen(&self, channel: Channel) -> Result<Box<dyn Delivery>, DoorbellError> {
        let queue = self.0.queue(channel);
        loop {
            let changed = queue.changed.notified();
            self.0.weather()?;
            let first = queue.waiting.lock().unwrap().pop_front();
            if let Some((message, is_redelivered)) = first {
                queue.changed.notify_one();
                let broker = Arc::clone(&self.0);
                return Ok(Box::new(InHand { broker, channel, message: Some(message), is_redelivered }));
            }
            changed.await;
        }
    }

    async fn check(&self) -> Result<(), DoorbellError> {
        self.0.weather()
    }
}

struct InHand {
    broker: Arc<Broker>,
    channel: Channel,
    message: Option<Message>,
    is_redelivered: bool,
}

#[async_trait]
impl Delivery for InHand {
    fn message(&self) -> &Message {
        self.message.as_ref().unwrap()
    }

    fn is_redelivered(&self) -> bool {
        self.is_redelivered
    }

    async fn lost(&self) {
        while !self.broker.is_cut.load(Ordering::Relaxed) {
            sleep(Duration::from_millis(10)).await;
        }
    }

    fn tells_loss(&self) -> bool {
        self.broker.tells_loss.load(Ordering::Relaxed)
    }

    async fn settle(mut self: Box<Self>) -> Result<(), DoorbellError> {
        self.broker.weather()?;
        self.message = None;
        self.broker.settled.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }

    async fn refuse(mut self: Box<Self>, reason: &str) -> Result<(), DoorbellError> {
        self.broker.weather()?;
        let message = self.message.take().unwrap();
        self.broker.refused.lock().unwrap().push((message, reason.to_owned()));
        Ok(())
    }
}

impl Drop for InHand {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.broker.bring(self.channel, message, true);
        }
    }
}
