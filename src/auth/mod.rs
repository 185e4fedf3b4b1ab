//! Authentication: passwords, sessions, and the cookies that carry them.
//!
//! A session is either a row, identified by the hash of its token, or an encrypted session: a token that Auth.js
//! encrypted with a shared secret. An encrypted session needs no row; it is valid until it expires or is revoked.

mod cookie_header;
mod cookie_names;
pub mod csrf;
mod encrypted_session;
mod jwe;
mod login_attempts;
mod password_hasher;
mod service;
mod session_cache;
mod session_token;
mod shared_secrets;

pub use cookie_names::CookieNames;
pub use service::{Auth, AuthSettings, NewSession};
pub use session_token::{SessionToken, session_cookies};
pub use shared_secrets::SharedSecrets;
