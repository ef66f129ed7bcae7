//! The way to the broker: at most one link, made when it is needed and made again when it is gone.
//!
//! One attempt is under way at a time, in a task of its own, so that a caller who gives up abandons no half-made
//! connection and the next one finds the attempt. Between two failed attempts the broker is left alone for a while.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, Shared};
use lapin::BasicProperties;
use tokio::time::Instant;

use super::address::Address;
use super::link::{Broken, Link};
use crate::doorbell::outage::Outage;

/// How long a ring waits for an attempt while the last one failed: a broker that is back answers at once.
const BRIEFLY: Duration = Duration::from_secs(1);

type Attempt = Shared<BoxFuture<'static, Result<Arc<Link>, String>>>;

/// The way to one broker.
pub(super) struct Line {
    pub(super) address: Arc<Address>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    link: Option<Arc<Link>>,
    attempt: Option<Attempt>,
    outage: Outage,
}

/// What whoever needs a link has to do.
enum Step {
    Take(Arc<Link>),
    Await { attempt: Attempt, is_down: bool },
    NotBefore(Instant, String),
}

impl Line {
    pub(super) fn new(address: Arc<Address>) -> Arc<Self> {
        Arc::new(Self { address, state: Mutex::default() })
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn step(self: &Arc<Self>) -> Step {
        let mut state = self.state();
        if let Some(link) = state.link.as_ref().filter(|link| link.is_sound()) {
            return Step::Take(Arc::clone(link));
        }
        let is_down = state.outage.is_on();
        if let Some(attempt) = &state.attempt {
            return Step::Await { attempt: attempt.clone(), is_down };
        }
        if let Some(until) = state.outage.until() {
            return Step::NotBefore(until, state.outage.trouble());
        }
        state.link = None;
        let line = Arc::clone(self);
        let attempt = tokio::spawn(async move { line.finish(Link::open(&line.address).await) });
        let attempt =
            attempt.map(|ended| ended.unwrap_or_else(|error| Err(error.to_string()))).boxed().shared();
        state.attempt = Some(attempt.clone());
        Step::Await { attempt, is_down }
    }

    fn finish(&self, opened: Result<Arc<Link>, String>) -> Result<Arc<Link>, String> {
        let mut state = self.state();
        state.attempt = None;
        match &opened {
            Ok(link) => {
                state.link = Some(Arc::clone(link));
                state.outage.end();
            }
            Err(trouble) => state.outage.fail(trouble.clone()),
        }
        opened
    }

    /// A link for whoever cannot wait: at once where there is one or none can be had, else after a first attempt.
    pub(super) async fn link(self: &Arc<Self>) -> Result<Arc<Link>, String> {
        match self.step() {
            Step::Take(link) => Ok(link),
            Step::NotBefore(_, trouble) => Err(trouble),
            Step::Await { attempt, is_down: false } => attempt.await,
            Step::Await { attempt, is_down: true } => match tokio::time::timeout(BRIEFLY, attempt).await {
                Ok(ended) => ended,
                Err(_) => Err(self.state().outage.trouble()),
            },
        }
    }

    /// A link for whoever can wait: the outcome of the next attempt, whenever that may be made.
    pub(super) async fn next_link(self: &Arc<Self>) -> Result<Arc<Link>, String> {
        loop {
            match self.step() {
                Step::Take(link) => return Ok(link),
                Step::Await { attempt, .. } => return attempt.await,
                Step::NotBefore(until, _) => tokio::time::sleep_until(until).await,
            }
        }
    }

    /// Gives a link up, because of something that may go wrong again at once.
    pub(super) fn give_up(&self, link: &Arc<Link>, trouble: String) {
        link.cut();
        let mut state = self.state();
        if state.link.as_ref().is_some_and(|current| Arc::ptr_eq(current, link)) {
            state.link = None;
            state.outage.fail(trouble);
        }
    }

    /// Publishes into a queue, which is made where it is missing. `Ok` when the broker has the message.
    pub(super) async fn publish(
        self: &Arc<Self>,
        queue: &str,
        body: &[u8],
        properties: BasicProperties,
    ) -> Result<(), String> {
        let link = self.link().await?;
        let mut published = link.publish(queue, body, properties.clone()).await;
        if let Err(Broken::NoQueue(_)) = published {
            published = match link.declare(queue, self.address.is_quorum).await {
                Ok(()) => link.publish(queue, body, properties).await,
                Err(broken) => Err(broken),
            };
        }
        published.map_err(|broken| {
            let trouble = format!("{}: {broken}", self.address);
            // A message that this one broker does not want says nothing of the link.
            if !matches!(broken, Broken::Refused(_)) {
                self.give_up(&link, trouble.clone());
            }
            trouble
        })
    }
}
