//! Errors of the framework's own extractors, as errors of the interface.

use actix_web::HttpRequest;
use actix_web::error::{JsonPayloadError, PathError, QueryPayloadError};

use crate::error::Error;
use crate::http::middleware::body_limit::BODY_LIMIT;

/// Converts an error of a JSON body.
pub fn json_error(error: JsonPayloadError, _: &HttpRequest) -> actix_web::Error {
    match error {
        JsonPayloadError::Overflow { .. } | JsonPayloadError::OverflowKnownLength { .. } => {
            Error::TooLarge { limit: BODY_LIMIT }
        }
        JsonPayloadError::ContentType => Error::NotJson,
        JsonPayloadError::Deserialize(error) => Error::BadRequest(format!("The body is not as expected: {error}")),
        _ => Error::BadRequest("The body could not be read".to_owned()),
    }
    .into()
}

/// Converts an error of an id in the path.
pub fn path_error(_: PathError, _: &HttpRequest) -> actix_web::Error {
    Error::BadRequest("The id in the path must be a UUID".to_owned()).into()
}

/// Converts an error of the query.
pub fn query_error(error: QueryPayloadError, _: &HttpRequest) -> actix_web::Error {
    Error::BadRequest(format!("The query is not as expected: {error}")).into()
}
