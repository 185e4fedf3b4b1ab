//! The relay's counters, gauges and histograms. The server exposes them.

use chrono::Utc;
use metrics::{counter, gauge, histogram};
use syncscript_types::Event;

/// Sets the number of vaults in use, and of events that their feeds lag behind.
pub fn set_sweep_result(vaults_in_use: usize, lag_events: i64) {
    gauge!("syncscript_vaults_in_use").set(vaults_in_use as f64);
    set_lag_events(lag_events);
}

/// Sets the number of events that the feeds lag behind.
pub fn set_lag_events(events: i64) {
    gauge!("syncscript_relay_lag_events").set(events as f64);
}

/// Records the age of events that are about to be emitted.
pub fn record_read(events: &[Event]) {
    for event in events {
        histogram!("syncscript_commit_to_emit_seconds").record(age_seconds(event));
    }
}

/// Returns an event's age. It compares the database's clock with this machine's.
pub fn age_seconds(event: &Event) -> f64 {
    (Utc::now() - event.created_at).to_std().unwrap_or_default().as_secs_f64()
}

/// Counts an event that was offered to this many members.
pub fn count_emitted(members: usize) {
    counter!("syncscript_events_emitted_total").increment(1);
    counter!("syncscript_deliveries_total").increment(members as u64);
}

/// Counts notifications, and the marks that were merged into them.
pub fn count_notified(notifications: usize, vaults: usize, marks: u64) {
    counter!("syncscript_notify_sent_total").increment(notifications as u64);
    counter!("syncscript_notify_coalesced_total").increment(marks.saturating_sub(vaults as u64));
}
