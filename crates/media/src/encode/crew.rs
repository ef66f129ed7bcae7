//! Work that can be done in any order, done on idle cores, with results in the order in which it was given.
//!
//! The giver is one of the crew: where every other has enough to do, it does the next piece itself. So nothing waits
//! while there is work, there is no thread before there is much of it, and none where no core is idle.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use crate::cores::{self, Core};
use crate::error::MediaError;
use crate::probe::guarded;

/// Pieces that lie before each worker, so that none runs dry while the giver does one itself.
const PIECES_AHEAD: usize = 4;

type Deed<T, R> = dyn Fn(T) -> Result<R, MediaError> + Send + Sync;

pub(super) struct Crew<T, R> {
    deed: Arc<Deed<T, R>>,
    /// Workers at most.
    limit: usize,
    /// Pieces that are done before the first worker is taken on.
    alone: usize,
    workers: Vec<Worker<T, R>>,
    /// The results that are owed, in order.
    owed: VecDeque<Owed<R>>,
}

struct Worker<T, R> {
    number: usize,
    /// Gone when it is to end.
    pieces: Option<Sender<T>>,
    results: Receiver<Result<R, MediaError>>,
    waiting: usize,
    thread: Option<JoinHandle<()>>,
    _core: Core,
}

enum Owed<R> {
    Done(R),
    /// The next result of the worker with this number.
    By(usize),
}

impl<T: Send + 'static, R: Send + 'static> Crew<T, R> {
    /// A crew of at most `threads` with the giver, who does the first `alone` pieces.
    pub(super) fn new(
        threads: usize,
        alone: usize,
        deed: impl Fn(T) -> Result<R, MediaError> + Send + Sync + 'static,
    ) -> Self {
        let limit = threads.saturating_sub(1);
        Self { deed: Arc::new(deed), limit, alone, workers: Vec::new(), owed: VecDeque::new() }
    }

    /// Gives a piece of work and hands every result whose turn it is to `take`.
    pub(super) fn give(
        &mut self,
        piece: T,
        mut take: impl FnMut(R) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        self.change_size();
        let free = self.workers.iter_mut().find(|worker| worker.waiting < PIECES_AHEAD);
        match free {
            Some(worker) => {
                worker.waiting += 1;
                self.owed.push_back(Owed::By(worker.number));
                if worker.pieces.as_ref().is_none_or(|pieces| pieces.send(piece).is_err()) {
                    return Err(gone());
                }
            }
            None => self.owed.push_back(Owed::Done((self.deed)(piece)?)),
        }
        while let Some(result) = self.next(false)? {
            take(result)?;
        }
        Ok(())
    }

    /// Hands out the results that are still owed.
    pub(super) fn finish(
        &mut self,
        mut take: impl FnMut(R) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        while let Some(result) = self.next(true)? {
            take(result)?;
        }
        Ok(())
    }

    /// The next result, if it is there or can be waited for.
    fn next(&mut self, may_wait: bool) -> Result<Option<R>, MediaError> {
        // What is owed is bounded: whoever gave too much waits for the slowest.
        let must_wait = self.owed.len() > (self.workers.len() + 1) * PIECES_AHEAD;
        let Some(Owed::By(number)) = self.owed.front() else {
            let done = self.owed.pop_front();
            return Ok(done.and_then(|owed| if let Owed::Done(result) = owed { Some(result) } else { None }));
        };
        let Some(worker) = self.workers.iter_mut().find(|worker| worker.number == *number) else {
            return Err(gone());
        };
        let result = if may_wait || must_wait {
            worker.results.recv().map_err(|_| gone())?
        } else {
            match worker.results.try_recv() {
                Ok(result) => result,
                Err(mpsc::TryRecvError::Empty) => return Ok(None),
                Err(mpsc::TryRecvError::Disconnected) => return Err(gone()),
            }
        };
        worker.waiting -= 1;
        self.owed.pop_front();
        result.map(Some)
    }

    /// Takes a worker on where a core is idle, or lets one go where cores are wanted.
    fn change_size(&mut self) {
        if self.alone > 0 {
            self.alone -= 1;
        } else if !self.workers.is_empty() && cores::are_wanted() {
            self.workers.retain(|worker| worker.waiting > 0);
        } else if self.workers.len() < self.limit
            && let Some(core) = cores::spare()
        {
            self.workers.extend(self.hire(core));
        }
    }

    /// `None` where the host gives no thread.
    fn hire(&self, core: Core) -> Option<Worker<T, R>> {
        let (pieces, given) = mpsc::channel::<T>();
        let (made, results) = mpsc::channel();
        let deed = Arc::clone(&self.deed);
        let work = move || {
            while let Ok(piece) = given.recv() {
                if made.send(guarded(|| deed(piece))).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("encoder".into()).spawn(work).ok()?;
        let number = self.workers.last().map_or(0, |worker| worker.number + 1);
        let (pieces, thread) = (Some(pieces), Some(thread));
        Some(Worker { number, pieces, results, waiting: 0, thread, _core: core })
    }
}

impl<T, R> Drop for Worker<T, R> {
    /// Ends the thread; what it has before it is at most a few pieces.
    fn drop(&mut self) {
        self.pieces = None;
        if let Some(thread) = self.thread.take() {
            // A panic in it was told as an error.
            let _ = thread.join();
        }
    }
}

fn gone() -> MediaError {
    MediaError::Corrupt("the decoder gave up: an encoder's thread is gone".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The squares of numbers, of which 1500 is an error and 1510 a panic.
    fn squares(threads: usize, numbers: impl Iterator<Item = u64>) -> Result<Vec<u64>, MediaError> {
        let mut crew = Crew::new(threads, 3, |number: u64| match number {
            1500 => Err(MediaError::Empty("fifteen hundred".into())),
            1510 => panic!("fifteen hundred and ten"),
            _ => Ok(number * number),
        });
        let mut results = Vec::new();
        let mut take = |result| {
            results.push(result);
            Ok(())
        };
        for number in numbers {
            crew.give(number, &mut take)?;
        }
        crew.finish(take)?;
        Ok(results)
    }

    #[test]
    fn results_come_in_order_whoever_did_the_work() {
        let expected: Vec<u64> = (0..1500).map(|number| number * number).collect();
        for threads in [1, 2, 8] {
            assert_eq!(squares(threads, 0..1500).unwrap(), expected);
        }
    }

    #[test]
    fn an_error_is_told_and_ends_the_work() {
        for threads in [1, 8] {
            assert!(
                matches!(squares(threads, 0..1505), Err(MediaError::Empty(why)) if why == "fifteen hundred")
            );
        }
    }

    #[test]
    fn a_panic_of_a_worker_is_told_as_an_error() {
        let outcome = guarded(|| squares(8, 1501..3000));
        assert!(matches!(outcome, Err(MediaError::Corrupt(why)) if why.ends_with("fifteen hundred and ten")));
    }
}
