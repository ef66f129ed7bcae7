//! `reelmill check`: tries every configured backend as work would use it, and says how long each takes or what is wrong.
//!
//! What it writes it deletes; what it leaves behind where it is killed, the collector takes away: a condemned key on record
//! is what the collector looks for anyway.

use std::future::Future;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use bytes::Bytes;
use futures_util::TryStreamExt as _;
use reelmill_backends::{catalog, doorbell, notifier, objects, source};
use reelmill_core::ports::{Catalog, Channel, Doorbell, Message, Objects, Ring};
use reelmill_core::{Holder, Intent, JobId, Key, Timestamp, Write};
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use super::Outcome;
use super::flags::{Flags, Serving};
use super::say::{say, say_json, table};
use crate::config::Config;
use crate::{data_dir, wiring};

/// How long one backend may take in all: longer than any store tries by itself, so that what was written is deleted.
const PATIENCE: Duration = Duration::from_secs(90);
/// How long the check's own ring may take to come back; another process may hear it first.
const ECHO: Duration = Duration::from_secs(2);

/// Try every configured backend: write, read, delete; one line each with its latencies or what is wrong
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  reelmill check
  reelmill check --catalog postgres://me@db/reelmill --objects s3://bucket --doorbell amqp://broker

The catalog's schema is brought up to date, as `serve` does it.
Exit codes: 0 all can be used, 1 something cannot.")]
pub(super) struct Check {
    #[command(flatten)]
    flags: Flags<Serving>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// What came of one backend.
struct Finding {
    port: &'static str,
    url: String,
    /// Whether requests can do without it.
    is_optional: bool,
    result: Result<Vec<(&'static str, Duration)>, String>,
}

impl Check {
    pub(super) fn run(self) -> Outcome {
        let config = self.flags.load()?.config;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .map_err(super::failure::Failure::failed)?;
        let findings = runtime.block_on(all(&config));
        runtime.shutdown_timeout(Duration::from_secs(1));
        if self.json {
            say_json(&findings.iter().map(Finding::to_json).collect::<Vec<_>>())?;
        } else {
            say(table(&findings.iter().map(Finding::to_row).collect::<Vec<_>>()))?;
        }
        let is_sound = findings.iter().all(|finding| finding.result.is_ok());
        Ok(if is_sound { ExitCode::SUCCESS } else { ExitCode::FAILURE })
    }
}

impl Finding {
    fn to_row(&self) -> [String; 4] {
        let (verdict, said) = match &self.result {
            Ok(steps) => {
                let step = |(name, took): &(&str, Duration)| format!("{name} {}", milliseconds(*took));
                ("ok", steps.iter().map(step).collect::<Vec<_>>().join(", "))
            }
            Err(wrong) if self.is_optional => ("degraded", wrong.clone()),
            Err(wrong) => ("FAILED", wrong.clone()),
        };
        [self.port.to_owned(), self.url.clone(), verdict.to_owned(), said]
    }

    fn to_json(&self) -> Value {
        let steps = self.result.as_ref().ok().map(|steps| {
            let step =
                |(name, took): &(&str, Duration)| json!({"step": name, "ms": took.as_secs_f64() * 1e3});
            steps.iter().map(step).collect::<Vec<_>>()
        });
        json!({
            "port": self.port, "url": self.url, "ok": self.result.is_ok(), "optional": self.is_optional,
            "steps": steps, "error": self.result.as_ref().err(),
        })
    }
}

fn milliseconds(took: Duration) -> String {
    format!("{:.1} ms", took.as_secs_f64() * 1e3)
}

async fn all(config: &Config) -> Vec<Finding> {
    let deployment = wiring::deployment(config);
    // A URL says why it cannot be used better than the folder that is not there.
    let _ = data_dir::make(&config.data_dir);
    let catalog = tried("catalog", config.catalog.to_string(), false, async {
        let mut steps = Steps::new();
        let catalog = catalog::open(config.catalog.expose(), &deployment).await?;
        steps.done("open");
        write_read_delete(&*catalog, &mut steps).await?;
        Ok(steps)
    });
    let objects = tried("objects", config.objects.to_string(), false, async {
        let mut steps = Steps::new();
        let objects = objects::open(config.objects.expose(), &deployment).await?;
        steps.done("open");
        store_read_delete(&*objects, &mut steps).await?;
        Ok(steps)
    });
    let doorbell = tried("doorbell", config.doorbell.to_string(), true, async {
        let mut steps = Steps::new();
        let doorbell = doorbell::open(config.doorbell.expose(), &deployment).await?;
        doorbell.check().await?;
        steps.done("open");
        ring_and_listen(doorbell, &mut steps).await?;
        Ok(steps)
    });
    let notifier = tried("notifier", config.notifier.to_string(), true, async {
        let mut steps = Steps::new();
        notifier::open(config.notifier.expose()).await?.check().await?;
        steps.done("open");
        Ok(steps)
    });
    let source = tried("source", "web".to_owned(), true, async {
        let mut steps = Steps::new();
        source::open(wiring::source_options(config)).await?.check().await?;
        steps.done("open");
        Ok(steps)
    });
    vec![catalog.await, objects.await, doorbell.await, notifier.await, source.await]
}

async fn tried(
    port: &'static str,
    url: String,
    is_optional: bool,
    trying: impl Future<Output = anyhow::Result<Steps>>,
) -> Finding {
    let result = match timeout(PATIENCE, trying).await {
        Ok(Ok(steps)) => Ok(steps.taken),
        Ok(Err(error)) => Err(format!("{error:#}")),
        Err(_) => Err(format!("it did not answer within {} s", PATIENCE.as_secs())),
    };
    Finding { port, url, is_optional, result }
}

/// How long each step took.
struct Steps {
    taken: Vec<(&'static str, Duration)>,
    since: Instant,
}

impl Steps {
    fn new() -> Self {
        Self { taken: Vec::new(), since: Instant::now() }
    }

