//! The line before the one writer: whoever waits while a transaction becomes durable shares the next one.
//!
//! A disk makes some hundreds of transactions a second durable, however small. So changes that have come in
//! meanwhile go into one, each within a savepoint of its own: a change whose condition does not hold is taken
//! back alone, and each caller gets the verdict of its own change once the transaction is durable.

use reelmill_core::ports::CatalogError;
use sqlx::{AnyConnection, Connection};
use tokio::sync::{mpsc, oneshot};

use super::Dialect;
use super::change::{Change, Done, perform};

/// How many changes share a transaction at most.
const MAX_SHARING: usize = 64;
/// How many wait in line at most; the next ones wait to get into it.
const MAX_WAITING: usize = 256;

type Verdict = Result<Done, CatalogError>;

#[derive(Debug)]
struct Ask {
    change: Change,
    answer: oneshot::Sender<Verdict>,
}

/// Where changes wait for the writer. The writer ends when this is dropped, after what is in line.
#[derive(Debug)]
pub(in crate::catalog) struct Line(mpsc::Sender<Ask>);

impl Line {
    /// Starts the writer on its connection.
    pub(in crate::catalog) fn start(writer: AnyConnection, dialect: &'static Dialect) -> Self {
        let (asks, line) = mpsc::channel(MAX_WAITING);
        tokio::spawn(serve(writer, dialect, line));
        Self(asks)
    }

    /// Has a change done. A caller that stops waiting has it done all the same.
    pub(super) async fn change(&self, change: Change) -> Verdict {
        let gone = || CatalogError::Unavailable("its writer has ended".to_owned());
        let (answer, verdict) = oneshot::channel();
        self.0.send(Ask { change, answer }).await.map_err(|_| gone())?;
        verdict.await.map_err(|_| gone())?
    }
}

async fn serve(mut writer: AnyConnection, dialect: &'static Dialect, mut line: mpsc::Receiver<Ask>) {
    let mut asks = Vec::with_capacity(MAX_SHARING);
    while line.recv_many(&mut asks, MAX_SHARING).await > 0 {
        let verdicts = transact(&mut writer, dialect, &asks).await;
        match verdicts {
            Ok(verdicts) => {
                for (ask, verdict) in asks.drain(..).zip(verdicts) {
                    // Who has stopped waiting needs no answer.
                    let _ = ask.answer.send(verdict);
                }
            }
            Err(error) => {
                let reason = error.to_string();
                for ask in asks.drain(..) {
                    let _ = ask.answer.send(Err(CatalogError::Unavailable(reason.clone())));
                }
            }
        }
    }
    // What is committed is durable whether the farewell succeeds or not.
    let _ = writer.close().await;
}

/// Does all asks in one transaction. An error means that none may have been taken.
async fn transact(
    writer: &mut AnyConnection,
    dialect: &Dialect,
    asks: &[Ask],
) -> Result<Vec<Verdict>, sqlx::Error> {
    run(writer, dialect.begin).await?;
    let done = match each(writer, dialect, asks).await {
        Ok(verdicts) => run(writer, "COMMIT").await.map(|()| verdicts),
        Err(error) => Err(error),
    };
    if done.is_err() {
        // The database may have rolled back by itself; then there is nothing left to do.
        let _ = run(writer, "ROLLBACK").await;
    }
    done
}

async fn each(
    writer: &mut AnyConnection,
    dialect: &Dialect,
    asks: &[Ask],
) -> Result<Vec<Verdict>, sqlx::Error> {
    let mut verdicts = Vec::with_capacity(asks.len());
    for ask in asks {
        run(writer, "SAVEPOINT one").await?;
        let verdict = perform(writer, dialect, &ask.change).await;
        match &verdict {
            Ok(_) => {}
            // The database itself fails: what the others of this transaction did is not to be relied on.
            Err(CatalogError::Unavailable(reason)) => return Err(sqlx::Error::Protocol(reason.clone())),
            Err(_) => run(writer, "ROLLBACK TO SAVEPOINT one").await?,
        }
        run(writer, "RELEASE SAVEPOINT one").await?;
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

async fn run(writer: &mut AnyConnection, sql: &'static str) -> Result<(), sqlx::Error> {
    sqlx::query(sql).execute(writer).await.map(drop)
}
