//! Sends deliveries that are due: some at a time, few to one host, each taken by a commit before it is sent.
//!
//! Whoever takes a delivery puts it off for longer than a try can last. Where the process dies on the way, it is due again
//! then, under the same id; that is the one way in which a receiver sees a copy.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reelmill_core::ports::CatalogError;
use reelmill_core::{Delivery, Disabled, Kind, Try, Webhook, Write};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Duration, Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::{debug, warn};

use super::signature;
use crate::work::jittered;
use crate::{Error, Service};

/// How many deliveries a look reads at once.
const PAGE: u32 = 200;
/// Between looks where nobody calls.
const LOOK: Duration = Duration::from_secs(5);
/// Requests at a time.
const AT_A_TIME: usize = 32;
/// Requests at a time to one host, so that a slow one holds up no other.
const TO_A_HOST: usize = 4;
/// How long whoever takes a delivery has it for itself: longer than the courier tries.
pub(super) const HOLD_MS: u64 = 60_000;
/// How long it is tried to put an answer on record: nobody else takes the delivery meanwhile.
const RECORDING: Duration = Duration::from_secs(40);
/// How long a delivery waits whose host has enough to do.
const CROWDED: Duration = Duration::from_secs(20);
/// The wait behind the first try in vain; three times as long behind each further one.
const FIRST_WAIT: Duration = Duration::from_secs(10);
/// The longest wait: a day has a dozen tries.
const LONGEST_WAIT: Duration = Duration::from_hours(4);
/// The longest wait that a receiver may ask for.
const LONGEST_WISH_MS: u64 = 6 * 3_600_000;
/// How long a process that ends waits for answers.
const LAST_ANSWERS: Duration = Duration::from_secs(16);

/// Who is sent to at the moment.
pub(crate) struct Hosts {
    all: Arc<Semaphore>,
    each: Mutex<HashMap<String, Arc<Semaphore>>>,
}

impl Default for Hosts {
    fn default() -> Self {
        Self { all: Arc::new(Semaphore::new(AT_A_TIME)), each: Mutex::default() }
    }
}

/// The right to send a request.
struct Turn {
    _of_host: OwnedSemaphorePermit,
    _of_all: OwnedSemaphorePermit,
}

enum Place {
    Free(Turn),
    /// This host has enough to do.
    Crowded,
    /// All have.
    Full,
}

impl Hosts {
    fn place(&self, host: &str) -> Place {
        let Ok(of_all) = Arc::clone(&self.all).try_acquire_owned() else { return Place::Full };
        let mut each = self.each.lock().unwrap_or_else(PoisonError::into_inner);
        each.retain(|_, turns| turns.available_permits() < TO_A_HOST);
        let turns = each.entry(host.to_owned()).or_insert_with(|| Arc::new(Semaphore::new(TO_A_HOST)));
        match Arc::clone(turns).try_acquire_owned() {
            Ok(of_host) => Place::Free(Turn { _of_host: of_host, _of_all: of_all }),
            Err(_) => Place::Crowded,
        }
    }
}

impl Service {
    /// Sends what is due until told to stop, and waits a moment for the last answers.
    pub(crate) async fn send_webhooks(self, stop: CancellationToken) {
        let requests = TaskTracker::new();
        while !stop.is_cancelled() {
            if let Err(error) = self.send_due(&requests).await {
                warn!(error = ?error, "webhooks could not be sent; trying again");
            }
            tokio::select! {
                () = stop.cancelled() => {}
                () = self.inner.deliveries.notified() => {}
                () = sleep(jittered(LOOK)) => {}
            }
        }
        requests.close();
        // What is cut off here is due again after its hold.
        let _ = timeout(LAST_ANSWERS, requests.wait()).await;
    }

    async fn send_due(&self, requests: &TaskTracker) -> Result<(), Error> {
        for delivery in self.catalog().due_deliveries(self.now(), PAGE).await? {
            let Some(webhook) = self.catalog().webhook(delivery.webhook).await? else {
                self.catalog().commit(vec![Write::DropDelivery(delivery.id)]).await?;
                continue;
            };
            if webhook.disabled.is_some() {
                self.replace_delivery(delivery.given_up()).await?;
                continue;
            }
            match self.inner.hosts.place(host(&webhook.url)) {
                Place::Full => break,
                Place::Crowded => {
                    let wait = u64::try_from(jittered(CROWDED).as_millis()).unwrap_or(u64::MAX);
                    self.replace_delivery(delivery.put_off(self.now().plus_ms(wait))).await?;
                }
                Place::Free(turn) => {
                    let taken = delivery.put_off(self.now().plus_ms(HOLD_MS));
                    if let Some(taken) = self.replace_delivery(taken).await? {
                        requests.spawn(self.clone().send_taken(webhook, taken, turn));
                    }
                }
            }
        }
        Ok(())
    }

