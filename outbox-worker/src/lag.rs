//! How long committed events may have been waiting for this node's relay.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use syncscript_types::Event;

use crate::metrics;

/// The relay's lag. The relay writes it and the metrics read it on demand, so it also grows while a read hangs.
#[derive(Debug, Default)]
pub struct RelayLag(Mutex<Option<Instant>>);

impl RelayLag {
    /// Records that events may be waiting from now on, if none were waiting before.
    pub(crate) fn start(&self) {
        self.lock().get_or_insert_with(Instant::now);
    }

    /// Records that every known event was emitted, except those after `last_read`, the last event of a full page.
    pub(crate) fn finish(&self, last_read: Option<&Event>) {
        let since = last_read.map(|event| {
            let now = Instant::now();
            now.checked_sub(Duration::from_secs_f64(metrics::age_seconds(event))).unwrap_or(now)
        });
        *self.lock() = since;
        if since.is_none() {
            metrics::set_lag_events(0);
        }
    }

    /// Returns the lag in seconds, rounded down to hundredths, because shorter reads are always in progress.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let since = *self.lock();
        since.map_or(0.0, |since| (since.elapsed().as_secs_f64() * 100.0).floor() / 100.0)
    }

    fn lock(&self) -> MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
