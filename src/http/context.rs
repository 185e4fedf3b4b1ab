//! Around every request: an id, a log line, the check of the origin, and the document of whatever went wrong.

use std::error::Error as _;
use std::time::Instant;

use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::InternalError;
use actix_web::http::{Method, StatusCode, header};
use actix_web::middleware::Next;
use actix_web::web::Data;
use actix_web::{HttpResponse, http::header::HeaderValue};
use metrics::histogram;
use tracing::Instrument;
use uuid::Uuid;

use super::cors::Sharing;
use super::problem;
use super::protection::protect;
use crate::app::AppState;
use crate::config::LimitArgs;
use crate::error::Error;
use crate::realtime::bridge::PATH;

/// In the extensions of a response: its body stays, whatever its status.
pub struct OwnBody;

const REQUEST_ID: header::HeaderName = header::HeaderName::from_static("x-request-id");

/// The middleware.
///
/// # Errors
/// None: errors leave as documents.
pub async fn request_context<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, actix_web::Error> {
    let id = Uuid::new_v4().simple().to_string();
    let (method, path) = (request.method().clone(), request.path().to_owned());
    // The path holds ids only; the query is left out, since clients put anything there.
    let span = tracing::info_span!("request", %id, %method, %path);
    let started = Instant::now();
    let sharing = request.app_data::<Data<AppState>>().map(|state| Sharing::of(&state.origins, request.headers()));
    let outcome = match (refuse_foreign(&request), sharing.as_ref().and_then(|sharing| sharing.preflight(&request))) {
        (Some(error), _) => Ok(request.into_response(document(&error.into(), &id))),
        (None, Some(Ok(answer))) => Ok(request.into_response(answer)),
        (None, Some(Err(error))) => Ok(request.into_response(document(&error.into(), &id))),
        (None, None) => bounded(next, request).instrument(span.clone()).await.map(|response| describe(response, &id)),
    };
    let _entered = span.enter();
    // A handler's error is a response by now; one that still travels as an error came from the framework itself.
    let mut response = outcome.map_err(|error| InternalError::from_response("", document(&error, &id)))?;
    if let Ok(value) = HeaderValue::from_str(&id) {
        response.headers_mut().insert(REQUEST_ID, value);
    }
    if let Some(sharing) = sharing {
        sharing.mark(response.headers_mut());
    }
    protect(&path, response.headers_mut());
    let route = response.request().match_pattern().unwrap_or_else(|| {
        // Long polls wait by design: they must not be taken for slow answers of anything else.
        if is_socket_io(&path) { format!("{PATH}/") } else { "none".to_owned() }
    });
    let labels =
        [("method", known(&method).to_owned()), ("route", route), ("status", response.status().as_u16().to_string())];
    histogram!("syncscript_http_request_seconds", &labels).record(started.elapsed().as_secs_f64());
    let elapsed_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
    if path.starts_with("/api/") {
        tracing::info!(status = response.status().as_u16(), elapsed_ms, "answered");
    } else {
        tracing::debug!(status = response.status().as_u16(), elapsed_ms, "answered");
    }
    Ok(response)
}

/// A method as a label. What clients make up is not one: each would be a time series of its own.
fn known(method: &Method) -> &str {
    let methods =
        [Method::GET, Method::POST, Method::PATCH, Method::DELETE, Method::PUT, Method::HEAD, Method::OPTIONS];
    if methods.contains(method) { method.as_str() } else { "other" }
}

/// Runs the request, for as long as a request may run. A long poll waits by design, and has its own end.
async fn bounded<B: MessageBody + 'static>(
    next: Next<B>,
    request: ServiceRequest,
) -> Result<ServiceResponse<B>, actix_web::Error> {
    let limit = request.app_data::<Data<AppState>>().map(|state| LimitArgs::ms(state.limits.request_timeout_ms));
    match limit {
        Some(limit) if !is_socket_io(request.path()) => {
            tokio::time::timeout(limit, next.call(request)).await.unwrap_or_else(|_| Err(Error::Timeout.into()))
        }
        _ => next.call(request).await,
    }
}

/// Pages of other origins may not change anything in a user's name.
fn refuse_foreign(request: &ServiceRequest) -> Option<Error> {
    if [Method::GET, Method::HEAD, Method::OPTIONS].contains(request.method()) {
        return None;
    }
    let state = request.app_data::<Data<AppState>>()?;
    (!state.origins.permit_headers(request.headers())).then_some(Error::ForeignOrigin)
}

/// Gives a failed response its document.
fn describe<B: MessageBody + 'static>(response: ServiceResponse<B>, id: &str) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || has_own_body(&response) {
        return response.map_into_boxed_body();
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let (request, response) = response.into_parts();
    let mut described = match response.error() {
        Some(error) => document(error, id),
        None => problem(&by_status(status), id),
    };
    if let Some(allow) = allow {
        described.headers_mut().insert(header::ALLOW, allow);
    }
    ServiceResponse::new(request, described)
}

/// Socket.IO's long-polling and Auth.js answer errors in their own formats, which their clients read.
fn has_own_body<B>(response: &ServiceResponse<B>) -> bool {
    is_socket_io(response.request().path()) || response.response().extensions().contains::<OwnBody>()
}

fn is_socket_io(path: &str) -> bool {
    path.starts_with(PATH)
}

fn document(error: &actix_web::Error, id: &str) -> HttpResponse {
    match error.as_error::<Error>() {
        Some(error) => {
            log_cause(error);
            problem(error, id)
        }
        None => problem(&by_status(error.as_response_error().status_code()), id),
    }
}

/// What the web framework refused by itself.
fn by_status(status: StatusCode) -> Error {
    match status {
        StatusCode::NOT_FOUND => Error::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Error::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge { limit: super::BODY_LIMIT },
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::NotJson,
        status if status.is_client_error() => Error::BadRequest("The request cannot be understood".to_owned()),
        status => Error::Internal(format!("the web framework answered {status}").into()),
    }
}

/// The one place where causes are logged: they are for us, not for clients.
fn log_cause(error: &Error) {
    let cause = || {
        let mut chain = Vec::new();
        let mut source = error.source();
        while let Some(cause) = source {
            chain.push(cause.to_string());
            source = cause.source();
        }
        chain.join(": ")
    };
    match error {
        Error::Internal(_) => tracing::error!(cause = cause(), "{error}"),
        Error::Unavailable(_) => tracing::warn!(cause = cause(), "{error}"),
        _ => tracing::debug!("{error}"),
    }
}
