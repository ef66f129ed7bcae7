//! The collector: deletes what was begun and never became visible.
//!
//! It deletes only keys whose intent is dead: of a claim that is not the running one, of an upload that has stood
//! still for leases, or condemned.

use std::collections::HashMap;

use reelmill_core::ports::CatalogError;
use reelmill_core::{Holder, Intent, Key, Write};
use tokio::time::{Duration, Instant, sleep};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::purging::Place;
use crate::work::jittered;
use crate::{Error, Purged, Service};

/// How many intents a look reads at once.
const PAGE: u32 = 500;

/// How many leases an upload may stand still.
const UPLOAD_LEASES: u32 = 4;

/// How long a condemned key stays on record: a writer that has not noticed may bring the object back until then.
const TOMBSTONE_MS: u64 = 60 * 60 * 1000;

/// What the collector remembers of each upload: since when it has seen the same count of beats.
#[derive(Default)]
pub(crate) struct Collector {
    seen: HashMap<Key, (u64, Instant)>,
}

impl Service {
    /// Collects until told to stop; looks once a lease.
    pub(crate) async fn collect(self, stop: CancellationToken) {
        let mut collector = Collector::default();
        let mut place = Place::default();
        loop {
            if let Err(error) = collector.look(&self).await {
                warn!(error = ?error, "leftovers could not be looked for");
            }
            if let Err(error) = self.catalog().sweep_expired(self.now()).await {
                warn!(%error, "expired records could not be swept");
            }
            if let Err(error) = self.sweep_uploads().await {
                warn!(error = ?error, "uploads could not be swept");
            }
            // A page a look: whoever turns retention on with years behind does not wait for it to end.
            match self.purge_step(self.options().retention(), place, &mut Purged::default()).await {
                Ok(next) => place = next.unwrap_or_default(),
                Err(error) => warn!(error = ?error, "what is old could not be purged"),
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(jittered(self.options().lease.max(Duration::from_secs(1)))) => {}
            }
        }
    }

    /// Deletes everything on record that is not visible: only where it is proved that all writers before this
    /// process are dead, and before it writes anything itself.
    pub(crate) async fn collect_all(&self) -> Result<usize, Error> {
        let mut collected = 0;
        let mut after = None;
        loop {
            let intents = self.catalog().intents(after.as_ref(), PAGE).await?;
            let Some(last) = intents.last() else { return Ok(collected) };
            after = Some(last.key.clone());
            for intent in intents {
                // What cannot be deleted now stays condemned: it must not keep the process from starting.
                self.discard(&intent.key).await;
                collected += 1;
            }
        }
    }
}

impl Collector {
    /// One look at every intent.
    pub(crate) async fn look(&mut self, service: &Service) -> Result<(), Error> {
        let mut seen = HashMap::new();
        let mut after = None;
        loop {
            let intents = service.catalog().intents(after.as_ref(), PAGE).await?;
            let Some(last) = intents.last() else { break };
            after = Some(last.key.clone());
            for intent in &intents {
                if self.is_dead(service, intent, &mut seen).await? {
                    collect(service, intent).await?;
                }
            }
        }
        self.seen = seen;
        Ok(())
    }

    async fn is_dead(
        &self,
        service: &Service,
        intent: &Intent,
        seen: &mut HashMap<Key, (u64, Instant)>,
    ) -> Result<bool, Error> {
        match &intent.holder {
            Holder::Condemned { .. } => Ok(true),
            Holder::Claim { job, token } => {
                let job = service.catalog().job(*job).await?;
                Ok(job.and_then(|job| job.claim().map(|claim| claim.token)) != Some(*token))
            }
            Holder::Upload => {
                let now = Instant::now();
                let since = match self.seen.get(&intent.key) {
                    Some((beats, since)) if *beats == intent.beats => *since,
                    _ => now,
                };
                seen.insert(intent.key.clone(), (intent.beats, since));
                Ok(now.duration_since(since) >= service.options().lease * UPLOAD_LEASES)
            }
        }
    }
}

async fn collect(service: &Service, intent: &Intent) -> Result<(), Error> {
    let now = service.now();
    let condemned_since = match intent.holder {
        Holder::Condemned { since } => since,
        Holder::Claim { .. } | Holder::Upload => {
            match service.catalog().commit(vec![Write::Condemn(intent.key.clone(), now)]).await {
                Ok(()) => {}
                // The writer was not dead: it made the object visible since the intent was read.
                Err(CatalogError::Conflict) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
            info!(object.key = %intent.key, "collected what a dead writer left");
            now
        }
    };
    service.objects().delete(&intent.key).await?;
    if service.options().sole || now.ms_since(condemned_since) >= TOMBSTONE_MS {
        service.catalog().commit(vec![Write::ForgetIntent(intent.key.clone())]).await?;
    }
    Ok(())
}
