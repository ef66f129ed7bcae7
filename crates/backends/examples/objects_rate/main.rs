//! How many MB a second an object store takes and gives through our port, beside the plain HTTP client on the same store.
//!
//! `objects_rate URL [MIB] [ROUNDS]`, with the URL of a bucket of S3 (with `endpoint`, `access_key` and `secret_key`) or of an
//! emulator of Cloud Storage (with `endpoint`), of two databases of GridFS, or of a folder. What the plain client does is one
//! request an object, with nothing held back to be patched, no checksum and no condition (the driver's own bucket, a file that
//! is synced). Both take turns, so that they meet the same weather; what is printed is a line of JSON a round, then the median
//! of each, their ratio and the spread of both.

#[cfg(feature = "objects-gridfs")]
mod bucket;
mod disk;
mod peer;
mod plain;

use std::error::Error;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use futures_util::TryStreamExt;
use reelmill_backends::{Deployment, objects};
use reelmill_core::Key;
use reelmill_core::ports::Objects;

use peer::Peer;

/// The pieces that our port is written in, as a conversion does it.
const PIECE_BYTES: usize = 256 * 1024;

type Failure = Box<dyn Error + Send + Sync>;

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let mut arguments = std::env::args().skip(1);
    let url = arguments.next().ok_or("objects_rate URL [MIB] [ROUNDS]")?;
    let mib: usize = arguments.next().map_or(Ok(64), |mib| mib.parse())?;
    let rounds: usize = arguments.next().map_or(Ok(7), |rounds| rounds.parse())?;
    let ours = objects::open(&url, &Deployment::within(".".into())).await?;
    let plain = Peer::open(&url).await?;
    let content: Bytes = (0..mib << 20).map(|at| at.to_le_bytes()[0] ^ (at >> 13).to_le_bytes()[0]).collect();
    let mut took = [const { Vec::new() }; 4];
    // The first round warms both up and is not counted.
    for round in 0..=rounds {
        let key: Key = format!("rate/{}", uuid::Uuid::new_v4()).parse()?;
        let seconds = [
            timed(put(&ours, &key, &content)).await?,
            timed(plain.put("rate-plain", &content)).await?,
            timed(read(&ours, &key, content.len())).await?,
            timed(plain.read("rate-plain", content.len())).await?,
        ];
        ours.delete(&key).await?;
        if round > 0 {
            let [ours, plain, our_read, plain_read] = seconds.map(f64::recip);
            let round = serde_json::json!({
                "ours": { "upload": ours, "download": our_read },
                "plain": { "upload": plain, "download": plain_read },
            });
            println!("{round}");
            took.iter_mut().zip(seconds).for_each(|(all, seconds)| all.push(seconds));
        }
    }
    println!("{mib} MiB, {rounds} rounds: median MB/s (slowest to fastest)");
    let [our_put, plain_put, our_read, plain_read] = took.map(|seconds| Rates::of(&seconds, content.len()));
    our_put.print("upload", &plain_put);
    our_read.print("download", &plain_read);
    Ok(())
}

async fn timed(work: impl Future<Output = Result<(), Failure>>) -> Result<f64, Failure> {
    let started = Instant::now();
    work.await?;
    Ok(started.elapsed().as_secs_f64())
}

async fn put(objects: &Arc<dyn Objects>, key: &Key, content: &Bytes) -> Result<(), Failure> {
    let mut writer = objects.create(key).await?;
    let mut rest = content.clone();
    while !rest.is_empty() {
        writer.write(rest.split_to(rest.len().min(PIECE_BYTES))).await?;
    }
    writer.finish().await?;
    Ok(())
}

async fn read(objects: &Arc<dyn Objects>, key: &Key, length: usize) -> Result<(), Failure> {
    let stream = objects.read(key, 0..length as u64).await?;
    let read = stream.try_fold(0, |read, bytes| async move { Ok(read + bytes.len()) }).await?;
    if read == length { Ok(()) } else { Err("other bytes came back".into()) }
}

/// Rates in MB a second, the slowest first.
struct Rates(Vec<f64>);

impl Rates {
    fn of(seconds: &[f64], length: usize) -> Self {
        #[expect(clippy::cast_precision_loss, reason = "a size in MB")]
        let mut rates: Vec<f64> = seconds.iter().map(|seconds| length as f64 / 1e6 / seconds).collect();
        rates.sort_by(f64::total_cmp);
        Self(rates)
    }

    fn median(&self) -> f64 {
        self.0[self.0.len() / 2]
    }

    fn print(&self, what: &str, plain: &Self) {
        let said = |rates: &Self| {
            let (least, most) = (rates.0[0], rates.0[rates.0.len() - 1]);
            format!("{:.0} ({least:.0} to {most:.0})", rates.median())
        };
        let ratio = self.median() / plain.median();
        println!("{what}: ours {}, plain {}, ratio {ratio:.2}", said(self), said(plain));
    }
}
