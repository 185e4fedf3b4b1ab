//! The metrics of the process: their buckets, descriptions and initial values.

use std::sync::OnceLock;

use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use outbox_worker::version;
use syncscript_types::Revocation;

/// Buckets in seconds: from a fast query to a request that timed out.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Buckets in events.
const EVENTS: [f64; 8] = [0.0, 1.0, 10.0, 100.0, 500.0, 1000.0, 5000.0, 10_000.0];

/// The recorder of the process. Several servers in one process, as in tests, share it.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts recording, or returns the recorder that is already running.
///
/// # Errors
/// The buckets are invalid, which is a defect.
pub fn install() -> anyhow::Result<PrometheusHandle> {
    if let Some(handle) = RECORDER.get() {
        return Ok(handle.clone());
    }
    let recorder = PrometheusBuilder::new()
        .set_buckets_for_metric(Matcher::Suffix("_seconds".to_owned()), &SECONDS)?
        .set_buckets_for_metric(Matcher::Suffix("_events".to_owned()), &EVENTS)?
        .build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        // Another server of this process installed its recorder first.
        return Ok(RECORDER.wait().clone());
    }
    describe();
    initialise();
    Ok(RECORDER.get_or_init(|| handle).clone())
}

/// Describes each metric. docs/operations.md explains how to respond to it.
fn describe() {
    describe_gauge!("syncscript_build_info", "Always 1; the labels name the version and the commit");
    describe_histogram!("syncscript_http_request_seconds", "Duration of requests, by method, route and status");
    describe_histogram!("syncscript_commit_events", "Mutations of sources per transaction");
    describe_histogram!("syncscript_commit_to_emit_seconds", "Time from the change to its emission on this node");
    describe_gauge!(
        "syncscript_relay_lag_seconds",
        "Age of the oldest committed event that is not yet emitted; 0 when idle"
    );
    describe_gauge!("syncscript_relay_lag_events", "Committed events not yet emitted, as of the last sweep");
    describe_gauge!("syncscript_vaults_in_use", "Vaults with a member or a joining socket on this node");
    describe_counter!("syncscript_events_emitted_total", "Events emitted on this node");
    describe_counter!("syncscript_deliveries_total", "Events offered to sockets");
    describe_counter!("syncscript_joins_total", "Sockets that entered a room");
    describe_histogram!("syncscript_catch_up_events", "Events sent to a socket that joined with `after`");
    describe_counter!("syncscript_resyncs_total", "Joins that had to reload the vault");
    describe_gauge!("syncscript_sockets", "Sockets on this node, by transport");
    describe_counter!("syncscript_slow_readers_closed_total", "Sockets closed because they read no data");
    describe_counter!("syncscript_members_behind_total", "Times that a socket fell behind and caught up from the log");
    describe_counter!("syncscript_revocations_total", "Sockets removed from a room, by reason");
    describe_gauge!("syncscript_database_connections", "Database connections of the pool, by state");
    describe_counter!("syncscript_notify_sent_total", "NOTIFY statements sent");
    describe_counter!(
        "syncscript_notify_coalesced_total",
        "Changes that shared a NOTIFY with another change of the same vault"
    );
}

/// Sets all counters to 0. A counter that first appeared with its first use would show Prometheus no increase.
fn initialise() {
    gauge!("syncscript_build_info", "version" => version::VERSION, "commit" => version::commit()).set(1.0);
    for name in [
        "syncscript_events_emitted_total",
        "syncscript_deliveries_total",
        "syncscript_joins_total",
        "syncscript_resyncs_total",
        "syncscript_slow_readers_closed_total",
        "syncscript_members_behind_total",
        "syncscript_notify_sent_total",
        "syncscript_notify_coalesced_total",
    ] {
        counter!(name).absolute(0);
    }
    for revocation in [Revocation::MembershipRevoked, Revocation::VaultDeleted] {
        counter!("syncscript_revocations_total", "reason" => revocation.reason()).absolute(0);
    }
}
