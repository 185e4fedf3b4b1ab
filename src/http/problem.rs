//! `application/problem+json` (RFC 9457): the one shape of every error.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::error::Error;

/// Seconds after which a client may try again while the service is not available.
const RETRY_AFTER_S: &str = "1";

impl Error {
    /// The status that says this over HTTP.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized | Self::BadCredentials => StatusCode::UNAUTHORIZED,
            Self::Forbidden | Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::LastOwner | Self::EmailTaken | Self::AlreadyMember => StatusCode::CONFLICT,
            Self::VersionMismatch => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) | Self::UnknownEmail => StatusCode::UNPROCESSABLE_ENTITY,
            Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

/// Handlers fail with an [`Error`]; its document is made by [`super::request_context`], which knows the request's id.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.status()
    }
}

/// The problem document of an error.
pub fn problem(error: &Error, request_id: &str) -> HttpResponse {
    let status = error.status();
    let mut response = HttpResponse::build(status);
    response.content_type("application/problem+json");
    if matches!(error, Error::Unavailable(_)) {
        response.insert_header((header::RETRY_AFTER, RETRY_AFTER_S));
    }
    let mut document = json!({
        "type": format!("urn:syncscript:problem:{}", error.code().to_lowercase().replace('_', "-")),
        "title": status.canonical_reason(),
        "status": status.as_u16(),
        "code": error.code(),
        "detail": error.to_string(),
        "requestId": request_id,
    });
    if let Error::Invalid(invalid) = error {
        document["field"] = json!(invalid.field);
    }
    // Not `.json`, which would set its own content type.
    response.body(document.to_string())
}
