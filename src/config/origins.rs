//! Web origins as settings.

use url::Url;

/// Parses an origin: scheme, host and port, nothing after them.
///
/// # Errors
/// One sentence for clap.
pub fn web_origin(text: &str) -> Result<String, String> {
    let invalid = || format!("{text:?} is not a web origin such as https://example.com");
    let url = Url::parse(text.trim()).map_err(|_| invalid())?;
    let bare = url.path() == "/" && url.query().is_none() && url.fragment().is_none() && url.username().is_empty();
    if bare && ["http", "https"].contains(&url.scheme()) && url.has_host() {
        Ok(url.origin().ascii_serialization())
    } else {
        Err(invalid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_normalized_or_rejected() {
        assert_eq!(web_origin("https://Example.com:443/").as_deref(), Ok("https://example.com"));
        for bad in ["example.com", "https://example.com/app", "ftp://example.com", "*", ""] {
            assert!(web_origin(bad).is_err(), "{bad}");
        }
    }
}
