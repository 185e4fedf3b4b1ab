//! Decrypts the tokens of Auth.js, and checks their claims: the user and the validity period.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::cookie_names::CookieNames;
use super::jwe::{Claims, Keys};
use super::session_token::{Issuer, SessionToken};
use super::shared_secrets::SharedSecrets;
use crate::domain::Email;

/// The tolerated difference between the clocks of two machines, as in Auth.js.
const CLOCK_TOLERANCE: TimeDelta = TimeDelta::seconds(15);

/// Decrypts tokens with the keys of all shared secrets.
#[derive(Clone)]
pub struct TokenDecryptor {
    secrets: SharedSecrets,
    auth_js: Vec<Keys>,
    next_auth_4: Vec<Keys>,
}

/// The content of a valid token.
#[derive(Debug)]
pub struct EncryptedSession {
    /// The user's id, if the claim can be an id of this server.
    pub user_id: Option<Uuid>,
    /// The user's email address, unless the issuer marked it as unverified.
    pub email: Option<String>,
    /// When the session ends, on live sockets too: the token's expiry plus the clock tolerance.
    pub expires: DateTime<Utc>,
}

impl TokenDecryptor {
    /// Derives the keys.
    #[must_use]
    pub fn new(secrets: &SharedSecrets, names: CookieNames) -> Self {
        Self {
            secrets: secrets.clone(),
            auth_js: secrets.iter().map(|secret| Keys::auth_js(secret, names.session)).collect(),
            next_auth_4: secrets.iter().map(Keys::next_auth_4).collect(),
        }
    }

    /// The shared secrets, newest first.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter()
    }

    /// Decrypts a token. Returns `None` unless one of the secrets encrypted it for the cookie that it came in, and it
    /// is valid at `now`.
    #[must_use]
    pub fn decrypt(&self, token: &SessionToken<'_>, now: DateTime<Utc>) -> Option<EncryptedSession> {
        let keys = match token.issuer() {
            Issuer::AuthJs => &self.auth_js,
            Issuer::NextAuth4 => &self.next_auth_4,
        };
        check_claims(keys.iter().find_map(|keys| keys.decrypt(token.as_str()))?, now)
    }
}

fn check_claims(claims: Claims, now: DateTime<Utc>) -> Option<EncryptedSession> {
    let expires = timestamp(claims.exp)?.checked_add_signed(CLOCK_TOLERANCE)?;
    let too_early = claims.nbf.map_or(Some(now), timestamp)? > now + CLOCK_TOLERANCE;
    if expires <= now || too_early {
        return None;
    }
    let user_id = claims.sub.and_then(|sub| Uuid::parse_str(&sub).ok());
    let email =
        claims.email.filter(|_| claims.email_verified != Some(false)).and_then(|email| Email::parse(email).ok());
    Some(EncryptedSession { user_id, email: email.map(|email| email.as_str().to_owned()), expires })
}

/// Converts a JWT's seconds since 1970. Returns `None` if they are out of range.
fn timestamp(seconds: f64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis((seconds * 1000.0) as i64).filter(|_| seconds.abs() < 1e12)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: f64) -> Claims {
        Claims { sub: None, email: Some("ann@example.com".to_owned()), email_verified: None, exp, nbf: None }
    }

    #[test]
    fn times_are_checked_with_the_clock_tolerance() {
        let now = timestamp(1_000_000.0).expect("a time");
        let time_left = |exp| check_claims(claims(exp), now).map(|session| session.expires - now);
        assert_eq!(time_left(1_000_010.0), Some(TimeDelta::seconds(25)));
        assert_eq!(time_left(999_986.0), Some(TimeDelta::seconds(1)));
        for expired in [999_985.0, 0.0, -1.0, 1e300, -1e300, f64::MAX] {
            assert_eq!(time_left(expired), None, "{expired}");
        }
        let valid_from = |nbf| check_claims(Claims { nbf: Some(nbf), ..claims(1_000_100.0) }, now).is_some();
        assert!(valid_from(1_000_015.0) && !valid_from(1_000_016.0) && !valid_from(1e300));
    }

    #[test]
    fn an_unverified_address_and_a_foreign_id_identify_nobody() {
        let now = timestamp(1_000_000.0).expect("a time");
        let checked = |claims: Claims| check_claims(claims, now).expect("not expired");
        assert_eq!(checked(claims(1e6)).email.as_deref(), Some("ann@example.com"));
        assert_eq!(checked(Claims { email_verified: Some(false), ..claims(1e6) }).email, None);
        assert_eq!(checked(Claims { email: Some("a\0@example.com".to_owned()), ..claims(1e6) }).email, None);
        assert_eq!(checked(Claims { sub: Some("clx3k2p9".to_owned()), ..claims(1e6) }).user_id, None);
    }
}
