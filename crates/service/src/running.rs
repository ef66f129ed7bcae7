//! The loops of a process: started by role, drained in order.

use tokio::time::timeout;
use tokio_util::task::TaskTracker;
use tracing::info;

use crate::work::Stopping;
use crate::{Error, Roles, Service};

/// The loops that run.
pub struct Running {
    service: Service,
    stopping: Stopping,
    loops: TaskTracker,
    attempts: TaskTracker,
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
        };
        let stop = &running.stopping.drain;
        if roles.converter {
            running.loops.spawn(self.clone().work(running.stopping.clone(), running.attempts.clone()));
            running.loops.spawn(self.clone().rescue(stop.clone()));
            running.loops.spawn(self.clone().collect(stop.clone()));
        }
        if roles.notification {
            running.loops.spawn(self.clone().tell(stop.clone()));
        }
        Ok(running)
    }
}

impl Running {
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
    }
}
