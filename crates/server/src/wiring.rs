//! From the configuration to a service: every backend opened by its URL.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use anyhow::bail;
use reelmill_backends::converter::ScratchSpace;
use reelmill_backends::source::{self, SourceOptions};
use reelmill_backends::{AwsKeys, Deployment, catalog, converter, doorbell, notifier, objects, pictures};
use reelmill_service::{Options, Ports, Service, SystemClock};
use secrecy::{ExposeSecret, SecretString};
use tracing::warn;

use crate::config::{BackendUrl, Config, Signup};
use crate::data_dir::{self, Lock};

/// How long a session's token is good: the converter's contract says 24 hours.
const SESSION: Duration = Duration::from_hours(24);

/// How often a worker looks into an SQL catalog by itself.
const POLL: Duration = Duration::from_secs(1);

/// How often one looks into DynamoDB, where a look has a price.
const DYNAMODB_POLL: Duration = Duration::from_secs(5);

/// The wait before a second attempt.
const RETRY_BASE: Duration = Duration::from_secs(2);

/// Downloads that hold no slot of a conversion: they wait for others most of the time.
const FETCHES: usize = 8;

/// The least bytes that an upload brings in each idle span: one packet's worth every few seconds.
const UPLOAD_FLOOR_BYTES: u64 = 16 * 1024;

/// A service, and the data folder's lock where it has the folder for itself.
pub(crate) struct Wired {
    pub(crate) service: Service,
    pub(crate) lock: Option<Lock>,
}

/// Opens everything for a process that works: takes the data folder where catalog and objects are in it.
pub(crate) async fn open_to_serve(config: &Config) -> anyhow::Result<Wired> {
    data_dir::make(&config.data_dir)?;
    let sole = is_sole(config);
    // Before the catalog is opened: what a second process must not touch, it must not open either.
    let lock = if sole { Some(data_dir::lock(&config.data_dir)?) } else { None };
    Ok(Wired { service: open(config, sole).await?, lock })
}

/// Opens everything for a command that runs beside a server.
pub(crate) async fn open_beside(config: &Config) -> anyhow::Result<Service> {
    data_dir::make(&config.data_dir)?;
    open(config, false).await
}

/// Takes the data folder for a command that works on the whole catalog, where that is in it.
pub(crate) fn hold(config: &Config) -> anyhow::Result<Option<Lock>> {
    data_dir::make(&config.data_dir)?;
    is_sole(config).then(|| data_dir::lock(&config.data_dir)).transpose()
}

async fn open(config: &Config, sole: bool) -> anyhow::Result<Service> {
    let deployment = deployment(config);
    let ports = Ports {
        catalog: catalog::open(config.catalog.expose(), &deployment).await?,
        objects: objects::open(config.objects.expose(), &deployment).await?,
        doorbell: doorbell::open(config.doorbell.expose(), &deployment).await?,
        converter: converter::open(converter::DEFAULT_URL, &scratch_space(config)).await?,
        notifier: notifier::open(config.notifier.expose()).await?,
        source: source::open(source_options(config)).await?,
        pictures: pictures::open(pictures::DEFAULT_URL).await?,
    };
    let options = Options {
        slots: usize::from(config.slots.get()),
        account_slots: config.account_slots.map(NonZeroUsize::from),
        worker_name: worker_name(config)?,
        is_worker_named: config.worker_name.is_some(),
        movies_folder: config.movies_folder.0.clone(),
        images_folder: config.images_folder.0.clone(),
        lease: config.lease,
        heartbeat: config.heartbeat,
        poll: if config.catalog.scheme() == "dynamodb" { DYNAMODB_POLL } else { POLL },
        drain: config.drain,
        max_attempts: u32::from(config.max_attempts.get()),
        job_deadline: config.job_deadline,
        music_attempts: u32::from(config.audio_attempts.get()),
        music_deadline: config.audio_deadline,
        fetches: FETCHES,
        is_sign_up_open: config.signup == Signup::Open,
        retention_jobs: config.retention_jobs,
        retention_media: config.retention_media,
        retry_base: RETRY_BASE,
        max_upload_bytes: config.max_upload_bytes.0,
        upload_idle: config.upload_idle,
        upload_floor_bytes: UPLOAD_FLOOR_BYTES,
        password_slots: std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
        jwt_secret: token_secret(config)?,
        session: SESSION,
        sole,
    };
    Ok(Service::new(ports, options, Arc::new(SystemClock)))
}

/// What backends may need to know beside their URLs.
pub(crate) fn deployment(config: &Config) -> Deployment {
    let aws_keys = config.aws_access_key.as_ref().zip(config.aws_secret_key.as_ref());
    Deployment {
        data_dir: config.data_dir.clone(),
        aws_keys: aws_keys.map(|(access, secret)| AwsKeys {
            access_key: access.0.expose_secret().to_owned(),
            secret_key: secret.0.clone(),
        }),
    }
}

fn scratch_space(config: &Config) -> ScratchSpace {
    let usual = ScratchSpace::default();
    ScratchSpace {
        folder: config.scratch_dir.clone().unwrap_or(usual.folder),
        max_bytes: config.scratch_max_bytes.0,
    }
}

/// Where media comes from that nobody uploads, as it is configured.
pub(crate) fn source_options(config: &Config) -> SourceOptions {
    SourceOptions {
        youtube_api_key: config.youtube_api_key.as_ref().map(|key| key.0.clone()),
        youtube_api_base: config.youtube_api_base.0.clone(),
        ytdlp: config.ytdlp.clone(),
        cookies_file: config.sources_cookies.clone(),
        proxy: config.sources_proxy.as_ref().map(|proxy| proxy.0.clone()),
        allow_hosts: config.sources_allow_hosts.iter().map(|host| host.0.clone()).collect(),
        max_duration: config.sources_max_duration,
        max_bytes: config.sources_max_bytes.0,
        fetch_timeout: config.sources_timeout,
        ..SourceOptions::new(config.data_dir.clone())
    }
}

fn worker_name(config: &Config) -> anyhow::Result<String> {
    match &config.worker_name {
        Some(name) => Ok(name.0.clone()),
        None => Ok(format!("worker-{}", data_dir::random_text(6)?)),
    }
}

fn token_secret(config: &Config) -> anyhow::Result<SecretString> {
    match &config.jwt_secret {
        Some(secret) => Ok(secret.0.clone()),
        None if is_embedded(&config.catalog) => data_dir::token_secret(&config.data_dir),
        None if config.contract.is_some() => {
            // Such a contract's own clients bring no tokens, and its variables alone have to do.
            warn!(
                "JWT_SECRET is not set: tokens are good at this process alone; set the same at all of them"
            );
            data_dir::token_secret(&config.data_dir)
        }
        None => bail!(
            "JWT_SECRET is not set: with a catalog that others share, every process needs the same one; give it at least \
             32 bytes, for instance what `openssl rand -hex 32` prints"
        ),
    }
}

fn is_embedded(catalog: &BackendUrl) -> bool {
    matches!(catalog.scheme(), "sqlite" | "memory")
}

/// Whether no other process can use the catalog: it is in memory, or in the data folder, whose lock keeps others out.
fn is_sole(config: &Config) -> bool {
    match config.catalog.expose().split_once(':') {
        Some(("memory", _)) => true,
        Some(("sqlite", path)) => {
            let absolute =
                |path: &std::path::Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            path.is_empty() || absolute(path.as_ref()).parent() == Some(absolute(&config.data_dir).as_path())
        }
        _ => false,
    }
}
