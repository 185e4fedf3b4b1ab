//! The session of a request.

use actix_web::HttpRequest;
use actix_web::web::Data;

use super::cookies::cookie_header;
use super::state::AppState;
use crate::domain::Session;
use crate::error::Error;

/// Returns the session of a request, if there is one.
///
/// # Errors
/// Outages.
pub async fn current_session(request: &HttpRequest) -> Result<Option<Session>, Error> {
    let state =
        request.app_data::<Data<AppState>>().ok_or_else(|| Error::Internal("the application has no state".into()))?;
    state.auth.session_from_cookies(cookie_header(request.headers())).await
}

/// Ends the session of a request, if there is one.
///
/// # Errors
/// Outages.
pub async fn end_session(state: &AppState, request: &HttpRequest) -> Result<(), Error> {
    match cookie_header(request.headers()).and_then(|cookies| state.auth.session_token(cookies)) {
        Some(presented) => state.auth.logout(&presented).await,
        None => Ok(()),
    }
}
