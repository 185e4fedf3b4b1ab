//! Turns every failed response into a problem document, and logs the cause of the failure.

use std::error::Error as _;

use actix_web::HttpResponse;
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::ServiceResponse;
use actix_web::http::{StatusCode, header};

use super::body_limit::BODY_LIMIT;
use super::socket_io::is_socket_io;
use crate::error::Error;
use crate::http::problem::problem_response;

/// An extension of a response: keeps its body, whatever its status.
pub struct KeepErrorBody;

/// Replaces the body of a failed response with a problem document.
pub fn replace_error_body<B: MessageBody + 'static>(
    response: ServiceResponse<B>,
    request_id: &str,
) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !(status.is_client_error() || status.is_server_error()) || keeps_body(&response) {
        return response.map_into_boxed_body();
    }
    let allow = response.headers().get(header::ALLOW).cloned();
    let (request, response) = response.into_parts();
    let mut document = match response.error() {
        Some(error) => error_document(error, request_id),
        None => problem_response(&framework_error(status), request_id),
    };
    if let Some(allow) = allow {
        document.headers_mut().insert(header::ALLOW, allow);
    }
    ServiceResponse::new(request, document)
}

/// Makes the problem document of an error.
pub fn error_document(error: &actix_web::Error, request_id: &str) -> HttpResponse {
    match error.as_error::<Error>() {
        Some(error) => {
            log_cause(error);
            problem_response(error, request_id)
        }
        None => problem_response(&framework_error(error.as_response_error().status_code()), request_id),
    }
}

/// Socket.IO's long-polling and Auth.js have their own error formats, which their clients read.
fn keeps_body<B>(response: &ServiceResponse<B>) -> bool {
    is_socket_io(response.request().path()) || response.response().extensions().contains::<KeepErrorBody>()
}

/// Returns the error for a request that the web framework itself rejected with this status.
fn framework_error(status: StatusCode) -> Error {
    match status {
        StatusCode::NOT_FOUND => Error::NotFound,
        StatusCode::METHOD_NOT_ALLOWED => Error::MethodNotAllowed,
        StatusCode::PAYLOAD_TOO_LARGE => Error::TooLarge { limit: BODY_LIMIT },
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Error::NotJson,
        status if status.is_client_error() => Error::BadRequest("The request cannot be understood".to_owned()),
        status => Error::Internal(format!("the web framework answered {status}").into()),
    }
}

/// Logs an error with its chain of causes, which clients do not see. No other place logs causes.
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