    /// Writes the next version of a delivery; `None` where somebody was faster.
    pub(super) async fn replace_delivery(&self, next: Delivery) -> Result<Option<Delivery>, Error> {
        match self.catalog().commit(vec![Write::ReplaceDelivery(next.clone())]).await {
            Ok(()) => Ok(Some(next)),
            Err(CatalogError::Conflict) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes what came of a try. A catalog that cannot be written to for a while must not have it sent twice.
    async fn record(&self, next: Delivery) -> Result<(), Error> {
        let give_up_at = Instant::now() + RECORDING;
        let mut wait = Duration::from_millis(100);
        loop {
            match self.replace_delivery(next.clone()).await {
                Err(error) if error.kind == Kind::Unavailable && Instant::now() + wait < give_up_at => {}
                // Where somebody was faster, it was wished once more.
                done => return done.map(drop),
            }
            sleep(wait).await;
            wait = (wait * 2).min(Duration::from_secs(2));
        }
    }

    /// Tries a delivery that this process has taken, and calls for the next one.
    async fn send_taken(self, webhook: Webhook, taken: Delivery, turn: Turn) {
        if let Err(error) = self.send_one(webhook, &taken).await {
            warn!(webhook.id = %taken.webhook, delivery.id = %taken.id, error = ?error,
                "the outcome of a webhook's try is not on record; it will be tried again");
        }
        drop(turn);
        self.inner.deliveries.notify_one();
    }

    async fn send_one(&self, webhook: Webhook, taken: &Delivery) -> Result<(), Error> {
        let began = self.now();
        let headers = signature::headers(&webhook, taken, began);
        let (tried, wish_ms) = match self.ports().courier.post(&webhook.url, &headers, &taken.body).await {
            Ok(answer) => {
                let error = (!(200..300).contains(&answer.status))
                    .then(|| format!("the receiver answered {}", answer.status));
                (Try { at: began, status: Some(answer.status), error }, answer.retry_after_ms)
            }
            Err(error) => (Try { at: began, status: None, error: Some(error.to_string()) }, None),
        };
        // Counted from the answer, not from the question.
        let took_ms = self.now().ms_since(began);
        let wait = took_ms + wait_ms(taken.failures()).max(wish_ms.unwrap_or(0).min(LONGEST_WISH_MS));
        debug!(webhook.id = %webhook.id, delivery.id = %taken.id, ?tried, "a webhook was tried");
        let is_farewell = tried.is_farewell();
        self.record(taken.after(tried, wait)).await?;
        if is_farewell { self.say_farewell(webhook).await } else { Ok(()) }
    }

    /// Sends nothing more to a webhook that wants nothing more.
    async fn say_farewell(&self, webhook: Webhook) -> Result<(), Error> {
        let mut known = Some(webhook);
        while let Some(webhook) = known.filter(|webhook| webhook.disabled.is_none()) {
            let reason = "the receiver answered 410: it wants nothing more".to_owned();
            let disabled = Some(Disabled { reason, at: self.now() });
            let next = Webhook { disabled, version: webhook.version + 1, ..webhook };
            let id = next.id;
            match self.catalog().commit(vec![Write::ReplaceWebhook(next)]).await {
                Ok(()) => return Ok(()),
                // Its owner changed it at the same moment.
                Err(CatalogError::Conflict) => known = self.catalog().webhook(id).await?,
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }
}

/// How long to wait behind a try in vain that so many came before.
fn wait_ms(failures: usize) -> u64 {
    let times = 3_u32.saturating_pow(u32::try_from(failures).unwrap_or(u32::MAX));
    let wait = jittered(FIRST_WAIT.saturating_mul(times).min(LONGEST_WAIT));
    u64::try_from(wait.as_millis()).unwrap_or(u64::MAX)
}

/// The host and port of an address as it is written, for telling one from another.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest)
}
