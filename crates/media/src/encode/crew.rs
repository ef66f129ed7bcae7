//! Work that can be done in any order, done on idle cores, with results in the order in which it was given.
//!
//! The giver is one of the crew: where every other has enough to do, it does the next piece itself. So nothing waits
//! while there is work, there is no thread before there is much of it, and none where no core is idle. Each of the crew
//! has a hand of its own, which remembers from one piece to the next.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread::{self, JoinHandle};

use crate::cores::{self, Core};
use crate::error::MediaError;
use crate::probe::guarded;

/// Results of each that may wait for their turn.
const RESULTS_AHEAD: usize = 4;

type Deed<H, T, R> = dyn Fn(&mut H, T) -> Result<R, MediaError> + Send + Sync;

/// How large a crew may become, and how it is given work.
#[derive(Clone, Copy, Debug)]
pub(super) struct Terms {
    /// Threads at most, with the giver's.
    pub(super) threads: usize,
    /// Pieces that are done before the first worker is taken on.
    pub(super) alone: usize,
    /// Pieces that lie before each worker, so that none runs dry while the giver does one itself.
    pub(super) ahead: usize,
}

pub(super) struct Crew<H, T, R> {
    deed: Arc<Deed<H, T, R>>,
    terms: Terms,
    /// The giver's hand.
    hand: H,
    workers: Vec<Worker<T, R>>,
    /// The results that are owed, in order.
    owed: VecDeque<Owed<R>>,
}

struct Worker<T, R> {
    number: usize,
    /// Gone when it is to end.
    pieces: Option<Sender<T>>,
    results: Receiver<Result<R, MediaError>>,
    /// Pieces whose results it owes.
    waiting: usize,
    /// Those of them that it has not done yet.
    undone: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
    _core: Core,
}

enum Owed<R> {
    Done(R),
    /// The next result of the worker with this number.
    By(usize),
}

impl<H: Default + 'static, T: Send + 'static, R: Send + 'static> Crew<H, T, R> {
    pub(super) fn new(
        terms: Terms,
        deed: impl Fn(&mut H, T) -> Result<R, MediaError> + Send + Sync + 'static,
    ) -> Self {
        Self { deed: Arc::new(deed), terms, hand: H::default(), workers: Vec::new(), owed: VecDeque::new() }
    }

    /// Gives a piece of work and hands every result whose turn it is to `take`.
    pub(super) fn give(
        &mut self,
        piece: T,
        mut take: impl FnMut(R) -> Result<(), MediaError>,
    ) -> Result<(), MediaError> {
        self.change_size();
        // Where cores are wanted, those who have work do it and get no more.
        let takes_on = if cores::are_wanted() { 0 } else { self.terms.ahead };
        let idlest = self.workers.iter_mut().min_by_key(|worker| worker.undone.load(Ordering::Acquire));
        match idlest.filter(|worker| worker.undone.load(Ordering::Acquire) < takes_on) {
            Some(worker) => {
                worker.waiting += 1;
                worker.undone.fetch_add(1, Ordering::AcqRel);
                self.owed.push_back(Owed::By(worker.number));
                if worker.pieces.as_ref().is_none_or(|pieces| pieces.send(piece).is_err()) {
                    return Err(gone());
                }
            }
            None => self.owed.push_back(Owed::Done((self.deed)(&mut self.hand, piece)?)),
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
        let must_wait = self.owed.len() > (self.workers.len() + 1) * self.terms.ahead.max(RESULTS_AHEAD);
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
        if self.terms.alone > 0 {
            self.terms.alone -= 1;
        } else if !self.workers.is_empty() && cores::are_wanted() {
            self.workers.retain(|worker| worker.waiting > 0);
        } else if self.workers.len() + 1 < self.terms.threads
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
        let undone = Arc::new(AtomicUsize::new(0));
        let left = Arc::clone(&undone);
        let work = move || {
            let mut hand = H::default();
            while let Ok(piece) = given.recv() {
                let result = guarded(|| deed(&mut hand, piece));
                left.fetch_sub(1, Ordering::AcqRel);
                if made.send(result).is_err() {
                    return;
                }
            }
        };
        let thread = thread::Builder::new().name("encoder".into()).spawn(work).ok()?;
        let number = self.workers.last().map_or(0, |worker| worker.number + 1);
        let (pieces, thread) = (Some(pieces), Some(thread));
        Some(Worker { number, pieces, results, waiting: 0, undone, thread, _core: core })
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
        let terms = Terms { threads, alone: 3, ahead: 4 };
        let mut crew = Crew::new(terms, |(): &mut (), number: u64| match number {
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
