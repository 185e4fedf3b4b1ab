//! The web origins whose pages may use this server with a user's cookie.
//!
//! A page cannot forge the `Origin` header that browsers send; other clients send none, and do not have the user's
//! cookie. This check keeps a foreign page from opening a socket as the user (cross-site WebSocket hijacking), which
//! SameSite and CORS do not prevent. Where browsers send no `Origin`, such as for an image, they send `Sec-Fetch-Site`.

use actix_web::http::header::{self, HeaderMap};
use url::Url;

/// The allowed origins, in addition to the server's own.
///
/// ```
/// use syncscript::origin::AllowedOrigins;
///
/// let origins = AllowedOrigins::new(vec!["https://app.example.com".to_owned()]);
/// let host = Some("sync.example.com");
/// assert!(origins.permit(Some("https://app.example.com"), host));
/// assert!(origins.permit(Some("https://sync.example.com"), host));
/// assert!(!origins.permit(Some("https://other.example"), host));
/// ```
#[derive(Debug, Clone, Default)]
pub struct AllowedOrigins {
    allowed: Vec<String>,
}

impl AllowedOrigins {
    /// Creates the list from serialized origins, such as `https://example.com`.
    #[must_use]
    pub fn new(allowed: Vec<String>) -> Self {
        Self { allowed }
    }

    /// Returns whether a request with these headers may act for the user.
    #[must_use]
    pub fn permit_headers(&self, headers: &HeaderMap) -> bool {
        // An Origin header that is not valid text is rejected: no origin is called "null".
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
        match text(header::ORIGIN.as_str()) {
            Some(origin) => self.permit(Some(origin), text(header::HOST.as_str())),
            // `none`: the user typed the address or opened a bookmark.
            None => text("sec-fetch-site").is_none_or(|site| ["same-origin", "none"].contains(&site)),
        }
    }

    /// Returns whether the origin is on the list.
    #[must_use]
    pub fn contains(&self, origin: &str) -> bool {
        Url::parse(origin).is_ok_and(|url| self.allowed.contains(&url.origin().ascii_serialization()))
    }

    /// Returns whether the list is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.allowed.is_empty()
    }

    /// Returns whether a request with this `Origin` and `Host` may act for the user. An origin is the server's own if its
    /// host is the request's `Host`. The scheme is not compared, since a proxy may terminate TLS.
    #[must_use]
    pub fn permit(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let Ok(url) = Url::parse(origin) else { return false };
        if self.contains(origin) {
            return true;
        }
        // Parsed with the origin's scheme, so that a default port may be present or absent.
        let own = host.and_then(|host| Url::parse(&format!("{}://{host}", url.scheme())).ok());
        own.is_some_and(|own| url.has_host() && own.origin() == url.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_allowed_origins_pass_and_others_do_not() {
        let origins = AllowedOrigins::new(vec!["https://app.example.com".to_owned()]);
        let host = Some("sync.example.com:3000");
        for good in [None, Some("http://sync.example.com:3000"), Some("https://app.example.com")] {
            assert!(origins.permit(good, host), "{good:?}");
        }
        for bad in
            ["http://sync.example.com", "https://evil.example", "null", "", "https://app.example.com.evil.example"]
        {
            assert!(!origins.permit(Some(bad), host), "{bad}");
        }
        assert!(origins.permit(Some("https://sync.example.com"), Some("sync.example.com:443")));
        assert!(!origins.permit(Some("http://sync.example.com:3000"), None));
    }

    #[test]
    fn without_an_origin_sec_fetch_site_decides() {
        let origins = AllowedOrigins::new(Vec::new());
        let permitted = |site: Option<&str>| {
            let mut headers = HeaderMap::new();
            if let Some(site) = site.and_then(|site| header::HeaderValue::from_str(site).ok()) {
                headers.insert(header::HeaderName::from_static("sec-fetch-site"), site);
            }
            origins.permit_headers(&headers)
        };
        assert!(permitted(None) && permitted(Some("same-origin")) && permitted(Some("none")));
        assert!(!permitted(Some("cross-site")) && !permitted(Some("same-site")) && !permitted(Some("")));
    }
}
