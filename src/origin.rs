//! Which web pages may talk to this server with a user's cookie.
//!
//! Browsers send `Origin` and cannot be made to lie about it; other clients send none and hold no stolen cookie. The
//! check is what keeps a foreign page from opening a socket as the user (cross-site WebSocket hijacking: SameSite and
//! CORS do not cover it). Requests for which browsers send no `Origin`, such as that of an image, have `Sec-Fetch-Site`.

use actix_web::http::header::{self, HeaderMap};
use url::Url;

/// The origins allowed beside the server's own.
#[derive(Debug, Clone, Default)]
pub struct Origins {
    allowed: Vec<String>,
}

impl Origins {
    /// `allowed` are serialised origins, such as `https://example.com`.
    #[must_use]
    pub fn new(allowed: Vec<String>) -> Self {
        Self { allowed }
    }

    /// Whether a request with these headers may act for the user.
    #[must_use]
    pub fn permit_headers(&self, headers: &HeaderMap) -> bool {
        // What is no text is no origin.
        let text = |name: &str| headers.get(name).map(|value| value.to_str().unwrap_or("null"));
        match text(header::ORIGIN.as_str()) {
            Some(origin) => self.permit(Some(origin), text(header::HOST.as_str())),
            // `none` is the user's own doing: an address typed in, a bookmark.
            None => text("sec-fetch-site").is_none_or(|site| ["same-origin", "none"].contains(&site)),
        }
    }

    /// Whether the origin is on the list.
    #[must_use]
    pub fn listed(&self, origin: &str) -> bool {
        Url::parse(origin).is_ok_and(|url| self.allowed.contains(&url.origin().ascii_serialization()))
    }

    /// Whether there is any origin on the list.
    #[must_use]
    pub fn has_listed(&self) -> bool {
        !self.allowed.is_empty()
    }

    /// Whether a request with these headers may go on. The server's own origin is the one whose host is the request's
    /// `Host`; the scheme is not compared, since a proxy may end TLS.
    #[must_use]
    pub fn permit(&self, origin: Option<&str>, host: Option<&str>) -> bool {
        let Some(origin) = origin else { return true };
        let Ok(url) = Url::parse(origin) else { return false };
        if self.listed(origin) {
            return true;
        }
        // Read with the origin's scheme, so that a default port may be written or not.
        let own = host.and_then(|host| Url::parse(&format!("{}://{host}", url.scheme())).ok());
        own.is_some_and(|own| url.has_host() && own.origin() == url.origin())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn own_and_listed_origins_pass_and_others_do_not() {
        let origins = Origins::new(vec!["https://app.example.com".to_owned()]);
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
    fn without_origin_the_browser_says_by_other_means_whose_page_asks() {
        let origins = Origins::new(Vec::new());
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
