//! A writer: one connection, one transaction at a time, some changes in each.
//!
//! A change whose condition does not hold is taken back alone, to a savepoint of its own. Savepoints cost a round trip each
//! and most changes hold, so they are set only once one was refused, and all is done again with them.
//!
//! Where other processes are in the way (a deadlock, a lock that does not come), or the connection is lost before the end
//! was asked for, nothing was done, and the same is done again: together first, then each change alone, so that one cannot
//! fail all.

use std::time::{Duration, Instant};

use reelmill_core::ports::CatalogError;
use sqlx::{AnyConnection, Connection};

use super::access::within;
use super::change::perform;
use super::failure::Failure;
use super::line::{Ask, Verdict};
use super::tally::{Shard, Tally};
use super::{Access, Dialect};

/// How often changes are tried together.
const TOGETHER: u32 = 3;
/// How often a change is tried alone.
const ALONE: u32 = 8;
/// When it is given up, however often it was tried.
const LONGEST: Duration = Duration::from_secs(20);
/// The first pause before a transaction is done again; it doubles.
const STEP_ASIDE: Duration = Duration::from_millis(4);
/// The pause after a connection could not be made; it doubles up to the longest.
const RECONNECT: Duration = Duration::from_millis(50);
const LONGEST_RECONNECT: Duration = Duration::from_secs(2);

/// See the module.
pub(super) struct Writer {
    access: Access,
    dialect: &'static Dialect,
    shard: Shard,
    connection: Option<AnyConnection>,
    /// Whether changes get savepoints from the start: a change was refused in the last transaction.
    is_careful: bool,
    refused: Option<Outage>,
}

/// A database that could not be reached.
struct Outage {
    reason: String,
    until: Instant,
    pause: Duration,
}

/// Why a transaction was not done.
enum Setback {
    /// Nothing was done, and it may go better at once.
    Again(String),
    /// It may have been done or not, or will not go better at once.
    GiveUp(String),
}

/// How far a transaction came.
enum Stage {
    Open,
    /// Its end was asked for.
    Closing,
}

impl Writer {
    pub(super) fn new(connection: Option<AnyConnection>, access: Access, dialect: &'static Dialect) -> Self {
        let shard = if dialect.counts_by_job { Shard::OfJob } else { Shard::random() };
        Self { access, dialect, shard, connection, is_careful: false, refused: None }
    }

    /// What is committed is durable whether the farewell succeeds or not.
    pub(super) async fn close(self) {
        if let Some(connection) = self.connection {
            let _ = within(connection.close()).await;
        }
    }

    /// Does the asks and says of each what became of it.
    pub(super) async fn answer(&mut self, asks: &[Ask]) -> Vec<Verdict> {
        let until = Instant::now() + LONGEST;
        match self.persist(asks, TOGETHER, until).await {
            Ok(verdicts) => verdicts,
            Err(Setback::GiveUp(reason)) => asks.iter().map(|_| unavailable(&reason)).collect(),
            Err(Setback::Again(_)) => {
                let mut verdicts = Vec::with_capacity(asks.len());
                for ask in asks {
                    match self.persist(std::slice::from_ref(ask), ALONE, until).await {
                        Ok(verdict) => verdicts.extend(verdict),
                        Err(Setback::Again(reason) | Setback::GiveUp(reason)) => {
                            verdicts.push(unavailable(&reason));
                        }
                    }
                }
                verdicts
            }
        }
    }

    async fn persist(&mut self, asks: &[Ask], tries: u32, until: Instant) -> Result<Vec<Verdict>, Setback> {
        let mut pause = STEP_ASIDE;
        let mut setback = Setback::Again(format!("others were in the way for {} s", LONGEST.as_secs()));
        for _ in 0..tries {
            if Instant::now() > until {
                break;
            }
            match self.transact(asks).await {
                Err(again @ Setback::Again(_)) => setback = again,
                done => return done,
            }
            // Those who were in each other's way must not come back at the same moment.
            tokio::time::sleep(pause.mul_f64(jitter())).await;
            pause *= 2;
        }
        Err(setback)
    }

    /// Does all asks in one transaction.
    async fn transact(&mut self, asks: &[Ask]) -> Result<Vec<Verdict>, Setback> {
        let mut connection = self.begin().await.map_err(Setback::GiveUp)?;
        let mut stage = Stage::Open;
        // Alone, a change needs no savepoint.
        let mut is_careful = self.is_careful && asks.len() > 1;
        let filled = fill(&mut connection, self.dialect, self.shard, asks, &mut is_careful, &mut stage).await;
        let error = match filled {
            Ok(verdicts) => {
                self.connection = Some(connection);
                self.is_careful = is_careful;
                return Ok(verdicts);
            }
            Err(error) => error,
        };
        let is_kept = matches!(error, sqlx::Error::Database(_)) && is_rolled_back(&mut connection).await;
        if is_kept {
            self.connection = Some(connection);
        }
        let in_the_way =
            matches!(&error, sqlx::Error::Database(inner) if (self.dialect.is_in_the_way)(&**inner));
        let timed_out = matches!(&error, sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::TimedOut);
        Err(match stage {
            Stage::Open if in_the_way || !(is_kept || timed_out) => Setback::Again(error.to_string()),
            Stage::Closing if in_the_way && is_kept => Setback::Again(error.to_string()),
            Stage::Open | Stage::Closing => Setback::GiveUp(error.to_string()),
        })
    }

