//! Rate limiting with token buckets: one per socket for its events, and one per account and address for logins.
//!
//! The rate limiting crates cannot give a token back, which sign-in needs: an attempt takes a token when it begins, and
//! gives it back when it succeeds. So only failures count, yet a thousand concurrent attempts do not slip through.
//! **On failure.** Nothing here can fail. The buckets are in memory: each node counts separately, from zero
//! after a restart.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// A rate and a burst.
#[derive(Debug, Clone, Copy)]
pub struct Rate {
    /// Tokens that return per second.
    pub per_second: f64,
    /// Maximum number of tokens in a bucket.
    pub burst: f64,
}

/// A bucket of tokens that refills over time.
#[derive(Debug, Clone, Copy)]
pub struct TokenBucket {
    tokens: f64,
    refilled_at: Instant,
}

impl TokenBucket {
    /// Returns a full bucket.
    #[must_use]
    pub fn full(rate: Rate, now: Instant) -> Self {
        Self { tokens: rate.burst, refilled_at: now }
    }

    /// Takes a token.
    ///
    /// # Errors
    /// Returns how long until the next token if there is none.
    pub fn take(&mut self, rate: Rate, now: Instant) -> Result<(), Duration> {
        self.refill(rate, now);
        if self.tokens >= 1.0 {
            self.tokens -= 1.0;
            return Ok(());
        }
        Err(Duration::from_secs_f64((1.0 - self.tokens) / rate.per_second))
    }

    fn refill(&mut self, rate: Rate, now: Instant) {
        let passed = now.saturating_duration_since(self.refilled_at).as_secs_f64();
        self.tokens = (self.tokens + passed * rate.per_second).min(rate.burst);
        self.refilled_at = now;
    }
}

/// One bucket per key. Keys whose bucket is full again are removed.
#[derive(Debug)]
pub struct KeyedRateLimiter<K> {
    rate: Rate,
    buckets: Mutex<HashMap<K, TokenBucket>>,
}

/// Number of keys at which the keys with full buckets are removed. Bounds the memory that a flood of invented keys can
/// take: a bucket that is not full had an attempt within the last minutes.
const PRUNE_AT: usize = 10_000;

impl<K: Hash + Eq> KeyedRateLimiter<K> {
    /// Creates a limiter that gives every key this rate.
    #[must_use]
    pub fn new(rate: Rate) -> Self {
        Self { rate, buckets: Mutex::new(HashMap::new()) }
    }

    /// Takes a token of this key.
    ///
    /// # Errors
    /// Returns how long until the next token if there is none.
    pub fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if buckets.len() >= PRUNE_AT {
            buckets.retain(|_, bucket| {
                bucket.refill(self.rate, now);
                bucket.tokens < self.rate.burst
            });
        }
        buckets.entry(key).or_insert_with(|| TokenBucket::full(self.rate, now)).take(self.rate, now)
    }

    /// Returns a token to the key's bucket.
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
        let mut bucket = TokenBucket::full(RATE, start);
        assert_eq!(bucket.take(RATE, start), Ok(()));
        assert_eq!(bucket.take(RATE, start), Ok(()));
        assert_eq!(bucket.take(RATE, start), Err(Duration::from_secs(2)));
        assert_eq!(bucket.take(RATE, start + Duration::from_secs(2)), Ok(()));
        assert!(bucket.take(RATE, start + Duration::from_secs(2)).is_err());
    }

    #[test]
    fn keys_have_separate_buckets_and_tokens_can_be_given_back() {
        let (limiter, now) = (KeyedRateLimiter::new(RATE), Instant::now());
        for _ in 0..2 {
            assert_eq!(limiter.take("a", now), Ok(()));
        }
        assert!(limiter.take("a", now).is_err());
        assert_eq!(limiter.take("b", now), Ok(()));
        limiter.give_back(&"a");
        assert_eq!(limiter.take("a", now), Ok(()));
    }

    #[test]
    fn keys_are_removed_once_their_buckets_are_full() {
        let (limiter, now) = (KeyedRateLimiter::new(RATE), Instant::now());
        for key in 0..PRUNE_AT {
            assert_eq!(limiter.take(key, now), Ok(()));
        }
        assert_eq!(limiter.take(PRUNE_AT, now + Duration::from_secs(60)), Ok(()));
        assert_eq!(limiter.buckets.lock().expect("not poisoned").len(), 1);
    }
}
