//! The session cookies in a `Cookie` header: ours, which Auth.js reads and writes under the same name, and the one of
//! NextAuth.js 4.

use std::borrow::Cow;

use super::jwe;
use crate::store::sessions::TokenHash;

/// Longest token, in bytes, with all its chunks. Auth.js' own server, Node.js, takes no more headers than that.
const LONGEST: usize = 16 * 1024;
/// Most chunks: as many as the longest token has, at the 3936 bytes of Auth.js, and some to spare.
const MOST_CHUNKS: usize = 8;

/// Who made the token, and so which keys open it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Maker {
    /// Ourselves, or Auth.js (version 5).
    AuthJs,
    /// NextAuth.js 4.
    NextAuth4,
}

/// The names of the cookies. On https they have the prefix that browsers accept there alone.
#[derive(Debug, Clone, Copy)]
pub struct Names {
    /// The session's cookie.
    pub session: &'static str,
    /// The one of NextAuth.js 4.
    pub next_auth_4: &'static str,
    /// The double-submit token's.
    pub csrf: &'static str,
}

impl Names {
    /// Those for http or https.
    #[must_use]
    pub const fn new(secure: bool) -> Self {
        if secure {
            Self {
                session: "__Secure-authjs.session-token",
                next_auth_4: "__Secure-next-auth.session-token",
                csrf: "__Host-authjs.csrf-token",
            }
        } else {
            Self { session: "authjs.session-token", next_auth_4: "next-auth.session-token", csrf: "authjs.csrf-token" }
        }
    }
}

/// A session's token as the client sent it; nobody has looked yet whether it is one.
#[derive(Debug, Clone)]
pub struct Presented<'a> {
    token: Cow<'a, str>,
    maker: Maker,
}

impl<'a> Presented<'a> {
    /// The token in a `Cookie` header. One that is too long is none.
    #[must_use]
    pub fn find(cookies: &'a str, names: Names) -> Option<Self> {
        let candidates = [(names.session, Maker::AuthJs), (names.next_auth_4, Maker::NextAuth4)];
        let (token, maker) = candidates.into_iter().find_map(|(name, maker)| Some((whole(cookies, name)?, maker)))?;
        (token.len() <= LONGEST).then_some(Self { token, maker })
    }

    /// The token itself.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Who made it.
    #[must_use]
    pub const fn maker(&self) -> Maker {
        self.maker
    }

    /// Whether the token is encrypted and has no row.
    #[must_use]
    pub fn is_sealed(&self) -> bool {
        jwe::is_compact(&self.token)
    }

    /// What the session is known by.
    #[must_use]
    pub fn hash(&self) -> TokenHash {
        TokenHash::of(&self.token)
    }
}

/// The first cookie of this name.
#[must_use]
pub fn value<'a>(cookies: &'a str, name: &str) -> Option<&'a str> {
    pairs(cookies).find_map(|(found, value)| (found == name).then_some(value))
}

/// The names of all cookies that hold a part of a session.
pub fn session_parts(cookies: &str, names: Names) -> impl Iterator<Item = &str> {
    pairs(cookies).map(|(name, _)| name).filter(move |name| {
        [names.session, names.next_auth_4].iter().any(|own| {
            name.strip_prefix(own).is_some_and(|rest| {
                rest.is_empty() || rest.strip_prefix('.').is_some_and(|chunk| chunk.parse::<u8>().is_ok())
            })
        })
    })
}

/// The value of a cookie, put together where it came in chunks: `name.0`, `name.1` and so on.
fn whole<'a>(cookies: &'a str, name: &str) -> Option<Cow<'a, str>> {
    if let Some(value) = value(cookies, name).filter(|value| !value.is_empty()) {
        return Some(value.into());
    }
    let chunks = (0..MOST_CHUNKS).map_while(|i| value(cookies, &format!("{name}.{i}")));
    let joined: String = chunks.collect();
    (!joined.is_empty()).then_some(joined.into())
}

fn pairs(cookies: &str) -> impl Iterator<Item = (&str, &str)> {
    cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(cookies: &str) -> Option<(String, Maker)> {
        Presented::find(cookies, Names::new(false)).map(|found| (found.token().to_owned(), found.maker()))
    }

    #[test]
    fn a_token_is_found_whole_or_in_chunks() {
        let ours = |token: &str| Some((token.to_owned(), Maker::AuthJs));
        assert_eq!(found("a=1; authjs.session-token=x"), ours("x"));
        assert_eq!(found("authjs.session-token.1=b; authjs.session-token.0=a; authjs.session-token.2=c"), ours("abc"));
        // Without the first there is no beginning, and after a hole no end.
        assert_eq!(found("authjs.session-token.1=b"), None);
        assert_eq!(found("authjs.session-token.0=a; authjs.session-token.2=c"), ours("a"));
        assert_eq!(found("next-auth.session-token=x"), Some(("x".to_owned(), Maker::NextAuth4)));
        assert_eq!(found("__Secure-authjs.session-token=x"), None);
    }

    #[test]
    fn a_token_over_the_limit_is_none() {
        let of_length = |length: usize| format!("authjs.session-token={}", "x".repeat(length));
        assert!(found(&of_length(LONGEST)).is_some());
        assert!(found(&of_length(LONGEST + 1)).is_none());
        let chunks: Vec<_> = (0..5).map(|i| format!("authjs.session-token.{i}={}", "x".repeat(3936))).collect();
        assert!(found(&chunks.join("; ")).is_none());
    }

    #[test]
    fn all_parts_of_a_session_are_named() {
        let cookies =
            "authjs.session-token.0=a; next-auth.session-token=b; authjs.session-token.x=c; authjs.csrf-token=d";
        let names: Vec<_> = session_parts(cookies, Names::new(false)).collect();
        assert_eq!(names, ["authjs.session-token.0", "next-auth.session-token"]);
    }
}
