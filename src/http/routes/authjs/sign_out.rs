//! Signing out as Auth.js clients do.

use actix_web::http::StatusCode;
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::form::{Form, SignOut};
use super::redirect_target::{RedirectBody, RedirectTarget};
use crate::error::Error;
use crate::http::cookies::{cookie_header, removal_cookies};
use crate::http::session::end_session;
use crate::http::state::AppState;

/// Sign out.
#[utoipa::path(
    post, path = "/api/auth/signout", tag = "Auth.js", operation_id = "signOut", security(()),
    params(("X-Auth-Return-Redirect" = Option<String>, Header, description = "Respond with `{url}`, not a redirect")),
    request_body(content((SignOut = "application/x-www-form-urlencoded"), (SignOut = "application/json"))),
    responses(
        (
            status = 200, description = "The page to go to next; after a failure, with `error` in its query",
            body = RedirectBody, headers(("Set-Cookie" = Option<String>, description = "Removes the session cookie"))
        ),
        (status = 302, description = "The same as a redirect", headers(("Location" = String))),
    ),
    extensions(("x-problems" = json!(["NOT_FORM"])))
)]
pub async fn sign_out(state: Data<AppState>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Error> {
    let form = Form::parse(&request, &body)?;
    let redirect = RedirectTarget::new(&state, &request, &form)?;
    if !state.auth.verify_csrf_token(cookie_header(request.headers()), form.get("csrfToken")).await? {
        return Ok(redirect.failure("MissingCSRF", None, StatusCode::OK));
    }
    end_session(&state, &request).await?;
    let mut response = redirect.success();
    for cookie in removal_cookies(&state, &request) {
        response.add_cookie(&cookie).map_err(|error| Error::Internal(error.into()))?;
    }
    Ok(response)
}
