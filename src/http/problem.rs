//! `application/problem+json` (RFC 9457): the one shape of every error.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde_json::json;

use crate::error::Error;

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
            Self::Compacted => StatusCode::GONE,
            Self::VersionMismatch => StatusCode::PRECONDITION_FAILED,
            Self::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) | Self::UnknownEmail => StatusCode::UNPROCESSABLE_ENTITY,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::KeyInFlight => StatusCode::CONFLICT,
            Self::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyAttempts { .. } | Self::TooManyVaults | Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// After how many seconds to try again, where that helps.
    const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::TooManyAttempts { retry_after_s } => Some(*retry_after_s),
            Self::Unavailable(_) | Self::Timeout | Self::KeyInFlight => Some(1),
            _ => None,
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
    if let Some(seconds) = error.retry_after_s() {
        response.insert_header((header::RETRY_AFTER, seconds));
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
