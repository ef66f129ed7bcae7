//! How many jobs a second a catalog takes from enqueueing to their end, beside the plain client of the same database.
//!
//! `catalog_rate URL [TASKS] [SECONDS] [ROUNDS]` opens a catalog (best one that nobody else uses: what it writes stays there) and
//! lets so many tasks at once take jobs through: enqueue, look what is due, claim, beat, done with an output. Each step of a
//! job is durable before the next. Rounds of ours and of plain statements through `sqlx` on the same tables (calls of the SDK
//! on a table of their own) take turns, so that both meet the same weather; what is printed is a line of JSON a round, then the
//! median of each, their ratio and the spread of both.
//!
//! `catalog_rate drain URL JOBS SLOTS` enqueues all jobs first and works them off then; see [`drain`].

mod drain;
#[cfg(feature = "catalog-dynamodb")]
mod items;
mod jobs;
mod plain;

use std::error::Error;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use reelmill_backends::{Deployment, catalog};
use reelmill_core::ports::{Catalog, CatalogError};
use reelmill_core::{Job, Pulse, Timestamp, Write};

use plain::Plain;

/// Rounds of each.
const ROUNDS: u32 = 5;

type Failure = Box<dyn Error + Send + Sync>;
type Taken<'a> = Pin<Box<dyn Future<Output = Result<(), Failure>> + Send + 'a>>;

/// What takes jobs through.
trait Taker: Send + Sync {
    /// Takes one from enqueueing to its end.
    fn take(&self, job: Job) -> Taken<'_>;
}

/// The port, as the service uses it.
struct Ours(Arc<dyn Catalog>);

impl Taker for Ours {
    fn take(&self, job: Job) -> Taken<'_> {
        Box::pin(async move {
            self.0.commit(vec![Write::AddJob(job.clone())]).await?;
            self.0.due_jobs(Timestamp::from_ms(i64::MAX), 1).await?;
            let claimed = jobs::claimed(&job)?;
            self.0.commit(vec![Write::ReplaceJob(claimed.clone())]).await?;
            let token = claimed.claim().map(|claim| claim.token).ok_or(CatalogError::NotFound)?;
            self.0.beat(job.id, token, Pulse::default()).await?;
            let (done, output) = jobs::done(&claimed)?;
            self.0.commit(vec![Write::ReplaceJob(done), Write::AddOutput(output)]).await?;
            Ok(())
        })
    }
}

#[tokio::main]
async fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    if let ["drain", url, jobs, slots] = arguments[..] {
        let catalog = catalog::open(url, &Deployment::within(".".into())).await?;
        return drain::run(catalog, jobs.parse()?, slots.parse()?).await;
    }
    let url = arguments.first().ok_or("catalog_rate [drain] URL …")?;
    let number = |at: usize, usual: u32| arguments.get(at).map_or(Ok(usual), |number| number.parse());
    let (tasks, seconds, rounds) = (number(1, 32)?, number(2, 3)?, number(3, ROUNDS)?);
    take_turns(url, tasks, Duration::from_secs(seconds.into()), rounds.max(1)).await
}

async fn take_turns(url: &str, tasks: u32, round: Duration, rounds: u32) -> Result<(), Failure> {
    let ours = Ours(catalog::open(url, &Deployment::within(".".into())).await?);
    let plain = plain_at(url, tasks).await?;
    let (mut our_rates, mut plain_rates) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let (ours, plain) = (rate(&ours, tasks, round).await?, rate(&*plain, tasks, round).await?);
        println!("{}", serde_json::json!({ "ours": { "jobs": ours }, "plain": { "jobs": plain } }));
        our_rates.push(ours);
        plain_rates.push(plain);
    }
    let scheme = url.split(':').next().unwrap_or_default();
    let ((low, ours, high), (plain_low, plain, plain_high)) =
        (spread(&mut our_rates), spread(&mut plain_rates));
    println!(
        "{scheme}, {tasks} tasks: ours {ours:.0} jobs/s ({low:.0} to {high:.0}), plain {plain:.0} jobs/s \
         ({plain_low:.0} to {plain_high:.0}), ratio {:.2}",
        ours / plain
    );
    Ok(())
}

/// The plain client of that database.
async fn plain_at(url: &str, tasks: u32) -> Result<Box<dyn Taker>, Failure> {
    #[cfg(feature = "catalog-dynamodb")]
    if url.starts_with("dynamodb:") {
        return Ok(Box::new(items::Items::open(url).await?));
    }
    Ok(Box::new(Plain::open(url, tasks).await?))
}

/// Jobs a second.
async fn rate(taker: &dyn Taker, tasks: u32, round: Duration) -> Result<f64, Failure> {
    let began = Instant::now();
    let running = (0..tasks).map(|_| async {
        let mut jobs = 0_u32;
        while began.elapsed() < round {
            taker.take(jobs::queued()?).await?;
            jobs += 1;
        }
        Ok::<_, Failure>(jobs)
    });
    let jobs: u32 = try_join_all(running).await?.into_iter().sum();
    Ok(f64::from(jobs) / began.elapsed().as_secs_f64())
}

/// The lowest, the median and the highest.
fn spread(rates: &mut [f64]) -> (f64, f64, f64) {
    rates.sort_by(f64::total_cmp);
    (rates[0], rates[rates.len() / 2], rates[rates.len() - 1])
}
