//! Webhooks as their owners see and steer them, and the deliveries that a job's end makes.
//!
//! What is to be told is written in the commit that ends the job, a record for each webhook, in the words that it will have
//! at every try. [`sending`] takes it from there.

mod replay;
mod sending;
mod signature;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use reelmill_core::ports::{CatalogError, MAX_WRITES, Page, PageQuery};
use reelmill_core::{
    Delivery, DeliveryId, DeliveryState, Job, Kind, Output, State, UserId, Webhook, WebhookEvent, WebhookId,
    WebhookSecret, Write,
};

pub use replay::Replayed;
pub(crate) use sending::Hosts;

use crate::{Caller, Error, JobView, Service};

/// The most webhooks of an account: all of them are told in the commit that ends a job.
const MOST: usize = 10;
/// The longest address, in bytes.
const MOST_URL_BYTES: usize = 2048;
/// How long a secret goes on beside the one that follows it.
const OVERLAP_MS: u64 = 24 * 3_600_000;
/// How long a delivery is remembered.
const KEPT_MS: u64 = 7 * 24 * 3_600_000;

/// A webhook that is wished.
#[derive(Debug, Clone)]
pub struct NewWebhook {
    /// Where it is.
    pub url: String,
    /// What it is told of; everything where it is empty.
    pub events: Vec<WebhookEvent>,
}

impl Service {
    /// Makes a webhook of the caller's. Its secret is in it.
    ///
    /// # Errors
    /// `Invalid` for an address that nothing is sent to; `Conflict` where there are as many as there may be.
    pub async fn add_webhook(&self, caller: &Caller, new: NewWebhook) -> Result<Webhook, Error> {
        caller.must_be_member()?;
        if new.url.len() > MOST_URL_BYTES {
            return Err(Error::invalid(format!("a webhook's address has at most {MOST_URL_BYTES} bytes")));
        }
        self.ports().courier.check(&new.url).map_err(|error| {
            Error::new(
                Kind::Invalid,
                "bad-webhook-address",
                format!("nothing is sent to this address: {error}"),
            )
        })?;
        if self.catalog().webhooks(caller.id()).await?.len() >= MOST {
            return Err(too_many());
        }
        let mut events = if new.events.is_empty() { WebhookEvent::ALL.to_vec() } else { new.events };
        events.sort_unstable();
        events.dedup();
        let webhook = Webhook {
            id: WebhookId(self.fresh_id()),
            owner: caller.id(),
            url: new.url,
            events,
            secrets: vec![WebhookSecret::new(fresh_secret()?)],
            disabled: None,
            created_at: self.now(),
            version: 1,
        };
        self.catalog().commit(vec![Write::AddWebhook(webhook.clone())]).await?;
        // Others may have been made at the same moment.
        if self.catalog().webhooks(caller.id()).await?.len() > MOST {
            self.drop_webhook(webhook.id).await?;
            return Err(too_many());
        }
        Ok(webhook)
    }

    /// The caller's webhooks, oldest first.
    pub async fn webhooks(&self, caller: &Caller) -> Result<Vec<Webhook>, Error> {
        Ok(self.catalog().webhooks(caller.id()).await?)
    }

    /// Deletes one of the caller's webhooks with all that it was sent; nothing more is.
    pub async fn remove_webhook(&self, caller: &Caller, id: WebhookId) -> Result<(), Error> {
        self.own_webhook(caller, id).await?;
        self.drop_webhook(id).await
    }

    /// Gives one of the caller's webhooks a new secret. The one before signs beside it for a day.
    pub async fn rotate_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, Error> {
        let secret = fresh_secret()?;
        let until = self.now().plus_ms(OVERLAP_MS);
        self.change_webhook(caller, id, |webhook| webhook.with_secret(secret.clone(), until)).await
    }

    /// Uses a webhook again that its receiver's farewell had disabled.
    pub async fn enable_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, Error> {
        let enabled =
            |webhook: &Webhook| Webhook { disabled: None, version: webhook.version + 1, ..webhook.clone() };
        self.change_webhook(caller, id, enabled).await
    }

