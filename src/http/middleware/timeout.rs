//! The time limit of REST requests. Long polls are exempt: they wait by design, and the engine ends them.

use actix_web::body::MessageBody;
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::web::Data;

use super::socket_io::is_socket_io;
use crate::error::Error;
use crate::http::state::AppState;

/// Runs the request.
///
/// # Errors
/// Timeout, and errors of the framework.
pub async fn call_with_timeout<B: MessageBody + 'static>(
    next: Next<B>,
    request: ServiceRequest,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let timeout = request.app_data::<Data<AppState>>().map(|state| state.settings.request_timeout);
    match timeout {
        Some(timeout) if !is_socket_io(request.path()) => {
            tokio::time::timeout(timeout, next.call(request)).await.unwrap_or_else(|_| Err(Error::Timeout.into()))
        }
        _ => next.call(request).await,
    }
}
