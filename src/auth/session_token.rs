//! The session token in a `Cookie` header, from this server's own cookie or from the cookie of NextAuth.js 4.

use std::borrow::Cow;

use super::cookie_header::{cookies, find_cookie};
use super::cookie_names::CookieNames;
use super::jwe;
use crate::store::sessions::TokenHash;

/// The maximum length of a token in bytes, all chunks included. Node.js, which runs Auth.js, rejects longer headers.
const MAX_TOKEN_BYTES: usize = 16 * 1024;
/// The maximum number of chunks. The longest token has fewer, at the 3936 bytes per chunk that Auth.js writes.
const MAX_CHUNKS: usize = 8;

/// Who issued a token, which decides the keys that decrypt it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Issuer {
    /// This server, or Auth.js (version 5).
    AuthJs,
    /// NextAuth.js 4.
    NextAuth4,
}

/// A session token as the client sent it, not verified.
#[derive(Debug, Clone)]
pub struct SessionToken<'a> {
    token: Cow<'a, str>,
    issuer: Issuer,
}

impl<'a> SessionToken<'a> {
    /// Finds the token in a `Cookie` header. Ignores a token that is too long.
    #[must_use]
    pub fn find(header: &'a str, names: CookieNames) -> Option<Self> {
        let candidates = [(names.session, Issuer::AuthJs), (names.next_auth_4, Issuer::NextAuth4)];
        let (token, issuer) =
            candidates.into_iter().find_map(|(name, issuer)| Some((join_chunks(header, name)?, issuer)))?;
        (token.len() <= MAX_TOKEN_BYTES).then_some(Self { token, issuer })
    }

    /// Returns the text of the token.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.token
    }

    /// Returns who issued the token, according to the cookie's name.
    #[must_use]
    pub const fn issuer(&self) -> Issuer {
        self.issuer
    }

    /// Returns whether the token is an encrypted session, which has no row.
    #[must_use]
    pub fn is_encrypted(&self) -> bool {
        jwe::is_compact(&self.token)
    }

    /// Returns the hash that identifies the session.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.token)
    }
}

/// Returns the names of all cookies in a `Cookie` header that hold a session or a chunk of one.
pub fn session_cookies(header: &str, names: CookieNames) -> impl Iterator<Item = &str> {
    cookies(header).map(|(name, _)| name).filter(move |name| {
        [names.session, names.next_auth_4].iter().any(|session| {
            name.strip_prefix(session).is_some_and(|rest| {
                rest.is_empty() || rest.strip_prefix('.').is_some_and(|chunk| chunk.parse::<u8>().is_ok())
            })
        })
    })
}

/// Returns the value of a cookie, joined from the chunks `name.0`, `name.1` and so on if it has any.
fn join_chunks<'a>(header: &'a str, name: &str) -> Option<Cow<'a, str>> {
    if let Some(value) = find_cookie(header, name).filter(|value| !value.is_empty()) {
        return Some(value.into());
    }
    let chunks = (0..MAX_CHUNKS).map_while(|i| find_cookie(header, &format!("{name}.{i}")));
    let joined: String = chunks.collect();
    (!joined.is_empty()).then_some(joined.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(header: &str) -> Option<(String, Issuer)> {
        SessionToken::find(header, CookieNames::new(false)).map(|token| (token.as_str().to_owned(), token.issuer()))
    }

    #[test]
    fn a_token_is_found_in_one_cookie_or_in_chunks() {
        let own = |token: &str| Some((token.to_owned(), Issuer::AuthJs));
        assert_eq!(found("a=1; authjs.session-token=x"), own("x"));
        assert_eq!(found("authjs.session-token.1=b; authjs.session-token.0=a; authjs.session-token.2=c"), own("abc"));
        // Chunks count from 0, up to the first missing one.
        assert_eq!(found("authjs.session-token.1=b"), None);
        assert_eq!(found("authjs.session-token.0=a; authjs.session-token.2=c"), own("a"));
        assert_eq!(found("next-auth.session-token=x"), Some(("x".to_owned(), Issuer::NextAuth4)));
        assert_eq!(found("__Secure-authjs.session-token=x"), None);
    }

    #[test]
    fn a_token_over_the_limit_is_ignored() {
        let of_length = |length: usize| format!("authjs.session-token={}", "x".repeat(length));
        assert!(found(&of_length(MAX_TOKEN_BYTES)).is_some());
        assert!(found(&of_length(MAX_TOKEN_BYTES + 1)).is_none());
        let chunks: Vec<_> = (0..5).map(|i| format!("authjs.session-token.{i}={}", "x".repeat(3936))).collect();
        assert!(found(&chunks.join("; ")).is_none());
    }

    #[test]
    fn all_cookies_of_a_session_are_named() {
        let header =
            "authjs.session-token.0=a; next-auth.session-token=b; authjs.session-token.x=c; authjs.csrf-token=d";
        let names: Vec<_> = session_cookies(header, CookieNames::new(false)).collect();
        assert_eq!(names, ["authjs.session-token.0", "next-auth.session-token"]);
    }
}
