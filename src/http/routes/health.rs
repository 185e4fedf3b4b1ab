//! Liveness and readiness, for load balancers and operators.

use actix_web::HttpResponse;
use actix_web::web::Data;
use outbox_worker::version;
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::state::AppState;
use crate::store;

/// The process is running.
#[derive(Serialize, ToSchema)]
#[schema(as = Alive)]
pub struct Liveness {
    #[schema(example = "ok")]
    status: &'static str,
    /// The server's version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The commit the server was built from, or `unknown` if the build did not name one.
    #[schema(example = "3f2a9c1d5b7e8f0a1c2d3e4f5a6b7c8d9e0f1a2b")]
    commit: &'static str,
}

/// The server can serve requests.
#[derive(Serialize, ToSchema)]
#[schema(as = Ready)]
pub struct Readiness {
    #[schema(example = "ready")]
    status: &'static str,
}

/// Check that the process is running. Does not check the database, since a restart would not bring it back.
#[utoipa::path(
    get, path = "/healthz", tag = "Operation", operation_id = "alive", security(()),
    responses((status = 200, description = "The process is running", body = Liveness))
)]
pub async fn live() -> HttpResponse {
    HttpResponse::Ok().json(Liveness { status: "ok", version: version::VERSION, commit: version::commit() })
}

/// Check that the server can serve requests: the database responds and has the current schema.
#[utoipa::path(
    get, path = "/readyz", tag = "Operation", operation_id = "ready", security(()),
    responses((status = 200, description = "The server can serve requests", body = Readiness))
)]
pub async fn ready(state: Data<AppState>) -> Result<HttpResponse, Error> {
    state.schema.check()?;
    store::ping(&state.pool).await?;
    Ok(HttpResponse::Ok().json(Readiness { status: "ready" }))
}
