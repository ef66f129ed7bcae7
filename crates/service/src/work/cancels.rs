//! Cancels that other processes wrote: looked for between heartbeats, so that a conversion stops within two seconds.
//!
//! A heartbeat would see a cancel as well, but a beat is a write; this is one short read for all that a process runs.

use reelmill_core::StateName;
use reelmill_core::ports::{CatalogError, JobFilter, PageQuery};
use tokio::time::{Duration, sleep};
use tokio_util::sync::CancellationToken;

use crate::Service;

/// Between two looks: with the conversion's own look at its cancel, less than two seconds pass.
const LOOK: Duration = Duration::from_millis(1200);

/// Jobs that are being cancelled at once, of all processes.
const MOST: u32 = 500;

impl Service {
    /// Looks for cancelled jobs among those that this process runs, until told to stop.
    pub(crate) async fn watch_cancels(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(LOOK) => {}
            }
            if !self.held().is_empty() {
                // Where the catalog cannot be asked now, the next look or a heartbeat sees it.
                let _ = self.heed_cancels().await;
            }
        }
    }

    async fn heed_cancels(&self) -> Result<(), CatalogError> {
        let filter = JobFilter { state: Some(StateName::Cancelling), ..JobFilter::default() };
        let cancelling = self.catalog().jobs(filter, PageQuery { limit: MOST, after: None }).await?;
        let held = self.held();
        for job in cancelling.items {
            if let Some(held) = held.get(&job.id) {
                held.beat_now.notify_one();
            }
        }
        Ok(())
    }
}
