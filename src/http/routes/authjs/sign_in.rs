//! Signing in as Auth.js clients do.

use actix_web::http::{StatusCode, header};
use actix_web::web::{Bytes, Data};
use actix_web::{HttpRequest, HttpResponse};

use super::form::{Credentials, Form};
use super::redirect_target::{RedirectBody, RedirectTarget};
use crate::domain::Password;
use crate::error::Error;
use crate::http::client_address::client_address;
use crate::http::cookies::{cookie_header, session_cookie};
use crate::http::state::AppState;

/// Sign in by email address and password.
#[utoipa::path(
    post, path = "/api/auth/callback/credentials", tag = "Auth.js", operation_id = "signInCredentials", security(()),
    params(("X-Auth-Return-Redirect" = Option<String>, Header, description = "Respond with `{url}`, not a redirect")),
    request_body(content((Credentials = "application/x-www-form-urlencoded"), (Credentials = "application/json"))),
    responses(
        (
            status = 200, description = "The page to go to next; after a failure, with `error` in its query",
            body = RedirectBody,
            headers(("Set-Cookie" = Option<String>, description = "The session cookie, after a success"))
        ),
        (status = 302, description = "The same as a redirect", headers(("Location" = String))),
        (status = 401, description = "The same after a failure, for version 4", body = RedirectBody),
        (
            status = 429, description = "The same after too many failures", body = RedirectBody,
            headers(("Retry-After" = u64, description = "Seconds to wait before trying again"))
        ),
    ),
    extensions(("x-problems" = json!(["NOT_FORM"])))
)]
pub async fn sign_in(state: Data<AppState>, request: HttpRequest, body: Bytes) -> Result<HttpResponse, Error> {
    let form = Form::parse(&request, &body)?;
    let redirect = RedirectTarget::new(&state, &request, &form)?;
    if !state.auth.verify_csrf_token(cookie_header(request.headers()), form.get("csrfToken")).await? {
        return Ok(redirect.failure("MissingCSRF", None, StatusCode::OK));
    }
    let password = Password::attempt(form.get("password").to_owned());
    match state.auth.login(form.get("email"), password, client_address(&state, &request)).await {
        Ok(new) => {
            let mut response = redirect.success();
            response.add_cookie(&session_cookie(&state, new.token)).map_err(|error| Error::Internal(error.into()))?;
            Ok(response)
        }
        Err(Error::BadCredentials) => {
            // Version 4 reads the status too, version 5 the URL only.
            let status = if redirect.is_next_auth_4() { StatusCode::UNAUTHORIZED } else { StatusCode::OK };
            Ok(redirect.failure("CredentialsSignin", Some("credentials"), status))
        }
        Err(error @ Error::TooManyAttempts { retry_after_s }) => {
            let mut response = redirect.failure("CredentialsSignin", Some("too_many_attempts"), error.status());
            response.headers_mut().insert(header::RETRY_AFTER, retry_after_s.into());
            Ok(response)
        }
        Err(error) => Err(error),
    }
}
