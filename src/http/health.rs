//! For load balancers and operators.

use actix_web::HttpResponse;
use actix_web::web::Data;
use outbox_worker::version;
use serde::Serialize;
use utoipa::ToSchema;

use crate::app::AppState;
use crate::error::Error;
use crate::store;

/// The process runs.
#[derive(Serialize, ToSchema)]
pub struct Alive {
    #[schema(example = "ok")]
    status: &'static str,
    /// The server's version.
    #[schema(example = "0.1.0")]
    version: &'static str,
    /// The commit that it was built from; `unknown` when it was not built from a checkout.
    #[schema(example = "3f2a9c1d5b7e8f0a1c2d3e4f5a6b7c8d9e0f1a2b")]
    commit: &'static str,
}

/// The server can work.
#[derive(Serialize, ToSchema)]
pub struct Ready {
    #[schema(example = "ready")]
    status: &'static str,
}

/// The process runs. Says nothing of the database: a restart would not bring that back.
#[utoipa::path(
    get, path = "/healthz", tag = "Operation", operation_id = "alive", security(()),
    responses((status = 200, description = "It runs", body = Alive))
)]
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(Alive { status: "ok", version: version::VERSION, commit: version::COMMIT })
}

/// Requests can be served: the schema is there and the database answers.
#[utoipa::path(
    get, path = "/readyz", tag = "Operation", operation_id = "ready", security(()),
    responses((status = 200, description = "It can work", body = Ready))
)]
pub async fn ready(state: Data<AppState>) -> Result<HttpResponse, Error> {
    state.schema.check()?;
    store::ping(&state.pool).await?;
    Ok(HttpResponse::Ok().json(Ready { status: "ready" }))
}
