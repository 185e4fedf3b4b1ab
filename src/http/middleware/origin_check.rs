//! The origin check: pages of other origins cannot change anything in a user's name (CSRF).

use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::web::Data;

use crate::error::Error;
use crate::http::state::AppState;

/// Checks the origin of a request that may change something.
///
/// # Errors
/// ForeignOrigin.
pub fn check_origin(request: &ServiceRequest) -> Result<(), Error> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return Ok(());
    }
    match request.app_data::<Data<AppState>>() {
        Some(state) if !state.origins.permit_headers(request.headers()) => Err(Error::ForeignOrigin),
        _ => Ok(()),
    }
}
