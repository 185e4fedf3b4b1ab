//! `application/problem+json` (RFC 9457): the one shape of every error.

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::Serialize;
use utoipa::ToSchema;

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

    /// After how many seconds to try again, where that helps.
    pub const fn retry_after_s(&self) -> Option<u64> {
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

/// What went wrong (RFC 9457).
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Problem {
    /// `urn:syncscript:problem:` and the code.
    r#type: String,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// The name of the error for programs.
    code: &'static str,
    /// What to do about it.
    detail: String,
    /// As in the header `X-Request-Id`.
    request_id: String,
    /// The field that is to blame, where one is.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    field: Option<&'static str>,
}

impl Problem {
    /// Of this error, in the answer to this request.
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

/// The problem document of an error.
pub fn problem(error: &Error, request_id: &str) -> HttpResponse {
    let mut response = HttpResponse::build(error.status());
    response.content_type("application/problem+json");
    if let Some(seconds) = error.retry_after_s() {
        response.insert_header((header::RETRY_AFTER, seconds));
    }
    // Not `.json`, which would set its own content type.
    response.body(serde_json::to_string(&Problem::new(error, request_id)).unwrap_or_default())
}
