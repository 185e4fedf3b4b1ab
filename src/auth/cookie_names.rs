//! The names of the cookies. Auth.js reads and writes the session cookie under the same name.

/// The names of the cookies. Over https they have a prefix (`__Secure-`, `__Host-`) that browsers accept only there.
#[derive(Debug, Clone, Copy)]
pub struct CookieNames {
    /// The session cookie of this server and of Auth.js (version 5).
    pub session: &'static str,
    /// The session cookie of NextAuth.js 4.
    pub next_auth_4: &'static str,
    /// The cookie of the CSRF (double-submit) token.
    pub csrf: &'static str,
}

impl CookieNames {
    /// Returns the names for https (`secure`) or http.
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
