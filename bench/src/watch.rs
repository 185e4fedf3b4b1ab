//! What the subscribers of one run receive: latencies, counts, and missing or reordered events.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use hdrhistogram::Histogram;
use tokio::time::sleep;

/// The title of a mutation begins with this mark. Its scheduled time follows, in nanoseconds since the watch began.
const MARK: &str = "sent@";

/// Collects what the subscribers of one run receive. Shared by its writers and subscribers.
pub struct Watch {
    began: Instant,
    /// In nanoseconds. Events of mutations that were scheduled earlier are counted but not timed: they are the warm-up.
    timed_from: AtomicU64,
    latency: Mutex<Histogram<u64>>,
    received: AtomicU64,
    faults: Mutex<Vec<String>>,
}

/// Returns an empty histogram of microseconds, up to a minute, with three significant digits.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, 60_000_000, 3).expect("the bounds are valid")
}

/// Returns a quantile of a histogram of microseconds, in milliseconds.
pub fn quantile_ms(histogram: &Histogram<u64>, quantile: f64) -> f64 {
    histogram.value_at_quantile(quantile) as f64 / 1000.0
}

pub fn record(histogram: &mut Histogram<u64>, time: Duration) {
    histogram.saturating_record((time.as_micros() as u64).max(1));
}

impl Watch {
    pub fn new() -> Self {
        Self {
            began: Instant::now(),
            timed_from: AtomicU64::new(0),
            latency: Mutex::new(histogram()),
            received: AtomicU64::new(0),
            faults: Mutex::default(),
        }
    }

    /// Returns the title of a mutation that is scheduled for `due`.
    pub fn title(&self, due: Instant) -> String {
        format!("{MARK}{:015}", due.saturating_duration_since(self.began).as_nanos())
    }

    /// Times the events of mutations that are scheduled at `start` or later.
    pub fn time_from(&self, start: Instant) {
        self.timed_from.store(start.saturating_duration_since(self.began).as_nanos() as u64, Ordering::Relaxed);
    }

    /// Records an event, and a fault if it does not continue the subscriber's sequence.
    pub fn record_event(&self, json: &str, seq: &mut Sequence) {
        self.received.fetch_add(1, Ordering::Relaxed);
        if let Err(fault) = seq.next(json) {
            self.record_fault(fault);
        }
        let Some(sent) = number_after(json, MARK) else { return };
        if sent < self.timed_from.load(Ordering::Relaxed) {
            return;
        }
        let took = self.began.elapsed().saturating_sub(Duration::from_nanos(sent));
        record(&mut self.latency.lock().unwrap_or_else(PoisonError::into_inner), took);
    }

    pub fn record_fault(&self, fault: String) {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner).push(fault);
    }

    pub fn received(&self) -> u64 {
        self.received.load(Ordering::Relaxed)
    }

    pub fn latency(&self) -> Histogram<u64> {
        self.latency.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits until `expected` events have been received in total.
    ///
    /// # Errors
    /// If that takes longer than `within`, or if there was a fault. Such a run is invalid.
    pub async fn expect(&self, expected: u64, within: Duration) -> Result<()> {
        let received = self.settle(expected, within).await?;
        if received != expected {
            bail!("the subscribers received {received} events instead of {expected}");
        }
        Ok(())
    }

    /// Waits until `expected` events have been received, or until `within` is over. Returns the number received.
    ///
    /// # Errors
    /// If an event was missing or out of order, or a subscriber was disconnected.
    pub async fn settle(&self, expected: u64, within: Duration) -> Result<u64> {
        let deadline = Instant::now() + within;
        while self.received() < expected && Instant::now() < deadline {
            sleep(Duration::from_millis(2)).await;
        }
        let faults = self.faults.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(first) = faults.first() {
            bail!("{} faults; the first: {first}", faults.len());
        }
        Ok(self.received())
    }
}

/// Checks that one subscriber's events have consecutive numbers.
#[derive(Debug, Clone, Copy)]
pub enum Sequence {
    /// The target does not number its events.
    None,
    /// The number of the last event.
    After(u64),
}

impl Sequence {
    fn next(&mut self, json: &str) -> Result<(), String> {
        let Self::After(last) = self else { return Ok(()) };
        let found = json.rfind("\"seq\":").and_then(|at| number_after(&json[at..], "\"seq\":"));
        let expected = *last + 1;
        match found {
            Some(seq) if seq == expected => {
                *last = seq;
                Ok(())
            }
            _ => Err(format!("a subscriber expected seq {expected} but received {found:?}")),
        }
    }
}

fn number_after(text: &str, mark: &str) -> Option<u64> {
    let rest = &text[text.find(mark)? + mark.len()..];
    let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
    rest[..digits].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gap_and_a_duplicate_are_faults() {
        let mut sequence = Sequence::After(3);
        assert!(sequence.next(r#"{"source":{"title":"a \"seq\":9"},"seq":4,"eventId":"x"}"#).is_ok());
        assert!(sequence.next(r#"{"seq":6}"#).is_err());
        assert!(sequence.next(r#"{"seq":4}"#).is_err());
        assert!(sequence.next("{}").is_err());
    }

    #[test]
    fn latency_counts_from_the_scheduled_time_of_the_mutation() {
        let watch = Watch::new();
        let title = watch.title(Instant::now());
        watch.record_event(&format!(r#"{{"source":{{"title":"{title}"}}}}"#), &mut Sequence::None);
        assert_eq!((watch.received(), watch.latency().len()), (1, 1));
        watch.time_from(Instant::now() + Duration::from_secs(9));
        watch.record_event(&format!(r#"{{"source":{{"title":"{title}"}}}}"#), &mut Sequence::None);
        assert_eq!((watch.received(), watch.latency().len()), (2, 1));
    }
}
