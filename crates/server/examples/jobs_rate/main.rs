//! How many durable jobs a second go through the service, and how soon a job starts: `jobs_rate URL JOBS SLOTS`.
//!
//! The whole service works at jobs that have nothing to do: each is asked for as a client does, claimed by the worker with
//! its heartbeat and its intent on record, ended with an output, and every step is committed to the catalog at URL (best
//! one that nobody else uses) before the next. Only the conversion is stood in for, and the store is in memory: what is
//! left is what the jobs themselves cost. A line of JSON comes out, rates in jobs a second and waits in milliseconds:
//! `{"jobs": …, "start_p50_ms": …, "start_p95_ms": …}`.

mod idle;

use std::error::Error;
use std::io::Write as _;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::future::try_join_all;
use futures_util::stream;
use reelmill_backends::source::SourceOptions;
use reelmill_backends::{Deployment, catalog, courier, doorbell, notifier, objects, pictures, source};
use reelmill_core::ports::Catalog;
use reelmill_core::{Door, MediaId, Priority, Role, Settings};
use reelmill_service::{Caller, JobWish, NewAccount, Options, Ports, Roles, Service, SystemClock, Upload};
use secrecy::SecretString;
use tokio::time::sleep;

use idle::Idle;

type Failure = Box<dyn Error + Send + Sync>;

/// Jobs before those that are measured.
const WARM_UP_JOBS: usize = 100;
/// Jobs whose start is waited for, one after the other, so that none waits for a slot.
const STARTS: usize = 300;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [url, jobs, slots] = arguments.as_slice() else { return Err("jobs_rate URL JOBS SLOTS".into()) };
    let (jobs, slots) = (jobs.parse()?, slots.parse()?);
    let bench = Bench::open(url, slots).await?;
    let running = bench.service.start(Roles { converter: true, notification: false }).await?;
    bench.drain(WARM_UP_JOBS, slots).await?;
    let rate = bench.drain(jobs, slots).await?;
    let mut starts = bench.starts().await?;
    running.drain().await;
    starts.sort_unstable();
    let at = |percent: usize| starts[(starts.len() * percent).div_ceil(100) - 1].as_secs_f64() * 1e3;
    let told = serde_json::json!({ "jobs": rate, "start_p50_ms": at(50), "start_p95_ms": at(95) });
    writeln!(std::io::stdout(), "{told}")?;
    Ok(())
}

struct Bench {
    service: Service,
    catalog: Arc<dyn Catalog>,
    idle: Arc<Idle>,
    caller: Caller,
    media: MediaId,
}

impl Bench {
    async fn open(url: &str, slots: usize) -> Result<Self, Failure> {
        let deployment = Deployment::within(".".into());
        let catalog = catalog::open(url, &deployment).await?;
        let idle = Arc::<Idle>::default();
        let ports = Ports {
            catalog: Arc::clone(&catalog),
            objects: objects::open("memory:", &deployment).await?,
            doorbell: doorbell::open("embedded:", &deployment).await?,
            converter: Arc::clone(&idle) as _,
            notifier: notifier::open("log:").await?,
            courier: courier::open(Vec::new()).await?,
            source: source::open(SourceOptions::new(PathBuf::from("."))).await?,
            pictures: pictures::open(pictures::DEFAULT_URL).await?,
        };
        let service = Service::new(ports, options(slots), Arc::new(SystemClock));
        let account = NewAccount {
            email: "bench@example.org".into(),
            name: None,
            password: SecretString::from("a password of some length"),
            role: Role::Member,
        };
        let caller = Caller { user: service.add_account(account).await? };
        let bytes = stream::iter([Ok(Bytes::from_static(b"a sound"))]);
        let upload = Upload { name: "talk.wav".into(), declared_bytes: None, bytes };
        let media = service.ingest(&caller, upload, None).await?.media.id;
        Ok(Self { service, catalog, idle, caller, media })
    }

    async fn ask(&self) -> Result<(), Failure> {
        let wish = JobWish {
            profile: "mp3".into(),
            overrides: Settings::default(),
            priority: Priority::Normal,
            door: Door::V1,
            submission: None,
        };
        self.service.submit(&self.caller, self.media, wish).await?;
        Ok(())
    }

    /// Jobs a second, from the first that is asked for to the end of the last.
    async fn drain(&self, jobs: usize, callers: usize) -> Result<f64, Failure> {
        let began = Instant::now();
        let calling = (0..callers).map(|caller| async move {
            for _ in (caller..jobs).step_by(callers) {
                self.ask().await?;
            }
            Ok::<_, Failure>(())
        });
        try_join_all(calling).await?;
        loop {
            let census = self.catalog.census().await?;
            if census.queued + census.claimed == 0 {
                break;
            }
            sleep(Duration::from_millis(5)).await;
        }
        #[expect(clippy::cast_precision_loss, reason = "thousands")]
        Ok(jobs as f64 / began.elapsed().as_secs_f64())
    }

    /// How long each of some jobs took from being asked for to its conversion.
    async fn starts(&self) -> Result<Vec<Duration>, Failure> {
        let mut starts = Vec::with_capacity(STARTS);
        for _ in 0..STARTS {
            let began = Instant::now();
            let started = self.idle.next_start();
            self.ask().await?;
            starts.push(started.await.duration_since(began));
            sleep(Duration::from_millis(10)).await;
        }
        Ok(starts)
    }
}

/// As the server sets it up where nothing is configured.
fn options(slots: usize) -> Options {
    Options {
        slots,
        worker_name: "bench".into(),
        is_worker_named: false,
        movies_folder: "movies".into(),
        images_folder: "images".into(),
        lease: Duration::from_secs(15),
        heartbeat: Duration::from_secs(5),
        poll: Duration::from_secs(1),
        drain: Duration::from_secs(30),
        max_attempts: 3,
        job_deadline: Duration::from_hours(24),
        music_attempts: 3,
        music_deadline: Duration::from_mins(4),
        fetches: 4,
        is_sign_up_open: false,
        retention_jobs: None,
        retention_media: None,
        retention_uploads: Duration::from_hours(24),
        account_slots: None,
        retry_base: Duration::from_secs(1),
        max_upload_bytes: 1 << 30,
        upload_idle: Duration::from_secs(30),
        upload_floor_bytes: 1024,
        password_slots: 1,
        jwt_secret: SecretString::from("what this bench signs nothing with, of some length"),
        session: Duration::from_hours(1),
        sole: false,
        webhook_body: reelmill::http::webhook_body,
    }
}