    fn done(&mut self, step: &'static str) {
        self.taken.push((step, self.since.elapsed()));
        self.since = Instant::now();
    }
}

async fn write_read_delete(catalog: &dyn Catalog, steps: &mut Steps) -> anyhow::Result<()> {
    let before: Key = format!("check/{}", Uuid::new_v4()).parse()?;
    let key: Key = format!("{before}/object").parse()?;
    let now = Timestamp::from_ms(i64::try_from(std::time::UNIX_EPOCH.elapsed()?.as_millis())?);
    let holder = Holder::Condemned { since: now };
    let intent = Intent { key: key.clone(), holder, beats: 0, created_at: now };
    catalog.commit(vec![Write::AddIntent(intent)]).await.context("cannot write")?;
    steps.done("write");
    let read = catalog.intents(Some(&before), 1).await.context("cannot read")?;
    ensure!(read.first().is_some_and(|intent| intent.key == key), "what was written was not read back");
    steps.done("read");
    catalog.commit(vec![Write::ForgetIntent(key)]).await.context("cannot delete")?;
    steps.done("delete");
    Ok(())
}

async fn store_read_delete(objects: &dyn Objects, steps: &mut Steps) -> anyhow::Result<()> {
    let key: Key = format!("check/{}", Uuid::new_v4()).parse()?;
    let bytes = Bytes::from_static(b"Reelmill was here");
    let mut writer = objects.create(&key).await.context("cannot write")?;
    writer.write(bytes.clone()).await.context("cannot write")?;
    writer.finish().await.context("cannot write")?;
    steps.done("write");
    let read = async {
        let pieces: Vec<Bytes> = objects.read(&key, 0..bytes.len() as u64).await?.try_collect().await?;
        Ok::<_, reelmill_core::ports::ObjectsError>(pieces.concat())
    };
    let read = read.await;
    steps.done("read");
    objects.delete(&key).await.context("cannot delete")?;
    steps.done("delete");
    ensure!(read.context("cannot read")? == bytes, "what was written was not read back");
    Ok(())
}

/// Rings for a job that there is not. Whoever hears it finds nothing and settles it.
async fn ring_and_listen(doorbell: Arc<dyn Doorbell>, steps: &mut Steps) -> anyhow::Result<()> {
    let job = JobId(Uuid::new_v4());
    let about = doorbell.is_queue().then(Default::default);
    doorbell.ring(Channel::Work, &Ring { job, about }).await.context("cannot ring")?;
    steps.done("ring");
    // Others' go back to the queue when this is over, and so not round and round.
    let mut others = Vec::new();
    let echo = async {
        loop {
            let delivery = doorbell.listen(Channel::Work).await?;
            if *delivery.message() == Message::Job(job) {
                return delivery.settle().await;
            }
            others.push(delivery);
        }
    };
    match timeout(ECHO, echo).await {
        Ok(Ok(())) => steps.done("hear"),
        Ok(Err(error)) => bail!("cannot listen: {error}"),
        Err(_) => steps.done("heard by another process"),
    }
    Ok(())
}
