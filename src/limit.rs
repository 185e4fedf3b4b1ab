//! Token buckets: for one socket, and for many keys.
//!
//! Our own, since attempts to sign in are taken when they begin and given back when they succeed, which the rate
//! limiting crates do not offer: only failures count, yet a thousand attempts at once do not slip through.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// How fast, and how many at once.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Tokens a second.
    pub per_second: f64,
    /// Most tokens a bucket holds.
    pub burst: f64,
}

/// Tokens that come back with time.
#[derive(Debug, Clone, Copy)]
pub struct Bucket {
    tokens: f64,
    at: Instant,
}

impl Bucket {
    /// A full one.
    #[must_use]
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, at: now }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.refill(rate, now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / rate.per_second))
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let passed = now.saturating_duration_since(self.at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate.per_second).min(rate.burst);
        self.at = now;
    }
}

/// A bucket a key. Keys whose bucket is full again are forgotten.
#[derive(Debug)]
pub struct Throttle<K> {
    rate: Rate,
    buckets: Mutex<HashMap<K, Bucket>>,
}

/// Keys kept before full buckets are looked for. Bounds the memory that a flood of invented keys can take: a bucket
/// that is not full again by then had an attempt within the last minutes.
const TIDY_AT: usize = 10_000;

impl<K: Hash + Eq> Throttle<K> {
    /// All keys get this rate.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes a token of this key.
    ///
    /// # Errors
    /// How long until there is one.
    pub fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= TIDY_AT {
            buckets.retain(|_, bucket| {
                bucket.refill(self.rate, now);
                bucket.tokens < self.rate.burst
            });
        }
        buckets.entry(key).or_insert_with(|| Bucket::full(self.rate, now)).take(self.rate, now)
    }

    /// Gives a token back.
    pub fn give_back(&self, key: &K) {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bucket) = buckets.get_mut(key) {
            bucket.tokens = (bucket.tokens + 1.0).min(self.rate.burst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate { per_second: 0.5, burst: 2.0 };

    #[test]
    fn a_bucket_gives_its_burst_and_then_its_rate() {
        let start = Instant::now();
        let mut bucket = Bucket::full(RATE, start);
        assert_eq!(bucket.take(RATE, start), Ok(()));
        assert_eq!(bucket.take(RATE, start), Ok(()));
        assert_eq!(bucket.take(RATE, start), Err(Duration::from_secs(2)));
        assert_eq!(bucket.take(RATE, start + Duration::from_secs(2)), Ok(()));
        assert!(bucket.take(RATE, start + Duration::from_secs(2)).is_err());
    }

    #[test]
    fn keys_do_not_touch_each_other_and_success_gives_back() {
        let (throttle, now) = (Throttle::new(RATE), Instant::now());
        for _ in 0..2 {
            assert_eq!(throttle.take("a", now), Ok(()));
        }
        assert!(throttle.take("a", now).is_err());
        assert_eq!(throttle.take("b", now), Ok(()));
        throttle.give_back(&"a");
        assert_eq!(throttle.take("a", now), Ok(()));
    }

    #[test]
    fn a_flood_of_keys_is_forgotten_once_their_buckets_are_full() {
        let (throttle, now) = (Throttle::new(RATE), Instant::now());
        for key in 0..TIDY_AT {
            assert_eq!(throttle.take(key, now), Ok(()));
        }
        assert_eq!(throttle.take(TIDY_AT, now + Duration::from_secs(60)), Ok(()));
        assert_eq!(throttle.buckets.lock().expect("not poisoned").len(), 1);
    }
}
