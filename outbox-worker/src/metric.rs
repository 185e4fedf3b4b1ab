//! What the relay counts and measures, in the terms of the `metrics` crate; the server exposes it.

use std::time::Duration;

use chrono::Utc;
use metrics::{counter, gauge, histogram};

use crate::Event;
use crate::log::Behind;

/// A sweep found these vaults behind, of so many in use.
pub fn swept(in_use: usize, behind: &[Behind]) {
    gauge!("syncscript_vaults_in_use").set(in_use as f64);
    gauge!("syncscript_relay_lag_events").set(behind.iter().map(|behind| behind.events).sum::<i64>() as f64);
}

/// These events are about to be emitted. Their age compares the clock of the database with that of this machine.
pub fn read(events: &[Event]) {
    let now = Utc::now();
    let age = |event: &Event| (now - event.created_at).to_std().unwrap_or_default().as_secs_f64();
    for event in events {
        histogram!("syncscript_commit_to_emit_seconds").record(age(event));
    }
    gauge!("syncscript_relay_lag_seconds").set(events.iter().map(age).fold(0.0, f64::max));
}

/// Events may have been waiting for so long.
pub fn waiting(time: Duration) {
    gauge!("syncscript_relay_lag_seconds").set(time.as_secs_f64());
}

/// Everything known of was emitted.
pub fn caught_up() {
    gauge!("syncscript_relay_lag_seconds").set(0.0);
    gauge!("syncscript_relay_lag_events").set(0.0);
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
