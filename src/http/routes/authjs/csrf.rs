//! The CSRF token: a double-submit token, half in a cookie and half in the body.

use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;
use crate::http::cookies::{cookie_header, csrf_cookie};
use crate::http::state::AppState;

/// The half of the CSRF token that the client sends in the body.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct CsrfToken {
    csrf_token: String,
}

/// Get the CSRF token, and its cookie if the client has none yet.
#[utoipa::path(
    get, path = "/api/auth/csrf", tag = "Auth.js", operation_id = "csrfToken", security(()),
    responses((
        status = 200, description = "The token to send in the body, together with the cookie", body = CsrfToken,
        headers(("Set-Cookie" = Option<String>, description = "The other half, if the request had no valid cookie"))
    ))
)]
pub async fn csrf(state: Data<AppState>, request: HttpRequest) -> Result<HttpResponse, Error> {
    let csrf = state.auth.csrf_token(cookie_header(request.headers())).await?;
    let mut response = HttpResponse::Ok();
    if let Some(value) = csrf.new_cookie {
        response.cookie(csrf_cookie(&state, value));
    }
    Ok(response.json(CsrfToken { csrf_token: csrf.token }))
}