    /// An open transaction, on a new connection where the old one is lost.
    async fn begin(&mut self) -> Result<AnyConnection, String> {
        if let Some(mut connection) = self.connection.take() {
            match within(run(&mut connection, self.dialect.begin)).await {
                Ok(()) => return Ok(connection),
                Err(error @ sqlx::Error::Database(_)) if within(connection.ping()).await.is_ok() => {
                    self.connection = Some(connection);
                    return Err(error.to_string());
                }
                // Nothing was asked for yet, so nothing is lost but the connection.
                Err(_) => {}
            }
        }
        if let Some(outage) = self.refused.as_ref().filter(|outage| Instant::now() < outage.until) {
            return Err(outage.reason.clone());
        }
        let made = async {
            let mut connection = self.access.connect().await?;
            within(run(&mut connection, self.dialect.begin)).await?;
            Ok::<_, sqlx::Error>(connection)
        };
        match made.await {
            Ok(connection) => {
                self.refused = None;
                Ok(connection)
            }
            Err(error) => {
                let before = self.refused.take().map_or(RECONNECT, |outage| outage.pause * 2);
                let pause = before.min(LONGEST_RECONNECT);
                let reason = error.to_string();
                let until = Instant::now() + pause.mul_f64(jitter());
                self.refused = Some(Outage { reason: reason.clone(), until, pause });
                Err(reason)
            }
        }
    }
}

/// Does each ask within the open transaction, and ends it.
async fn fill(
    on: &mut AnyConnection,
    dialect: &Dialect,
    shard: Shard,
    asks: &[Ask],
    is_careful: &mut bool,
    stage: &mut Stage,
) -> Result<Vec<Verdict>, sqlx::Error> {
    let mut tally = Tally::new(shard);
    let verdicts = match each(on, dialect, &mut tally, asks, *is_careful).await? {
        Ok(verdicts) => verdicts,
        Err(refused) if asks.len() == 1 => {
            within(run(on, "ROLLBACK")).await?;
            return Ok(vec![Err(refused)]);
        }
        Err(_) => {
            within(run(on, "ROLLBACK")).await?;
            within(run(on, dialect.begin)).await?;
            tally = Tally::new(shard);
            each(on, dialect, &mut tally, asks, true).await?.unwrap_or_default()
        }
    };
    *is_careful = verdicts.iter().any(Result::is_err);
    within(tally.settle(on, dialect)).await?;
    *stage = Stage::Closing;
    within(run(on, "COMMIT")).await?;
    Ok(verdicts)
}

/// Does each ask, within a savepoint of its own where that is asked for. Without savepoints, the first that is refused ends
/// it, and all are to be taken back.
async fn each(
    on: &mut AnyConnection,
    dialect: &Dialect,
    tally: &mut Tally,
    asks: &[Ask],
    has_savepoints: bool,
) -> Result<Result<Vec<Verdict>, CatalogError>, sqlx::Error> {
    let mut verdicts = Vec::with_capacity(asks.len());
    for (nth, ask) in asks.iter().enumerate() {
        if has_savepoints {
            let next = if nth == 0 { "SAVEPOINT one" } else { "RELEASE SAVEPOINT one; SAVEPOINT one" };
            within(run(on, next)).await?;
        }
        let mut with_this = tally.clone();
        match within(perform(on, dialect, &mut with_this, &ask.change)).await {
            Ok(done) => {
                *tally = with_this;
                verdicts.push(Ok(done));
            }
            Err(Failure::Refused(refused)) if has_savepoints => {
                within(run(on, "ROLLBACK TO SAVEPOINT one")).await?;
                verdicts.push(Err(refused));
            }
            Err(Failure::Refused(refused)) => return Ok(Err(refused)),
            Err(Failure::Database(error)) => return Err(error),
        }
    }
    Ok(Ok(verdicts))
}

/// Takes back what is done; whether the connection is still of use.
async fn is_rolled_back(on: &mut AnyConnection) -> bool {
    match within(run(on, "ROLLBACK")).await {
        Ok(()) => true,
        // The database may have rolled back by itself; then there is nothing left to do.
        Err(sqlx::Error::Database(_)) => within(on.ping()).await.is_ok(),
        Err(_) => false,
    }
}

fn unavailable(reason: &str) -> Verdict {
    Err(CatalogError::Unavailable(reason.to_owned()))
}

/// From a half to one and a half.
fn jitter() -> f64 {
    0.5 + f64::from(uuid::Uuid::new_v4().as_bytes()[0]) / 255.0
}

async fn run(on: &mut AnyConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::raw_sql(sql).execute(on).await.map(drop)
}
