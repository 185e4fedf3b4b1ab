//! The headers that restrict what browsers do with a response. Headers that a handler has set, such as the pages'
//! policy, are kept.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// Responses of the interface are data: they load nothing, and no page may frame them.
const CONTENT_SECURITY_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Adds the headers that are missing.
pub fn add_security_headers(path: &str, headers: &mut HeaderMap) {
    let mut add = |name: HeaderName, value: &'static str| {
        if !headers.contains_key(&name) {
            headers.insert(name, HeaderValue::from_static(value));
        }
    };
    add(header::CONTENT_SECURITY_POLICY, CONTENT_SECURITY_POLICY);
    add(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    add(header::REFERRER_POLICY, "same-origin");
    if path.starts_with("/api/") {
        // The response belongs to one user and is soon out of date.
        add(header::CACHE_CONTROL, "private, no-store");
    }
}
