//! Who tries passwords too often: by account and by address, in this process.
//!
//! Only what failed is counted, so whoever knows their password is never held up by their own haste. A try that is
//! under way holds its place, so that many at once are no way round the count. An account that does not exist is
//! counted like one that does.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use reelmill_core::Kind;
use tokio::time::Instant;

use crate::Error;

/// How many buckets are kept; past it, those that are full again are forgotten, and then any.
const MOST: usize = 20_000;

/// What may fail at once, and how long each failure is remembered.
#[derive(Clone, Copy)]
struct Allowance {
    burst: f64,
    each: Duration,
}

/// Guesses at one account: ten, then one in ten seconds, so a list of common passwords takes years.
const ACCOUNT: Allowance = Allowance { burst: 10.0, each: Duration::from_secs(10) };

/// Guesses from one address, behind which there may be a house full of people.
const ADDRESS: Allowance = Allowance { burst: 60.0, each: Duration::from_secs(1) };

/// Buckets by account and by address.
#[derive(Default)]
pub(crate) struct Throttle {
    hasher: RandomState,
    buckets: Mutex<HashMap<u64, Bucket>>,
}

struct Bucket {
    left: f64,
    at: Instant,
    /// Tries under way, each of which may fail.
    under_way: u32,
    allowance: Allowance,
}

impl Bucket {
    const fn full(allowance: Allowance, now: Instant) -> Self {
        Self { left: allowance.burst, at: now, under_way: 0, allowance }
    }

    /// Whether it says no more than a bucket that is not there.
    fn is_forgettable(&self, now: Instant) -> bool {
        self.under_way == 0 && self.refilled(now) >= self.allowance.burst
    }

    fn refilled(&self, now: Instant) -> f64 {
        let gained = now.duration_since(self.at).as_secs_f64() / self.allowance.each.as_secs_f64();
        (self.left + gained).min(self.allowance.burst)
    }

    fn admit(&self, now: Instant) -> Result<(), Error> {
        let left = self.refilled(now);
        if left < 1.0 {
            let wait = self.allowance.each.mul_f64(1.0 - left).as_millis().div_ceil(1000).max(1);
            let detail = format!("too many tries; try again in {wait} s");
            let retry_after = u64::try_from(wait).ok().map(Duration::from_secs);
            return Err(Error { retry_after, ..Error::new(Kind::TooMany, "too-many-tries", detail) });
        }
        if left < f64::from(self.under_way) + 1.0 {
            let detail = "too many tries are under way; try again in a second";
            let retry_after = Some(Duration::from_secs(1));
            return Err(Error { retry_after, ..Error::new(Kind::Busy, "busy", detail) });
        }
        Ok(())
    }
}

/// A try under way. Dropped, it is over and did not count.
pub(crate) struct Try<'a> {
    throttle: &'a Throttle,
    keys: Vec<(u64, Allowance)>,
}

impl Try<'_> {
    /// Counts it: it failed, or is of a sort that an address may do only so often.
    pub(crate) fn count(self) {
        let now = Instant::now();
        let mut buckets = self.throttle.lock();
        for (key, allowance) in &self.keys {
            let bucket = buckets.entry(*key).or_insert_with(|| Bucket::full(*allowance, now));
            bucket.left = (bucket.refilled(now) - 1.0).max(0.0);
            bucket.at = now;
        }
    }
}

impl Drop for Try<'_> {
    fn drop(&mut self) {
        let now = Instant::now();
        let mut buckets = self.throttle.lock();
        for (key, _) in &self.keys {
            if let Entry::Occupied(mut entry) = buckets.entry(*key) {
                let bucket = entry.get_mut();
                bucket.under_way = bucket.under_way.saturating_sub(1);
                if bucket.is_forgettable(now) {
                    entry.remove();
                }
            }
        }
    }
}

