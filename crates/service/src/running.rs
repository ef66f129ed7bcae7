//! The loops of a process: started by role, drained in order.

use tokio::time::{Duration, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::work::{Stopping, jittered};
use crate::{Error, Roles, Service};

/// How long a process that ends tries to announce what its last conversions made.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// The loops that run.
pub struct Running {
    service: Service,
    stopping: Stopping,
    loops: TaskTracker,
    attempts: TaskTracker,
    superseded: CancellationToken,
}

impl Service {
    /// Takes over what processes before left, where it is proved that they are dead, and starts the loops of `roles`.
    pub async fn start(&self, roles: Roles) -> Result<Running, Error> {
        if self.options().sole {
            let (jobs, objects) = (self.rescue_all().await?, self.collect_all().await?);
            if jobs + objects > 0 {
                info!(jobs, objects, "took over what the last process left");
            }
        }
        let running = Running {
            service: self.clone(),
            stopping: Stopping::default(),
            loops: TaskTracker::new(),
            attempts: TaskTracker::new(),
            superseded: CancellationToken::new(),
        };
        let stop = &running.stopping.drain;
        self.keep_time().await?;
        running.loops.spawn(self.clone().follow(stop.clone()));
        let is_queue = self.ports().doorbell.is_queue();
        if is_queue {
            running.loops.spawn(self.clone().pay_rings(stop.clone()));
        }
        if is_queue && !roles.converter {
            // Workers look by themselves.
            let (service, stop) = (self.clone(), stop.clone());
            running.loops.spawn(async move {
                tokio::select! {
                    () = stop.cancelled() => {}
                    // What the catalog does not say now, workers see at their next look.
                    _ = service.ring_for_due() => {}
                }
            });
        }
        if roles.converter && self.options().is_worker_named {
            let epoch = self.catalog().register_worker(&self.options().worker_name).await?;
            running.loops.spawn(self.clone().watch_name(epoch, running.superseded.clone(), stop.clone()));
        }
        if roles.converter {
            running.loops.spawn(self.clone().work(running.stopping.clone(), running.attempts.clone()));
            running.loops.spawn(self.clone().pass(running.stopping.clone(), running.attempts.clone()));
            running.loops.spawn(self.clone().rescue(stop.clone()));
            if !self.options().sole {
                running.loops.spawn(self.clone().watch_cancels(stop.clone()));
            }
            running.loops.spawn(self.clone().collect(stop.clone()));
        }
        if is_queue && (roles.converter || roles.notification) {
            running.loops.spawn(self.clone().announce(stop.clone()));
        }
        if roles.notification {
            if is_queue {
                running.loops.spawn(self.clone().hear_results(stop.clone()));
            }
            running.loops.spawn(self.clone().tell(stop.clone()));
        }
        Ok(running)
    }
}

impl Service {
    /// Watches whether a newer process goes by this worker's name, until told to stop.
    async fn watch_name(self, epoch: i64, superseded: CancellationToken, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = sleep(jittered(self.options().heartbeat)) => {}
            }
            // While the catalog cannot be asked, the claims' own rules hold.
            if let Ok(newest) = self.catalog().worker_epoch(&self.options().worker_name).await
                && newest > epoch
            {
                superseded.cancel();
                return;
            }
        }
    }
}

impl Running {
    /// Waits until a newer process has taken this worker's name: this one is to end then, its jobs given back.
    pub async fn superseded(&self) {
        self.superseded.cancelled().await;
    }

    /// Gives all jobs back at once, without waiting for conversions.
    pub async fn give_back(self) {
        self.stopping.give_back.cancel();
        self.drain().await;
    }

    /// Claims nothing any more, lets conversions go on for the drain time, then gives their jobs back.
    pub async fn drain(self) {
        self.stopping.drain.cancel();
        self.loops.close();
        // A claim that is being written when the drain begins is still begun, and counts below.
        self.loops.wait().await;
        self.attempts.close();
        let running = self.attempts.len();
        if running > 0 {
            let limit = self.service.options().drain;
            info!(conversions = running, limit_s = limit.as_secs(), "draining");
            if timeout(limit, self.attempts.wait()).await.is_err() {
                info!(conversions = self.attempts.len(), "giving unfinished conversions back");
            }
        }
        self.stopping.give_back.cancel();
        self.attempts.wait().await;
        // What ended meanwhile is announced before the last process goes; a broker that is down is left to the next one.
        if self.service.ports().doorbell.is_queue() {
            let _ = timeout(LAST_WORDS, self.service.announce_due()).await;
        }
    }
}
