//! The paths to which Auth.js clients send people who must sign in. Both redirect to our login page.

use std::collections::HashMap;

use actix_web::http::header;
use actix_web::web::{Data, Query};
use actix_web::{HttpRequest, HttpResponse};
use url::Position;

use super::base_url::base_url;
use crate::error::Error;
use crate::http::state::AppState;

/// The path of our login page.
const LOGIN_PAGE: &str = "/login";

/// Redirect to the login page, which then returns to a page of this server.
#[utoipa::path(
    get, path = "/api/auth/signin", tag = "Auth.js", operation_id = "signInPage", security(()),
    params(("callbackUrl" = Option<String>, Query, description = "The page of this server to return to")),
    responses((status = 302, description = "Redirects to the login page", headers(("Location" = String)))),
)]
pub async fn sign_in_page(
    state: Data<AppState>,
    request: HttpRequest,
    query: Query<HashMap<String, String>>,
) -> Result<HttpResponse, Error> {
    redirect_to_login(&state, &request, &query)
}

/// Redirect to the login page, which shows the error.
#[utoipa::path(
    get, path = "/api/auth/error", tag = "Auth.js", operation_id = "errorPage", security(()),
    params(("error" = Option<String>, Query, description = "The error code of Auth.js")),
    responses((status = 302, description = "Redirects to the login page", headers(("Location" = String)))),
)]
pub async fn error_page(
    state: Data<AppState>,
    request: HttpRequest,
    query: Query<HashMap<String, String>>,
) -> Result<HttpResponse, Error> {
    redirect_to_login(&state, &request, &query)
}

fn redirect_to_login(
    state: &AppState,
    request: &HttpRequest,
    query: &HashMap<String, String>,
) -> Result<HttpResponse, Error> {
    let base = base_url(state, request)?;
    let mut page = base.clone();
    page.set_path(LOGIN_PAGE);
    for (name, value) in [("error", query.get("error")), ("code", query.get("code"))] {
        if let Some(value) = value {
            page.query_pairs_mut().append_pair(name, value);
        }
    }
    let return_to = query.get("callbackUrl").and_then(|callback| base.join(callback).ok());
    if let Some(return_to) = return_to.filter(|url| url.origin() == base.origin()) {
        page.query_pairs_mut().append_pair("returnTo", &return_to[Position::BeforePath..]);
    }
    Ok(HttpResponse::Found().insert_header((header::LOCATION, &page[Position::BeforePath..])).finish())
}
