//! The headers that tell browsers what they must not do with an answer. A handler that says something of its own, as
//! those of the pages do, is left to it.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// An answer of the interface is data: it loads nothing, and nobody shows it in a frame.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Adds what is missing.
pub fn protect(path: &str, headers: &mut HeaderMap) {
    let mut add = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    add(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(header::REFERRER_POLICY, "same-origin");
    if path.starts_with("/api/") {
        // It is of one user, at one moment.
        add(header::CACHE_CONTROL, "private, no-store");
    }
}
