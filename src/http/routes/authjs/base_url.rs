//! The address of this server, from which absolute URLs are built.

use actix_web::HttpRequest;
use actix_web::http::header;
use url::Url;

use crate::error::Error;
use crate::http::state::AppState;

/// The path under which Auth.js clients expect the routes.
pub const AUTH_PATH: &str = "/api/auth";

/// Returns the server's address: the configured one, or the one in the `Host` header.
///
/// # Errors
/// BadRequest if the `Host` header is invalid.
pub fn base_url(state: &AppState, request: &HttpRequest) -> Result<Url, Error> {
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or("localhost");
    let address = state.settings.public_url.clone().unwrap_or_else(|| format!("http://{host}"));
    Url::parse(&address).map_err(|_| Error::BadRequest("The Host header is not a valid host".to_owned()))
}
