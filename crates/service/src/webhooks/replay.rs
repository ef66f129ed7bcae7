//! Sending once more: one delivery, or all that were sent in vain since a moment.
//!
//! A delivery keeps its id, so that a receiver that had taken it after all knows the copy.

use reelmill_core::ports::{CatalogError, MAX_WRITES, PageQuery};
use reelmill_core::{Delivery, DeliveryId, Kind, Timestamp, WebhookId, Write};

use super::sending::HOLD_MS;
use crate::{Caller, Error, Service};

/// How many deliveries are read at a time.
const PAGE: u32 = 100;
/// How many deliveries one call sends once more.
const MOST_REPLAYED: u64 = 1000;

/// What is sent once more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replayed {
    /// How many deliveries.
    pub deliveries: u64,
    /// Whether there may be more: one call does some only.
    pub is_more: bool,
}

impl Service {
    /// Sends a delivery once more, whatever became of it, under the id that it has.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while the webhook is disabled.
    pub async fn replay_delivery(
        &self,
        caller: &Caller,
        webhook: WebhookId,
        id: DeliveryId,
    ) -> Result<Delivery, Error> {
        self.must_be_enabled(caller, webhook).await?;
        loop {
            let found = self.catalog().delivery(id).await?.filter(|delivery| delivery.webhook == webhook);
            let again = found.ok_or_else(|| Error::not_found("delivery"))?.again(self.now());
            // It is looked at again where a try ended at the same moment.
            if let Some(again) = self.replace_delivery(again).await? {
                self.inner.deliveries.notify_one();
                return Ok(again);
            }
        }
    }

    /// Sends once more what was made since then and given up, or waits long for another try; each under its id.
    ///
    /// # Errors
    /// `NotFound`; `Conflict` while the webhook is disabled.
    pub async fn replay_failed(
        &self,
        caller: &Caller,
        webhook: WebhookId,
        since: Timestamp,
    ) -> Result<Replayed, Error> {
        self.must_be_enabled(caller, webhook).await?;
        // What is due sooner may be on its way this very moment.
        let soon = self.now().plus_ms(HOLD_MS);
        let (mut deliveries, mut query) = (0, PageQuery { limit: PAGE, after: None });
        loop {
            let page = self.catalog().deliveries(webhook, query).await?;
            let is_wanted = |delivery: &&Delivery| delivery.created_at >= since && delivery.is_stuck(soon);
            let stuck: Vec<_> = page.items.iter().filter(is_wanted).collect();
            for some in stuck.chunks(MAX_WRITES) {
                deliveries += self.replay_some(some).await?;
                self.inner.deliveries.notify_one();
            }
            // The newest come first, so that what follows an older one is older still.
            let reaches_on = page.items.last().is_some_and(|oldest| oldest.created_at >= since);
            let is_more = page.next.is_some() && reaches_on;
            if !is_more || deliveries >= MOST_REPLAYED {
                return Ok(Replayed { deliveries, is_more });
            }
            query.after = page.next;
        }
    }

    /// Sends deliveries once more in one commit, or one by one where one of them has moved; says how many.
    async fn replay_some(&self, stuck: &[&Delivery]) -> Result<u64, Error> {
        let now = self.now();
        let again: Vec<Delivery> = stuck.iter().map(|delivery| delivery.again(now)).collect();
        match self.catalog().commit(again.iter().cloned().map(Write::ReplaceDelivery).collect()).await {
            Ok(()) => return Ok(again.len() as u64),
            Err(CatalogError::Conflict) => {}
            Err(error) => return Err(error.into()),
        }
        let mut replayed = 0;
        for delivery in again {
            replayed += u64::from(self.replace_delivery(delivery).await?.is_some());
        }
        Ok(replayed)
    }

    async fn must_be_enabled(&self, caller: &Caller, id: WebhookId) -> Result<(), Error> {
        if self.own_webhook(caller, id).await?.disabled.is_none() {
            return Ok(());
        }
        let detail = "the webhook is disabled; enable it first";
        Err(Error::new(Kind::Conflict, "webhook-disabled", detail))
    }
}
