//! For load balancers and operators.

use actix_web::HttpResponse;
use actix_web::web::Data;
use serde_json::json;

use crate::app::AppState;
use crate::error::Error;
use crate::store;

/// The process runs. Says nothing of the database: a restart would not bring that back.
pub async fn alive() -> HttpResponse {
    HttpResponse::Ok().json(json!({ "status": "ok", "version": env!("CARGO_PKG_VERSION") }))
}

/// Requests can be served: the schema is there and the database answers.
pub async fn ready(state: Data<AppState>) -> Result<HttpResponse, Error> {
    state.schema.check()?;
    store::ping(&state.pool).await?;
    Ok(HttpResponse::Ok().json(json!({ "status": "ready" })))
}
