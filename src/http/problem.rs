//! `application/problem+json` (RFC 9457): the one format of errors.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Error;

impl Error {
    /// Returns the HTTP status of the error.
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
            Self::NotJson | Self::NotForm => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Invalid(_) | Self::UnknownEmail => StatusCode::UNPROCESSABLE_ENTITY,
            Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::KeyInFlight => StatusCode::CONFLICT,
            Self::Timeout => StatusCode::SERVICE_UNAVAILABLE,
            Self::TooManyAttempts { .. } | Self::TooManyVaults | Self::RateLimited => StatusCode::TOO_MANY_REQUESTS,
            Self::Unavailable(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// Returns the seconds to wait before a retry, if a retry can help.
    pub const fn retry_after_s(&self) -> Option<u64> {
        match self {
            Self::TooManyAttempts { retry_after_s } => Some(*retry_after_s),
            Self::Unavailable(_) | Self::Timeout | Self::KeyInFlight => Some(1),
            _ => None,
        }
    }
}

/// Lets handlers return an [`Error`]. The middleware makes its document, since only the middleware has the request id.
impl ResponseError for Error {
    fn status_code(&self) -> StatusCode {
        self.status()
    }
}

/// A problem document (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `urn:syncscript:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// The machine-readable name of the error.
    code: &'static str,
    /// What went wrong, and what to do about it.
    detail: String,
    /// The id of the request, as in the header `X-Request-Id`.
    request_id: String,
    /// The invalid field, if the error concerns one field.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<&'static str>,
}

impl Problem {
    /// Describes an error of this request.
    pub fn new(error: &Error, request_id: &str) -> Self {
        let status = error.status();
        Self {
            r#type: format!("urn:syncscript:problem:{}", error.code().to_lowercase().replace('_', "-")),
            title: status.canonical_reason().unwrap_or_default(),
            status: status.as_u16(),
            code: error.code(),
            detail: error.to_string(),
            request_id: request_id.to_owned(),
            field: match error {
                Error::Invalid(invalid) => Some(invalid.field),
                _ => None,
            },
        }
    }
}

/// Makes the response for an error: its problem document.
pub fn problem_response(error: &Error, request_id: &str) -> HttpResponse {
    let mut response = HttpResponse::build(error.status());
    response.content_type("application/problem+json");
    if let Some(seconds) = error.retry_after_s() {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    // Not `.json`, which would set its own content type.
    response.body(serde_json::to_string(&Problem::new(error, request_id)).unwrap_or_default())
}
