//! The verbs of Reelmill over its ports: take in, convert, rescue, deliver, sign in.
//!
//! Every door of the server calls the same [`Service`]; the rights of a caller are checked here and nowhere else.
//! What runs by itself (workers, rescuer, collector, notices) is started by [`Service::start`], a role each, and
//! drained by [`Running::drain`].

mod carrying;
mod clock;
mod collect;
mod content;
mod error;
mod feed;
mod foreign;
mod identity;
mod ingest;
mod jobs;
mod leftovers;
mod library;
mod moving;
mod notices;
mod options;
mod purging;
mod queue;
mod rings;
mod running;
mod songs;
mod tasks;
mod videos;
mod wishes;
mod work;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use reelmill_core::ports::{Cancel, Catalog, Converter, Doorbell, Notifier, Objects, Pictures, Source};
use reelmill_core::{JobId, Pulse, Timestamp, Token, UserId};
use tokio::sync::{Notify, Semaphore};
use tokio::time::Instant;
use uuid::Uuid;

pub use carrying::{CarryError, Exported, Imported, export, import};
pub use clock::{Clock, SystemClock};
pub use content::{Content, HANDOUT};
pub use error::Error;
pub use feed::{Change, Cursor, Deaf, Listener, Missed};
pub use identity::{Caller, Claims, Entrance, NewAccount, NewApiKey, Session, SignUp};
pub use ingest::{Ingested, Upload};
pub use jobs::JobView;
pub use library::{ProfileView, Readiness};
pub use moving::{MoveStep, Moved, Moving};
pub use options::{Options, Roles};
pub use purging::{Ages, Purged};
pub use queue::{QueueView, Retried};
pub use running::Running;
pub use songs::{OperationView, SongView};
pub use tasks::{TaskView, Which};
pub use videos::{Announced, VideoDetails, VideoView, Watchable};
pub use wishes::{JobWish, Submission};

use feed::Chronicle;
use identity::{Passwords, Signer, Throttle};
use rings::Debt;
use videos::Easels;
use work::PassingLane;

/// What stands behind the service.
#[derive(Clone)]
pub struct Ports {
    /// The truth.
    pub catalog: Arc<dyn Catalog>,
    /// The bytes.
    pub objects: Arc<dyn Objects>,
    /// What wakes workers.
    pub doorbell: Arc<dyn Doorbell>,
    /// What understands media.
    pub converter: Arc<dyn Converter>,
    /// What tells people.
    pub notifier: Arc<dyn Notifier>,
    /// Where media comes from that nobody uploads.
    pub source: Arc<dyn Source>,
    /// What understands pictures.
    pub pictures: Arc<dyn Pictures>,
}

/// All verbs. Cheap to clone; clones share everything.
#[derive(Clone)]
pub struct Service {
    inner: Arc<Inner>,
}

struct Inner {
    ports: Ports,
    /// The ports' catalog, which tells of what is committed. Nothing goes to the other past it.
    catalog: Chronicle,
    options: Options,
    clock: Arc<dyn Clock>,
    passwords: Passwords,
    signer: Signer,
    /// The claims that this process holds, so that a cancel or a look at the progress needs no detour.
    held: Mutex<HashMap<JobId, Held>>,
    /// The account whose job this process claimed last.
    served_last: Mutex<Option<UserId>>,
    /// A job of an account that may not have more has ended.
    room: Notify,
    /// One permit for each conversion that may run.
    slots: Arc<Semaphore>,
    /// One slot more for what is short, while what is long holds them all.
    lane: PassingLane,
    /// A download that has ended stands in the queue for a slot.
    slot_wanted: Notify,
    /// One permit for each download that may run without holding a slot.
    fetches: Arc<Semaphore>,
    /// Where pictures are worked on.
    easels: Easels,
    /// Who signs in too often.
    throttle: Throttle,
    /// There may be a notice to tell people.
    notices: Notify,
    /// There may be a notice to tell programs.
    announcements: Notify,
    /// Rings that no broker has taken.
    debt: Debt,
    /// The last look at the parts behind, and when it was.
    readiness: tokio::sync::Mutex<Option<(Instant, Readiness)>>,
    /// Whether the queue is paused, and when the catalog was asked.
    pause: tokio::sync::Mutex<Option<(Instant, bool)>>,
}

/// A claim that this process holds.
struct Held {
    account: UserId,
    token: Token,
    cancel: Cancel,
    pulse: Pulse,
    /// Asks the heartbeat to come at once, which then sees the cancel.
    beat_now: Arc<Notify>,
}

impl Service {
    /// The service over its ports.
    #[must_use]
    pub fn new(ports: Ports, options: Options, clock: Arc<dyn Clock>) -> Self {
        let signer = Signer::new(&options.jwt_secret);
        let passwords = Passwords::new(options.password_slots);
        let slots = Arc::new(Semaphore::new(options.slots.max(1)));
        let lane = PassingLane::new(slots.available_permits());
        let fetches = Arc::new(Semaphore::new(options.fetches));
        let catalog = Chronicle::new(Arc::clone(&ports.catalog), Arc::clone(&clock));
        Self {
            inner: Arc::new(Inner {
                ports,
                catalog,
                options,
                slots,
                lane,
                slot_wanted: Notify::new(),
                fetches,
                easels: Easels::default(),
                throttle: Throttle::default(),
                clock,
                passwords,
                signer,
                held: Mutex::default(),
                served_last: Mutex::default(),
                room: Notify::new(),
                notices: Notify::new(),
                announcements: Notify::new(),
                debt: Debt::default(),
                readiness: tokio::sync::Mutex::default(),
                pause: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// What it was set up with.
    #[must_use]
    pub fn options(&self) -> &Options {
        &self.inner.options
    }

    fn ports(&self) -> &Ports {
        &self.inner.ports
    }

    fn catalog(&self) -> &Chronicle {
        &self.inner.catalog
    }

    fn objects(&self) -> &dyn Objects {
        &*self.inner.ports.objects
    }

    fn now(&self) -> Timestamp {
        self.inner.clock.now()
    }

    /// A fresh UUID version 7 of the service's own clock.
    fn fresh_id(&self) -> Uuid {
        let ms = u64::try_from(self.now().as_ms()).unwrap_or(0);
        let moment = uuid::Timestamp::from_unix(
            uuid::NoContext,
            ms / 1000,
            u32::try_from(ms % 1000).unwrap_or(0) * 1_000_000,
        );
        Uuid::new_v7(moment)
    }

    fn held(&self) -> std::sync::MutexGuard<'_, HashMap<JobId, Held>> {
        self.inner.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn served_last(&self) -> std::sync::MutexGuard<'_, Option<UserId>> {
        self.inner.served_last.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
