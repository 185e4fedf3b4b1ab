//! What the relay counts and measures, in the terms of the `metrics` crate; the server exposes it.

use std::sync::{Mutex, PoisonError};
use std::time::Instant;

use chrono::Utc;
use metrics::{counter, gauge, histogram};
use syncscript_types::Event;

use crate::log::Behind;

/// These vaults are behind, of so many in use.
pub fn swept(in_use: usize, behind: &[Behind]) {
    gauge!("syncscript_vaults_in_use").set(in_use as f64);
    gauge!("syncscript_relay_lag_events").set(behind.iter().map(|behind| behind.events).sum::<i64>() as f64);
}

/// These events are about to be emitted. Their age compares the clock of the database with that of this machine.
pub fn read(events: &[Event]) {
    for event in events {
        histogram!("syncscript_commit_to_emit_seconds").record(age(event));
    }
}

fn age(event: &Event) -> f64 {
    (Utc::now() - event.created_at).to_std().unwrap_or_default().as_secs_f64()
}

/// How long events may have been waiting for their emission. Written by the relay, and read whenever somebody asks, so
/// that it grows while a read does not end.
#[derive(Debug, Default)]
pub struct Lag(Mutex<Option<Instant>>);

impl Lag {
    /// Events may be waiting from now on, if none were before.
    pub fn begin(&self) {
        self.lock().get_or_insert_with(Instant::now);
    }

    /// Everything known of was emitted, but for what came after `left`, the last event of a full page.
    pub fn caught_up(&self, left: Option<&Event>) {
        let since = left.map(|last| {
            let now = Instant::now();
            now.checked_sub(std::time::Duration::from_secs_f64(age(last))).unwrap_or(now)
        });
        *self.lock() = since;
        if since.is_none() {
            gauge!("syncscript_relay_lag_events").set(0.0);
        }
    }

    /// Seconds, in hundredths: a read that takes less is under way whenever somebody looks.
    #[must_use]
    pub fn seconds(&self) -> f64 {
        let since = *self.lock();
        since.map_or(0.0, |since| (since.elapsed().as_secs_f64() * 100.0).floor() / 100.0)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An event was offered to so many members.
pub fn emitted(deliveries: usize) {
    counter!("syncscript_events_emitted_total").increment(1);
    counter!("syncscript_deliveries_total").increment(deliveries as u64);
}

/// So many vaults were told of by so many notifications.
pub fn notified(notifications: usize, vaults: usize, marks: u64) {
    counter!("syncscript_notify_sent_total").increment(notifications as u64);
    counter!("syncscript_notify_coalesced_total").increment(marks.saturating_sub(vaults as u64));
}
