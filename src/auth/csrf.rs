//! The double-submit token of Auth.js: a cookie that holds `token|hash`, and the token once more in the body.
//!
//! The hash, SHA-256 of token and secret, shows that the cookie is from a server that knows the secret: another site of
//! the same domain can set a cookie, but not make one. The token in the body shows that the page could read the answer
//! of `/api/auth/csrf`, which other origins cannot.

use std::fmt::Write;

use sha2::{Digest, Sha256};

/// A token, and whether its cookie has yet to be set.
#[derive(Debug)]
pub struct Csrf {
    /// For the body.
    pub token: String,
    /// The cookie's value where the client has no good one. Written as Auth.js does: `|` is no letter for a cookie.
    pub new_cookie: Option<String>,
}

/// The token of the client's cookie, or a new one, which `random` makes out of nothing.
pub fn issue(cookie: Option<&str>, secrets: &[String], random: [u8; 32]) -> Csrf {
    if let Some(token) = cookie.and_then(|cookie| genuine(cookie, secrets)) {
        return Csrf { token: token.to_owned(), new_cookie: None };
    }
    let token = hex(&random);
    let hash = seal(&token, secrets.first().map_or("", String::as_str));
    Csrf { new_cookie: Some(format!("{token}%7C{hash}")), token }
}

/// Whether the body's token is the one of a genuine cookie.
#[must_use]
pub fn verify(cookie: Option<&str>, submitted: &str, secrets: &[String]) -> bool {
    cookie.and_then(|cookie| genuine(cookie, secrets)).is_some_and(|token| same(token, submitted))
}

fn genuine<'a>(cookie: &'a str, secrets: &[String]) -> Option<&'a str> {
    let (token, hash) = ["%7C", "%7c", "|"].iter().find_map(|bar| cookie.split_once(bar))?;
    let known = !token.is_empty() && secrets.iter().any(|secret| same(&seal(token, secret), hash));
    known.then_some(token)
}

fn seal(token: &str, secret: &str) -> String {
    hex(&Sha256::new().chain_update(token).chain_update(secret).finalize())
}

/// Compares by hash, so that the time tells nothing of where two texts differ.
fn same(one: &str, other: &str) -> bool {
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
    fn a_token_is_good_with_its_own_cookie_alone() {
        let secrets = ["new".to_owned(), "old".to_owned()];
        let issued = issue(None, &secrets, [7; 32]);
        let cookie = issued.new_cookie.expect("a first cookie");
        assert!(verify(Some(&cookie), &issued.token, &secrets));
        assert!(verify(Some(&cookie.replace("%7C", "|")), &issued.token, &secrets));
        assert!(issue(Some(&cookie), &secrets, [8; 32]).new_cookie.is_none(), "a good one is kept");

        let other = issue(None, &secrets, [9; 32]);
        assert!(!verify(Some(&cookie), &other.token, &secrets));
        assert!(!verify(None, &issued.token, &secrets));
        assert!(!verify(Some(&cookie), "", &secrets));
        // Made up by another site of the same domain.
        let forged = format!("{0}|{0}", issued.token);
        assert!(!verify(Some(&forged), &issued.token, &secrets));
        assert!(!verify(Some("|"), "", &secrets));
    }

    #[test]
    fn after_a_rotation_cookies_of_the_old_secret_are_good() {
        let old = issue(None, &["old".to_owned()], [7; 32]);
        let secrets = ["new".to_owned(), "old".to_owned()];
        assert!(verify(old.new_cookie.as_deref(), &old.token, &secrets));
        assert!(!verify(old.new_cookie.as_deref(), &old.token, &secrets[..1]));
    }
}