impl Throttle {
    /// Begins a try at `account`, an account's id or what is none's, where another is allowed.
    ///
    /// # Errors
    /// `TooMany`, with the time to wait; `Busy` where as many are under way as may fail.
    pub(crate) fn begin(&self, account: &str, peer: Option<IpAddr>) -> Result<Try<'_>, Error> {
        let now = Instant::now();
        let keys = self.keys(account, peer);
        let mut buckets = self.lock();
        for (key, _) in &keys {
            buckets.get(key).map_or(Ok(()), |bucket| bucket.admit(now))?;
        }
        for (key, allowance) in &keys {
            buckets.entry(*key).or_insert_with(|| Bucket::full(*allowance, now)).under_way += 1;
        }
        forget_some(&mut buckets, now);
        Ok(Try { throttle: self, keys })
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<u64, Bucket>> {
        self.buckets.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn keys(&self, account: &str, peer: Option<IpAddr>) -> Vec<(u64, Allowance)> {
        let account = account.trim().to_lowercase();
        let account = (!account.is_empty()).then(|| (self.hasher.hash_one(("account", account)), ACCOUNT));
        let address = peer.map(|peer| (self.hasher.hash_one(("address", network(peer))), ADDRESS));
        account.into_iter().chain(address).collect()
    }
}

/// Keeps the number of buckets: those that say nothing go first, then every other one.
fn forget_some(buckets: &mut HashMap<u64, Bucket>, now: Instant) {
    if buckets.len() <= MOST {
        return;
    }
    buckets.retain(|_, bucket| !bucket.is_forgettable(now));
    if buckets.len() > MOST {
        let mut spare = false;
        buckets.retain(|_, bucket| {
            spare = !spare;
            spare || bucket.under_way > 0
        });
    }
}

/// What stands for an address: a household has a whole /64 of IPv6.
fn network(peer: IpAddr) -> u128 {
    match peer.to_canonical() {
        IpAddr::V4(v4) => u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits() >> 64 << 64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PEER: Option<IpAddr> = Some(IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1)));

    fn fail(throttle: &Throttle, login: &str, peer: Option<IpAddr>) -> Result<(), Kind> {
        throttle.begin(login, peer).map(Try::count).map_err(|error| error.kind)
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_at_an_account_run_out_and_come_back() {
        let throttle = Throttle::default();
        for _ in 0..10 {
            assert_eq!(fail(&throttle, "alice ", None), Ok(()));
        }
        let refused = throttle.begin("Alice", PEER).err().unwrap();
        assert_eq!((refused.kind, refused.detail.contains("10 s")), (Kind::TooMany, true));
        assert_eq!(refused.retry_after, Some(Duration::from_secs(10)));
        assert_eq!(fail(&throttle, "bob", None), Ok(()));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(fail(&throttle, "alice", None), Ok(()));
        assert_eq!(fail(&throttle, "alice", None), Err(Kind::TooMany));
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_from_an_address_run_out_whatever_the_account() {
        let throttle = Throttle::default();
        for guess in 0..60 {
            assert_eq!(fail(&throttle, &format!("user{guess}"), PEER), Ok(()));
        }
        assert_eq!(fail(&throttle, "another", PEER), Err(Kind::TooMany));
        assert_eq!(fail(&throttle, "another", None), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn guesses_at_once_are_no_more_than_guesses_in_turn() {
        let throttle = Throttle::default();
        let tries: Vec<_> = (0..10).map(|_| throttle.begin("alice", PEER).unwrap()).collect();
        assert_eq!(fail(&throttle, "alice", PEER), Err(Kind::Busy));
        tries.into_iter().for_each(Try::count);
        assert_eq!(fail(&throttle, "alice", PEER), Err(Kind::TooMany));
        tokio::time::advance(Duration::from_secs(10)).await;
        let one = throttle.begin("alice", PEER).unwrap();
        assert_eq!(fail(&throttle, "alice", PEER), Err(Kind::Busy));
        drop(one);
        assert_eq!(fail(&throttle, "alice", PEER), Ok(()));
    }

    #[tokio::test(start_paused = true)]
    async fn what_does_not_fail_leaves_no_trace() {
        let throttle = Throttle::default();
        for _ in 0..100 {
            drop(throttle.begin("alice", PEER).unwrap());
        }
        assert!(throttle.lock().is_empty());
    }

    #[tokio::test(start_paused = true)]
    async fn a_flood_of_names_is_forgotten_in_part() {
        let throttle = Throttle::default();
        for guess in 0..=MOST {
            assert_eq!(fail(&throttle, &format!("user{guess}"), None), Ok(()));
        }
        assert!(throttle.lock().len() <= MOST);
    }

    #[test]
    fn a_household_of_ipv6_is_one_address() {
        let network = |text: &str| network(text.parse().unwrap());
        assert_eq!(network("2001:db8:1:2::1"), network("2001:db8:1:2:ffff::9"));
        assert_ne!(network("2001:db8:1:2::1"), network("2001:db8:1:3::1"));
        assert_eq!(network("::ffff:192.0.2.1"), network("192.0.2.1"));
        assert_ne!(network("192.0.2.1"), network("192.0.2.2"));
    }
}
