//! The CSRF token of Auth.js (double submit): a cookie holds `token|hash`, and the request body repeats the token.
//!
//! The hash, SHA-256 of token and secret, proves that the cookie comes from a server that knows the secret: another
//! site of the same domain can set a cookie, but cannot compute the hash. The token in the body proves that the page
//! could read the response of `/api/auth/csrf`, which other origins cannot.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// A CSRF token.
#[derive(Debug)]
pub struct CsrfToken {
    /// The token for the request body.
    pub token: String,
    /// The value of the cookie to set, if the client has no valid one. `|` is encoded as Auth.js does, because it is
    /// not allowed in a cookie.
    pub new_cookie: Option<String>,
}

/// Returns the token of the client's cookie, or makes a new one from `random`.
pub fn issue(cookie: Option<&str>, secrets: &[String], random: [u8; 32]) -> CsrfToken {
    if let Some(token) = cookie.and_then(|cookie| verified_token(cookie, secrets)) {
        return CsrfToken { token: token.to_owned(), new_cookie: None };
    }
    let token = hex(&random);
    let hash = sign(&token, secrets.first().map_or("", String::as_str));
    CsrfToken { new_cookie: Some(format!("{token}%7C{hash}")), token }
}

/// Returns whether the submitted token belongs to a valid cookie.
#[must_use]
pub fn verify(cookie: Option<&str>, submitted: &str, secrets: &[String]) -> bool {
    cookie.and_then(|cookie| verified_token(cookie, secrets)).is_some_and(|token| equal(token, submitted))
}

/// Returns the cookie's token if one of the secrets signed it.
fn verified_token<'a>(cookie: &'a str, secrets: &[String]) -> Option<&'a str> {
    let (token, hash) = ["%7C", "%7c", "|"].iter().find_map(|bar| cookie.split_once(bar))?;
    let valid = !token.is_empty() && secrets.iter().any(|secret| equal(&sign(token, secret), hash));
    valid.then_some(token)
}

fn sign(token: &str, secret: &str) -> String {
    hex(&Sha256::new().chain_update(token).chain_update(secret).finalize())
}

/// Compares hashes, so that the duration does not reveal where the texts differ.
fn equal(one: &str, other: &str) -> bool {
    Sha256::digest(one) == Sha256::digest(other)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a String cannot fail.
        write!(text, "{byte:02x}").ok();
        text
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_valid_only_with_its_own_cookie() {
        let secrets = ["new".to_owned(), "old".to_owned()];
        let issued = issue(None, &secrets, [7; 32]);
        let cookie = issued.new_cookie.expect("a first cookie");
        assert!(verify(Some(&cookie), &issued.token, &secrets));
        assert!(verify(Some(&cookie.replace("%7C", "|")), &issued.token, &secrets));
        assert!(issue(Some(&cookie), &secrets, [8; 32]).new_cookie.is_none(), "a valid cookie is kept");

        let other = issue(None, &secrets, [9; 32]);
        assert!(!verify(Some(&cookie), &other.token, &secrets));
        assert!(!verify(None, &issued.token, &secrets));
        assert!(!verify(Some(&cookie), "", &secrets));
        // Forged by another site of the same domain.
        let forged = format!("{0}|{0}", issued.token);
        assert!(!verify(Some(&forged), &issued.token, &secrets));
        assert!(!verify(Some("|"), "", &secrets));
    }

    #[test]
    fn after_a_rotation_cookies_of_the_old_secret_stay_valid() {
        let old = issue(None, &["old".to_owned()], [7; 32]);
        let secrets = ["new".to_owned(), "old".to_owned()];
        assert!(verify(old.new_cookie.as_deref(), &old.token, &secrets));
        assert!(!verify(old.new_cookie.as_deref(), &old.token, &secrets[..1]));
    }
}
