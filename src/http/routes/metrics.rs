//! `/metrics`, for Prometheus. What each metric means is in `telemetry::metrics`.

use actix_web::HttpResponse;
use actix_web::web::Data;
use metrics::gauge;

use crate::error::Error;
use crate::http::state::AppState;

/// Get the current metrics, in the format of Prometheus.
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
