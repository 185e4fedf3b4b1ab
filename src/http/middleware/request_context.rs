//! The middleware: gives each request an id, a log line and a measurement, and runs the other steps around it.

use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::{Method, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use metrics::histogram;
use tracing::Instrument;
use uuid::Uuid;

use super::cors::CorsPolicy;
use super::error_documents::{error_document, replace_error_body};
use super::origin_check::check_origin;
use super::security_headers::add_security_headers;
use super::socket_io::is_socket_io;
use super::timeout::call_with_timeout;
use crate::http::state::AppState;
use crate::realtime::bridge::PATH;

const REQUEST_ID: header::HeaderName = header::HeaderName::from_static("x-request-id");

/// Runs a request.
///
/// # Errors
/// An error of the framework, with its problem document as the response.
pub async fn request_context<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = Uuid::new_v4().simple().to_string();
    let (method, path) = (request.method().clone(), request.path().to_owned());
    // The path contains ids only. The query is not logged, since clients may put anything into it.
    let span = tracing::info_span!("request", %id, %method, %path);
    let started = Instant::now();
    let cors = request.app_data::<Data<AppState>>().map(|state| CorsPolicy::new(&state.origins, request.headers()));
    let preflight = cors.as_ref().and_then(|cors| cors.preflight(&request));
    let outcome = match (check_origin(&request), preflight) {
        (Err(error), _) | (Ok(()), Some(Err(error))) => Ok(request.into_response(error_document(&error.into(), &id))),
        (Ok(()), Some(Ok(response))) => Ok(request.into_response(response)),
        (Ok(()), None) => {
            let called = call_with_timeout(next, request).instrument(span.clone()).await;
            called.map(|response| replace_error_body(response, &id))
        }
    };
    let _entered = span.enter();
    // Errors of handlers have become responses by now. A remaining error comes from the framework itself.
    let mut response = outcome.map_err(|error| InternalError::from_response("", error_document(&error, &id)))?;
    if let Ok(value) = header::HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if let Some(cors) = cors {
        cors.apply(response.headers_mut());
    }
    add_security_headers(&path, response.headers_mut());
    measure(&method, &path, &response, started);
    Ok(response)
}

/// Records the duration of a request, and logs it.
fn measure(method: &Method, path: &str, response: &ServiceResponse<BoxBody>, started: Instant) {
    let status = response.status().as_u16();
    let route = response.request().match_pattern().unwrap_or_else(|| {
        // Long polls have a label of their own: they wait by design and would look like slow responses of a route.
        if is_socket_io(path) { format!("{PATH}/") } else { "none".to_owned() }
    });
    let labels = [("method", method_label(method).to_owned()), ("route", route), ("status", status.to_string())];
    histogram!("syncscript_http_request_seconds", &labels).record(started.elapsed().as_secs_f64());
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if path.starts_with("/api/") {
        tracing::info!(status, elapsed_ms, "request finished");
    } else {
        tracing::debug!(status, elapsed_ms, "request finished");
    }
}

/// Returns a method as a label. Unknown methods share one label, since each label becomes a time series.
fn method_label(method: &Method) -> &str {
    let methods =
        [Method::GET, Method::POST, Method::PATCH, Method::DELETE, Method::PUT, Method::HEAD, Method::OPTIONS];
    if methods.contains(method) { method.as_str() } else { "other" }
}
