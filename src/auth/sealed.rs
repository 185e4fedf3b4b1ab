//! Whose session an encrypted token is, and until when, as far as the token itself says.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::cookie::{Maker, Names, Presented};
use super::jwe::{Claims, Keys};
use super::secrets::{Keyring, Secrets};
use crate::domain::Email;

/// By how much the clocks of two machines may differ. Auth.js allows the same.
const TOLERANCE: TimeDelta = TimeDelta::seconds(15);

/// Opens tokens, with the keys of all secrets.
#[derive(Clone)]
pub struct Opener {
    secrets: Secrets,
    auth_js: Keyring,
    next_auth_4: Keyring,
}

/// What a good token says.
#[derive(Debug)]
pub struct Sealed {
    /// The user's id, where it can be one of ours.
    pub id: Option<Uuid>,
    /// The user's address, where its issuer does not doubt it.
    pub email: Option<String>,
    /// When it ends for us, on live sockets too: its own end, and the tolerance.
    pub expires: DateTime<Utc>,
}

impl Opener {
    /// Derives the keys.
    #[must_use]
    pub fn new(secrets: &Secrets, names: Names) -> Self {
        Self {
            secrets: secrets.clone(),
            auth_js: secrets.keys(|secret| Keys::auth_js(secret, names.session)),
            next_auth_4: secrets.keys(Keys::next_auth_4),
        }
    }

    /// The secrets that the keys are from.
    pub fn secrets(&self) -> impl Iterator<Item = &str> {
        self.secrets.iter()
    }

    /// What the token says, if it was made with one of the secrets for the cookie that it came in, and its time is now.
    #[must_use]
    pub fn open(&self, presented: &Presented<'_>, now: DateTime<Utc>) -> Option<Sealed> {
        let keyring = match presented.maker() {
            Maker::AuthJs => &self.auth_js,
            Maker::NextAuth4 => &self.next_auth_4,
        };
        judge(keyring.open(presented.token())?, now)
    }
}

fn judge(claims: Claims, now: DateTime<Utc>) -> Option<Sealed> {
    let expires = moment(claims.exp)?.checked_add_signed(TOLERANCE)?;
    let early = claims.nbf.map_or(Some(now), moment)? > now + TOLERANCE;
    if expires <= now || early {
        return None;
    }
    let id = claims.sub.and_then(|sub| Uuid::parse_str(&sub).ok());
    let email =
        claims.email.filter(|_| claims.email_verified != Some(false)).and_then(|email| Email::parse(email).ok());
    Some(Sealed { id, email: email.map(|email| email.as_str().to_owned()), expires })
}

/// A time in seconds since 1970, as JWTs have them; none if there is no such year.
fn moment(seconds: f64) -> Option<DateTime<Utc>> {
    DateTime::from_timestamp_millis((seconds * 1000.0) as i64).filter(|_| seconds.abs() < 1e12)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(exp: f64) -> Claims {
        Claims { sub: None, email: Some("ann@example.com".to_owned()), email_verified: None, exp, nbf: None }
    }

    #[test]
    fn the_time_is_kept_to_the_tolerance() {
        let now = moment(1_000_000.0).expect("a time");
        let ends = |exp| judge(claims(exp), now).map(|sealed| sealed.expires - now);
        assert_eq!(ends(1_000_010.0), Some(TimeDelta::seconds(25)));
        assert_eq!(ends(999_986.0), Some(TimeDelta::seconds(1)));
        for over in [999_985.0, 0.0, -1.0, 1e300, -1e300, f64::MAX] {
            assert_eq!(ends(over), None, "{over}");
        }
        let from = |nbf| judge(Claims { nbf: Some(nbf), ..claims(1_000_100.0) }, now).is_some();
        assert!(from(1_000_015.0) && !from(1_000_016.0) && !from(1e300));
    }

    #[test]
    fn a_doubted_address_and_an_id_of_another_kind_name_nobody() {
        let now = moment(1_000_000.0).expect("a time");
        let judged = |change: Claims| judge(change, now).expect("in time");
        assert_eq!(judged(claims(1e6)).email.as_deref(), Some("ann@example.com"));
        assert_eq!(judged(Claims { email_verified: Some(false), ..claims(1e6) }).email, None);
        assert_eq!(judged(Claims { email: Some("a\0@example.com".to_owned()), ..claims(1e6) }).email, None);
        assert_eq!(judged(Claims { sub: Some("clx3k2p9".to_owned()), ..claims(1e6) }).id, None);
    }
}
