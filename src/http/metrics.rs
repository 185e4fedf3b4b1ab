//! `/metrics`, in the format of Prometheus.

use std::sync::OnceLock;

use actix_web::HttpResponse;
use actix_web::web::Data;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use outbox_worker::version;
use syncscript_types::Revocation;

use crate::app::AppState;
use crate::error::Error;

/// Seconds: from a quick query to a request that ran into its limit.
const SECONDS: [f64; 14] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0, 30.0];
/// Events.
const EVENTS: [f64; 8] = [0.0, 1.0, 10.0, 100.0, 500.0, 1000.0, 5000.0, 10_000.0];

/// One recorder a process; several servers in one process, as in tests, share it.
static RECORDER: OnceLock<PrometheusHandle> = OnceLock::new();

/// Starts recording.
///
/// # Errors
/// The buckets are wrong, which is a defect.
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
        // Another server of this process was quicker.
        return Ok(RECORDER.wait().clone());
    }
    describe();
    begin();
    Ok(RECORDER.get_or_init(|| handle).clone())
}

/// What each metric means; docs/operations.md says what to do about it.
fn describe() {
    describe_gauge!("syncscript_build_info", "Always 1; the labels say what was built");
    describe_histogram!("syncscript_http_request_seconds", "Time to answer, by method, route and status");
    describe_histogram!("syncscript_commit_events", "Mutations of sources that shared a transaction");
    describe_histogram!("syncscript_commit_to_emit_seconds", "From the change to its emission on this node");
    describe_gauge!("syncscript_relay_lag_seconds", "Age of the oldest committed event not yet emitted; 0 when idle");
    describe_gauge!("syncscript_relay_lag_events", "Committed events not yet emitted, as the last sweep found them");
    describe_gauge!("syncscript_vaults_in_use", "Vaults with a member or joiner on this node");
    describe_counter!("syncscript_events_emitted_total", "Events emitted on this node");
    describe_counter!("syncscript_deliveries_total", "Events offered to sockets");
    describe_counter!("syncscript_joins_total", "Sockets that entered a room");
    describe_histogram!("syncscript_catch_up_events", "Events that a join with `after` brought");
    describe_counter!("syncscript_resyncs_total", "Joins that were told to load the vault anew");
    describe_gauge!("syncscript_sockets", "Sockets on this node, by transport");
    describe_counter!("syncscript_slow_readers_closed_total", "Sockets closed since they took no data");
    describe_counter!("syncscript_members_behind_total", "Times that a socket fell behind and caught up from the log");
    describe_counter!("syncscript_revocations_total", "Sockets put out of a room, by reason");
    describe_gauge!("syncscript_database_connections", "Connections of the pool, by state");
    describe_counter!("syncscript_notify_sent_total", "NOTIFY sent");
    describe_counter!("syncscript_notify_coalesced_total", "Changes that shared a NOTIFY with another of their vault");
}

/// Counters begin at 0 and not with their first use: that would be no increase to Prometheus.
fn begin() {
    gauge!("syncscript_build_info", "version" => version::VERSION, "commit" => version::COMMIT).set(1.0);
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

/// The metrics as they are now, for Prometheus.
#[utoipa::path(
    get, path = "/metrics", tag = "Operation", operation_id = "metrics", security(()),
    responses((status = 200, description = "The metrics", body = String, content_type = "text/plain"))
)]
pub async fn show(state: Data<AppState>) -> Result<HttpResponse, Error> {
    gauge!("syncscript_relay_lag_seconds").set(state.lag.seconds());
    let (websocket, polling) = state.realtime.sockets();
    gauge!("syncscript_sockets", "transport" => "websocket").set(websocket as f64);
    gauge!("syncscript_sockets", "transport" => "polling").set(polling as f64);
    let (size, idle) = state.pool.size();
    let used = size.saturating_sub(idle);
    gauge!("syncscript_database_connections", "state" => "idle").set(idle as f64);
    gauge!("syncscript_database_connections", "state" => "used").set(used as f64);
    Ok(HttpResponse::Ok().content_type("text/plain; version=0.0.4").body(state.metrics.render()))
}
