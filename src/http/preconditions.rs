//! The If-Match check: a change with `If-Match: "3"` is made only if the source is at version 3. The append compares
//! the versions, with the vault locked.

use actix_web::http::header::{self, HeaderMap};
use syncscript_types::Version;
use utoipa::IntoParams;

use crate::error::Error;

/// The header that [`expected_version`] reads, for the OpenAPI document.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[allow(dead_code)]
pub struct IfMatchHeader {
    /// The source's ETag. The change is made only if the source still has this version.
    #[param(rename = "If-Match", value_type = String, required = false, pattern = r#"^(\*|"[1-9][0-9]{0,8}")$"#)]
    if_match: Option<String>,
}

/// Returns the version that `If-Match` requires. Without the header, or with `*`, any version matches.
///
/// # Errors
/// BadRequest unless the header is an ETag in the server's format.
pub fn expected_version(headers: &HeaderMap) -> Result<Option<Version>, Error> {
    let Some(value) = headers.get(header::IF_MATCH) else { return Ok(None) };
    match value.to_str().unwrap_or_default().trim() {
        "*" => Ok(None),
        tag => tag
            .strip_prefix('"')
            .and_then(|tag| tag.strip_suffix('"'))
            // The server's format has no sign and no leading zero.
            .filter(|tag| tag.starts_with(|first: char| ('1'..='9').contains(&first)))
            .and_then(|tag| Version::new(tag.parse().ok()?).ok())
            .map(Some)
            .ok_or_else(|| Error::BadRequest("If-Match must be the ETag of the source, such as \"3\"".to_owned())),
    }
}
