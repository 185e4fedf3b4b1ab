//! The ways to sign in.

use std::collections::HashMap;

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use super::base_url::{AUTH_PATH, base_url};
use crate::error::Error;
use crate::http::state::AppState;

/// A way to sign in.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Provider {
    id: &'static str,
    name: &'static str,
    r#type: &'static str,
    signin_url: String,
    callback_url: String,
}

/// List the ways to sign in: only one, by email address and password.
#[utoipa::path(
    get, path = "/api/auth/providers", tag = "Auth.js", operation_id = "providers", security(()),
    responses((status = 200, description = "The providers by id", body = HashMap<String, Provider>)),
    extensions(("x-problems" = json!(["BAD_REQUEST"])))
)]
pub async fn providers(state: Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let base = base_url(&state, &request)?;
    let address = |action: &str| format!("{}{AUTH_PATH}/{action}/credentials", base.origin().ascii_serialization());
    let credentials = Provider {
        id: "credentials",
        name: "Credentials",
        r#type: "credentials",
        signin_url: address("signin"),
        callback_url: address("callback"),
    };
    Ok(HttpResponse::Ok().json(HashMap::from([("credentials", credentials)])))
}
