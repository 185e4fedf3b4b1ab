//! The page that a client goes to after it signed in or out, or failed to.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpRequest, HttpResponse};
use serde::Serialize;
use url::Url;
use utoipa::ToSchema;

use super::base_url::{AUTH_PATH, base_url};
use super::form::Form;
use crate::error::Error;
use crate::http::middleware::KeepErrorBody;
use crate::http::state::AppState;

/// The page to go to next.
#[derive(Serialize, ToSchema)]
#[schema(as = GoTo)]
pub struct RedirectBody {
    url: String,
}

/// Where the client goes next, and how the response names that page.
pub struct RedirectTarget {
    base: Url,
    target: Url,
    as_json: bool,
    next_auth_4: bool,
}

impl RedirectTarget {
    /// Determines the target. A `callbackUrl` on another site is replaced by this server's start page.
    ///
    /// # Errors
    /// BadRequest if the `Host` header is invalid.
    pub fn new(state: &AppState, request: &HttpRequest, form: &Form) -> Result<Self, Error> {
        let base = base_url(state, request)?;
        let callback = base.join(form.get("callbackUrl")).unwrap_or_else(|_| base.clone());
        let allowed = callback.origin() == base.origin() || state.origins.contains(callback.as_str());
        let next_auth_4 = form.get("json") == "true";
        let as_json = next_auth_4 || request.headers().contains_key("x-auth-return-redirect");
        Ok(Self { target: if allowed { callback } else { base.clone() }, base, as_json, next_auth_4 })
    }

    /// Returns whether the client is NextAuth.js version 4.
    pub const fn is_next_auth_4(&self) -> bool {
        self.next_auth_4
    }

    /// Responds with the target.
    pub fn success(&self) -> HttpResponse {
        self.respond(self.target.as_str(), StatusCode::OK)
    }

    /// Responds with the sign-in page and the error in its query. A client that asked for JSON also gets `status`.
    pub fn failure(&self, error: &str, code: Option<&str>, status: StatusCode) -> HttpResponse {
        let mut page = self.base.clone();
        page.set_path(&format!("{AUTH_PATH}/signin"));
        page.query_pairs_mut().append_pair("error", error);
        if let Some(code) = code {
            page.query_pairs_mut().append_pair("code", code);
        }
        self.respond(page.as_str(), status)
    }

    fn respond(&self, url: &str, status: StatusCode) -> HttpResponse {
        if !self.as_json {
            return HttpResponse::Found().insert_header((header::LOCATION, url)).finish();
        }
        let mut response = HttpResponse::build(status).json(RedirectBody { url: url.to_owned() });
        response.extensions_mut().insert(KeepErrorBody);
        response
    }
}