    /// What one of the caller's webhooks was sent, newest first.
    pub async fn deliveries(
        &self,
        caller: &Caller,
        id: WebhookId,
        query: PageQuery,
    ) -> Result<Page<Delivery>, Error> {
        self.own_webhook(caller, id).await?;
        Ok(self.catalog().deliveries(id, query).await?)
    }

    /// What is to be written with the end of a job, so that its account's webhooks are told.
    pub(crate) async fn deliveries_of(
        &self,
        next: &Job,
        output: Option<Output>,
    ) -> Result<Vec<Write>, Error> {
        let event = match next.state {
            State::Done { .. } => WebhookEvent::JobDone,
            State::Failed { .. } => WebhookEvent::JobFailed,
            State::Cancelled { .. } => WebhookEvent::JobCancelled,
            State::Queued { .. } | State::Running { .. } | State::Cancelling { .. } => return Ok(Vec::new()),
        };
        let webhooks = self.catalog().webhooks(next.account).await?;
        let told: Vec<_> = webhooks
            .into_iter()
            .filter(|webhook| webhook.disabled.is_none() && webhook.events.contains(&event))
            .take(MOST)
            .collect();
        if told.is_empty() {
            return Ok(Vec::new());
        }
        let now = self.now();
        let view = JobView { job: next.clone(), output };
        let body = (self.options().webhook_body)(event, now, view);
        let delivery = |webhook: Webhook| Delivery {
            id: DeliveryId(self.fresh_id()),
            webhook: webhook.id,
            event,
            job: next.id,
            body: body.clone(),
            state: DeliveryState::Waiting { due_at: now },
            tries: Vec::new(),
            begun_at: now,
            created_at: now,
            expires_at: now.plus_ms(KEPT_MS),
            version: 1,
        };
        Ok(told.into_iter().map(delivery).map(Write::AddDelivery).collect())
    }

    /// Takes an account's webhooks away.
    pub(crate) async fn remove_webhooks_of(&self, owner: UserId) -> Result<(), Error> {
        for webhook in self.catalog().webhooks(owner).await? {
            self.drop_webhook(webhook.id).await?;
        }
        Ok(())
    }

    async fn own_webhook(&self, caller: &Caller, id: WebhookId) -> Result<Webhook, Error> {
        let webhook = self.catalog().webhook(id).await?;
        webhook.filter(|webhook| webhook.owner == caller.id()).ok_or_else(|| Error::not_found("webhook"))
    }

    async fn change_webhook(
        &self,
        caller: &Caller,
        id: WebhookId,
        change: impl Fn(&Webhook) -> Webhook,
    ) -> Result<Webhook, Error> {
        loop {
            let changed = change(&self.own_webhook(caller, id).await?);
            match self.catalog().commit(vec![Write::ReplaceWebhook(changed.clone())]).await {
                Ok(()) => return Ok(changed),
                // It was disabled, or changed by somebody else, at the same moment.
                Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    async fn drop_webhook(&self, id: WebhookId) -> Result<(), Error> {
        // First the webhook: a job that ends meanwhile finds it no more.
        while let Some(webhook) = self.catalog().webhook(id).await? {
            match self.catalog().commit(vec![Write::DropWebhook(id, webhook.version)]).await {
                Ok(()) | Err(CatalogError::Conflict) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let some = PageQuery { limit: u32::try_from(MAX_WRITES).unwrap_or(1), after: None };
        loop {
            let deliveries = self.catalog().deliveries(id, some).await?.items;
            if deliveries.is_empty() {
                return Ok(());
            }
            let drops = deliveries.iter().map(|delivery| Write::DropDelivery(delivery.id)).collect();
            self.catalog().commit(drops).await?;
        }
    }
}

fn too_many() -> Error {
    let detail = format!("an account has at most {MOST} webhooks; delete one that is not used");
    Error::new(Kind::Conflict, "too-many-webhooks", detail)
}

/// A secret as receivers know it: 24 random bytes (Standard Webhooks asks for 24 to 64).
fn fresh_secret() -> Result<String, Error> {
    let mut random = [0_u8; 24];
    getrandom::fill(&mut random).map_err(Error::internal)?;
    Ok(format!("{}{}", signature::PREFIX, BASE64.encode(random)))
}
