//! What an attempt holds while it works: its claim, its keys on record, and its slot.

use std::pin::pin;
use std::sync::Arc;

use reelmill_core::ports::{Cancel, CatalogError};
use reelmill_core::{Holder, Intent, JobId, Key, Token, Write};
use tokio::sync::{Mutex, OwnedSemaphorePermit};
use tokio::time::{Duration, sleep};

use crate::{Error, Service};

/// How often a wish to stop is looked for while a slot is waited for.
const CANCEL_LOOK: Duration = Duration::from_millis(100);

/// What an attempt holds while it works.
pub(super) struct Bench {
    service: Service,
    pub(super) job: JobId,
    pub(super) token: Token,
    pub(super) cancel: Cancel,
    /// The keys that this attempt put on record.
    keys: Mutex<Vec<Key>>,
    slot: Mutex<Option<OwnedSemaphorePermit>>,
}

impl Bench {
    pub(super) fn new(service: &Service, job: JobId, token: Token, slot: OwnedSemaphorePermit) -> Self {
        Self {
            service: service.clone(),
            job,
            token,
            cancel: Cancel::default(),
            keys: Mutex::default(),
            slot: Mutex::new(Some(slot)),
        }
    }

    /// Puts a key on record as this claim's.
    pub(super) async fn record(&self, key: &Key) -> Result<(), CatalogError> {
        // Noted before it is asked for: an answer that is lost may have been a yes.
        self.keys.lock().await.push(key.clone());
        let holder = Holder::Claim { job: self.job, token: self.token };
        let intent = Intent { key: key.clone(), holder, beats: 0, created_at: self.service.now() };
        self.service.catalog().commit(vec![Write::AddIntent(intent)]).await
    }

    /// Deletes what this attempt began and did not make visible. What a hanging store was left behind with may still come
    /// to be there, so it stays on record for the collector, which looks again later.
    pub(super) async fn clear(&self, is_left_behind: bool) {
        for key in std::mem::take(&mut *self.keys.lock().await) {
            if is_left_behind {
                self.service.condemn(&key).await;
            } else {
                self.service.discard(&key).await;
            }
        }
    }

    /// Downloads without a slot, so that conversions go on meanwhile. Where too many downloads run already, the slot is
    /// kept: whoever waits for a download must not claim more jobs than it can work at.
    ///
    /// Where it `may_pass`, what comes behind the download does not wait for long conversions.
    pub(super) async fn without_slot<T>(
        &self,
        may_pass: bool,
        download: impl Future<Output = T>,
    ) -> Result<T, Error> {
        let Ok(fetch) = Arc::clone(&self.service.inner.fetches).try_acquire_owned() else {
            return Ok(download.await);
        };
        drop(self.slot.lock().await.take());
        let done = download.await;
        *self.slot.lock().await = self.slot_again(may_pass).await?;
        drop(fetch);
        Ok(done)
    }

    /// A slot for what comes behind the download. The worker that waits for jobs holds one in its hand, perhaps the only
    /// one, and gives it up to whoever stands in the queue when it is told. None where the attempt is to stop.
    async fn slot_again(&self, may_pass: bool) -> Result<Option<OwnedSemaphorePermit>, Error> {
        let mut slot = pin!(Arc::clone(&self.service.inner.slots).acquire_owned());
        let mut passing = pin!(self.service.inner.lane.slot());
        let mut is_told = false;
        loop {
            tokio::select! {
                biased;
                slot = &mut slot => return slot.map(Some).map_err(Error::internal),
                slot = &mut passing, if may_pass => return slot.map(Some),
                () = async { self.service.inner.slot_wanted.notify_one() }, if !is_told => is_told = true,
                // Whoever wants it to stop must not wait for a slot, too.
                () = sleep(CANCEL_LOOK) => if self.cancel.is_cancelled() {
                    return Ok(None);
                },
            }
        }
    }
}
