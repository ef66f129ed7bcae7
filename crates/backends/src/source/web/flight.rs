//! Searches that several wait for: who asks for what is being searched for already joins in.
//!
//! Nothing is kept afterwards. Where the one who searches goes away, one of those who wait takes the search over.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::OnceCell;

/// Different searches at a time; beyond them, everyone searches alone.
const MOST: usize = 10_000;

/// What is being searched for.
pub(super) struct Flights<K, V>(Mutex<HashMap<K, Arc<OnceCell<V>>>>);

impl<K: Hash + Eq + Clone, V: Clone> Flights<K, V> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    /// The outcome of `search`, or of the one for the same key that is under way.
    pub(super) async fn join(&self, key: K, search: impl Future<Output = V>) -> V {
        let seat = self.board(key);
        seat.cell.get_or_init(|| search).await.clone()
    }

    fn board(&self, key: K) -> Seat<'_, K, V> {
        let mut flights = self.flights();
        let known = flights.get(&key).cloned();
        let cell = known.unwrap_or_else(|| {
            let cell = Arc::default();
            if flights.len() < MOST {
                flights.insert(key.clone(), Arc::clone(&cell));
            }
            cell
        });
        Seat { flights: self, key, cell }
    }

    fn flights(&self) -> std::sync::MutexGuard<'_, HashMap<K, Arc<OnceCell<V>>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place among those who wait; the last to leave turns off the light.
struct Seat<'a, K: Hash + Eq + Clone, V: Clone> {
    flights: &'a Flights<K, V>,
    key: K,
    cell: Arc<OnceCell<V>>,
}

impl<K: Hash + Eq + Clone, V: Clone> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        let mut flights = self.flights.flights();
        let is_mine = flights.get(&self.key).is_some_and(|cell| Arc::ptr_eq(cell, &self.cell));
        // The map's own, and this one. A search that is over is not joined any more, whoever still reads its outcome.
        if is_mine && (self.cell.initialized() || Arc::strong_count(&self.cell) == 2) {
            flights.remove(&self.key);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn a_hundred_who_ask_for_twenty_things_search_twenty_times() {
        let flights = Arc::new(Flights::new());
        let searches = Arc::new(AtomicUsize::new(0));
        let go = Arc::new(tokio::sync::Semaphore::new(0));
        let mut asking = Vec::new();
        for number in 0..100 {
            let (flights, searches, go) = (Arc::clone(&flights), Arc::clone(&searches), Arc::clone(&go));
            asking.push(tokio::spawn(async move {
                let wish = number % 20;
                flights
                    .join(wish, async move {
                        searches.fetch_add(1, Ordering::SeqCst);
                        go.acquire().await.unwrap().forget();
                        wish * 10
                    })
                    .await
            }));
        }
        tokio::task::yield_now().await;
        while searches.load(Ordering::SeqCst) < 20 {
            tokio::task::yield_now().await;
        }
        go.add_permits(20);
        for (number, asking) in asking.into_iter().enumerate() {
            assert_eq!(asking.await.unwrap(), number % 20 * 10);
        }
        assert_eq!(searches.load(Ordering::SeqCst), 20);
        assert!(flights.flights().is_empty(), "nothing is kept");
    }

    #[tokio::test]
    async fn who_waits_takes_over_from_one_who_goes_away() {
        let flights = Arc::new(Flights::new());
        let begun = Arc::new(Notify::new());
        let (first, told) = (Arc::clone(&flights), Arc::clone(&begun));
        let leaves = tokio::spawn(async move {
            let search = async move {
                told.notify_one();
                std::future::pending::<&str>().await
            };
            first.join("song", search).await
        });
        begun.notified().await;
        let second = Arc::clone(&flights);
        let waits = tokio::spawn(async move { second.join("song", async { "found" }).await });
        tokio::task::yield_now().await;
        leaves.abort();
        assert_eq!(waits.await.unwrap(), "found");
        assert!(flights.flights().is_empty(), "nothing is kept");
    }
}
