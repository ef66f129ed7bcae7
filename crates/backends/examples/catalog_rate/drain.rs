//! Jobs that are all enqueued first and then worked off, as other queues are measured.
//!
//! One process works as one of Reelmill's does: a single claimer looks at what is due and claims the first, and as many jobs
//! as there are slots are under way at once. No job does anything, and none is beaten for.

use std::io::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use reelmill_core::ports::Catalog;
use reelmill_core::{Timestamp, Write};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::{Failure, jobs};

/// Jobs that the service has shown to it in one look.
const LOOK: u32 = 8;
const WARM_UP_JOBS: u32 = 100;

/// Takes that many jobs through and prints the rates as a line of JSON.
pub(crate) async fn run(catalog: Arc<dyn Catalog>, jobs: u32, slots: u32) -> Result<(), Failure> {
    enqueue(&catalog, WARM_UP_JOBS, slots).await?;
    work(&catalog, WARM_UP_JOBS, slots).await?;
    let began = Instant::now();
    enqueue(&catalog, jobs, slots).await?;
    let enqueued = began.elapsed();
    work(&catalog, jobs, slots).await?;
    let whole = began.elapsed();
    let rate = |took: Duration| f64::from(jobs) / took.as_secs_f64();
    let rates = serde_json::json!({
        "enqueue": rate(enqueued), "work": rate(whole.saturating_sub(enqueued)), "whole": rate(whole),
    });
    writeln!(std::io::stdout(), "{rates}")?;
    Ok(())
}

/// A commit a job, as many at once as there are callers.
async fn enqueue(catalog: &Arc<dyn Catalog>, jobs: u32, callers: u32) -> Result<(), Failure> {
    let calling = (0..callers).map(|caller| async move {
        for _ in (caller..jobs).step_by(callers as usize) {
            catalog.commit(vec![Write::AddJob(jobs::queued()?)]).await?;
        }
        Ok::<_, Failure>(())
    });
    try_join_all(calling).await.map(drop)
}

async fn work(catalog: &Arc<dyn Catalog>, jobs: u32, slots: u32) -> Result<(), Failure> {
    let free = Arc::new(Semaphore::new(slots as usize));
    let mut running = JoinSet::new();
    for _ in 0..jobs {
        let slot = Arc::clone(&free).acquire_owned().await?;
        let due = catalog.due_jobs(Timestamp::from_ms(i64::MAX), LOOK).await?;
        let job = due.first().ok_or("there are fewer jobs than were enqueued")?;
        let claimed = jobs::claimed(job)?;
        catalog.commit(vec![Write::ReplaceJob(claimed.clone())]).await?;
        let catalog = Arc::clone(catalog);
        running.spawn(async move {
            let (done, output) = jobs::done(&claimed)?;
            catalog.commit(vec![Write::ReplaceJob(done), Write::AddOutput(output)]).await?;
            drop(slot);
            Ok::<_, Failure>(())
        });
        while let Some(ended) = running.try_join_next() {
            ended??;
        }
    }
    while let Some(ended) = running.join_next().await {
        ended??;
    }
    let census = catalog.census().await?;
    if census.queued + census.claimed == 0 { Ok(()) } else { Err(format!("left behind: {census:?}").into()) }
}
