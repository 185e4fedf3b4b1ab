//! Who is who: passwords, sessions, and the cookie that carries them.
//!
//! Passwords are argon2id. Hashing takes tens of milliseconds of a core, so it runs off the HTTP threads and few at a
//! time. A login with an unknown address hashes all the same: its time does not tell which addresses exist.
//!
//! A session is a row, known by the hash of its token, or a token that Auth.js encrypted under a secret that we share,
//! which stands for itself until it ends or is revoked.

mod cookie;
pub mod csrf;
mod jwe;
mod known;
mod sealed;
mod secrets;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Utc;
use outbox_worker::Db;
use tokio::sync::{OnceCell, Semaphore};

use crate::domain::{Email, MemberName, Password, Session, User};
use crate::error::Error;
use crate::limit::{Rate, Throttle};
use crate::store::session_changes::SessionChange;
use crate::store::sessions::{self, TokenHash};
use crate::store::{encrypted_sessions, secrets as stored_secrets, users};

pub use cookie::{Names, Presented, session_parts, value as cookie_value};
use known::Known;
use sealed::Opener;
pub use secrets::Secrets;
use syncscript_types::UserId;

/// Longest address that a user can have; see the table.
const LONGEST_EMAIL: usize = 254;

/// Registers users, signs them in and out, and knows them again.
#[derive(Clone)]
pub struct Auth {
    pool: Db,
    lifetime: Duration,
    hashing: Arc<Semaphore>,
    known: Arc<Known>,
    names: Names,
    opener: Opener,
    csrf: Arc<OnceCell<Vec<String>>>,
    accounts: Arc<Throttle<String>>,
    addresses: Arc<Throttle<IpAddr>>,
}

/// What may be set.
#[derive(Debug, Clone, Copy)]
pub struct AuthSettings {
    /// How long a session lasts.
    pub lifetime: Duration,
    /// Whether browsers reach the server by https: gives the cookie the prefix that they accept there alone.
    pub secure: bool,
    /// Failed logins to one account.
    pub account_rate: Rate,
    /// Failed logins, and registrations, from one address.
    pub address_rate: Rate,
}

/// A session that has just begun, with the token that only its user knows.
pub struct SignedIn {
    /// The session.
    pub session: Session,
    /// For the cookie.
    pub token: String,
}

/// Verified where no user has the address.
static DUMMY_HASH: LazyLock<String> = LazyLock::new(|| hash(b"no user has this password").unwrap_or_default());

impl Auth {
    /// Sets up. `secrets` are those shared with Auth.js, if any.
    #[must_use]
    pub fn new(pool: Db, settings: AuthSettings, secrets: &Secrets) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let names = Names::new(settings.secure);
        // Before the first login needs it, whose time would tell.
        std::thread::spawn(|| LazyLock::force(&DUMMY_HASH));
        Self {
            pool,
            lifetime: settings.lifetime,
            hashing: Arc::new(Semaphore::new(cores)),
            known: Arc::default(),
            names,
            opener: Opener::new(secrets, names),
            csrf: Arc::default(),
            accounts: Arc::new(Throttle::new(settings.account_rate)),
            addresses: Arc::new(Throttle::new(settings.address_rate)),
        }
    }

    /// The names of the cookies.
    #[must_use]
    pub const fn names(&self) -> Names {
        self.names
    }

    /// How long a session lasts.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Adds a user. `address` is the client's, where it is known.
    ///
    /// # Errors
    /// EmailTaken, TooManyAttempts, outages.
    pub async fn register(
        &self,
        email: Email,
        name: MemberName,
        password: Password,
        address: Option<IpAddr>,
    ) -> Result<User, Error> {
        self.attempt(None, address)?;
        let hash = self.off_thread(move || hash(password.as_bytes())).await?;
        Ok(users::insert(&self.pool, &email, &name, &hash?).await?)
    }

    /// Begins a session. `address` is the client's, where it is known.
    ///
    /// # Errors
    /// BadCredentials for an unknown address and a wrong password alike; TooManyAttempts; outages.
    pub async fn login(&self, email: &str, password: Password, address: Option<IpAddr>) -> Result<SignedIn, Error> {
        // No user has such an address, and nothing is kept of it. The database refuses NUL as text.
        if email.chars().count() > LONGEST_EMAIL || email.contains('\0') {
            self.attempt(None, address)?;
            return Err(Error::BadCredentials);
        }
        let account = email.to_lowercase();
        self.attempt(Some(&account), address)?;
        let (user, stored) = match users::find_by_email(&self.pool, email).await? {
            Some((user, stored)) => (Some(user), stored),
            None => (None, DUMMY_HASH.clone()),
        };
        let matches = self.off_thread(move || verify(password.as_bytes(), &stored)).await?;
        let Some(user) = user.filter(|_| matches) else { return Err(Error::BadCredentials) };
        self.accounts.give_back(&account);
        if let Some(address) = address {
            self.addresses.give_back(&network(address));
        }
        self.begin(user).await
    }

    /// Counts an attempt before it is made; a login that succeeds is given back.
    fn attempt(&self, account: Option<&str>, address: Option<IpAddr>) -> Result<(), Error> {
        let now = Instant::now();
        let by_address = address.map_or(Ok(()), |address| self.addresses.take(network(address), now));
        let by_account = account.map_or(Ok(()), |account| self.accounts.take(account.to_owned(), now));
        by_address.and(by_account).map_err(|wait| Error::TooManyAttempts { retry_after_s: wait.as_secs() + 1 })
    }

    /// Begins a session of this user.
    ///
    /// # Errors
    /// Outages.
    pub async fn begin(&self, user: User) -> Result<SignedIn, Error> {
        let mut secret = [0; 32];
        getrandom::fill(&mut secret).map_err(|error| Error::Internal(error.into()))?;
        let token = BASE64_URL_SAFE_NO_PAD.encode(secret);
        let expires = sessions::insert(&self.pool, TokenHash::of(&token), user.id, self.lifetime).await?;
        Ok(SignedIn { session: Session { user, expires }, token })
    }

    /// Ends the session of this token, if there is one.
    ///
    /// # Errors
    /// Outages.
    pub async fn logout(&self, presented: &Presented<'_>) -> Result<(), Error> {
        let ended = self.end(presented).await;
        // Other nodes learn of it; this one need not wait.
        self.known.forget(presented.hash());
        ended
    }

    async fn end(&self, presented: &Presented<'_>) -> Result<(), Error> {
        if !presented.is_sealed() {
            return Ok(sessions::delete(&self.pool, presented.hash()).await?);
        }
        // Only what is good for something is worth a row: nobody fills the table with inventions.
        match self.opener.open(presented, Utc::now()) {
            Some(sealed) => Ok(encrypted_sessions::revoke(&self.pool, presented.hash(), sealed.expires).await?),
            None => Ok(()),
        }
    }

    /// The session that this `Cookie` header opens.
    ///
    /// # Errors
    /// Outages. No cookie, an unknown one and one that is over give none.
    pub async fn session(&self, cookies: Option<&str>) -> Result<Option<Session>, Error> {
        match cookies.and_then(|cookies| self.presented(cookies)) {
            Some(presented) => self.find(&presented).await,
            None => Ok(None),
        }
    }

    /// The session of this token, unless it is unknown or over.
    ///
    /// # Errors
    /// Outages.
    pub async fn find(&self, presented: &Presented<'_>) -> Result<Option<Session>, Error> {
        let token = presented.hash();
        if let Some(session) = self.known.get(token) {
            return Ok(Some(session));
        }
        let begun = Instant::now();
        let found = self.look_up(presented).await?;
        if let Some(session) = &found {
            self.known.put(token, session.clone(), begun);
        }
        Ok(found)
    }

    /// The session of this token as the database has it now: for what lasts, such as a socket.
    ///
    /// # Errors
    /// Outages.
    pub async fn look_up(&self, presented: &Presented<'_>) -> Result<Option<Session>, Error> {
        if !presented.is_sealed() {
            return Ok(sessions::find(&self.pool, presented.hash()).await?);
        }
        let Some(sealed) = self.opener.open(presented, Utc::now()) else { return Ok(None) };
        let user = encrypted_sessions::find(&self.pool, presented.hash(), sealed.id, sealed.email.as_deref()).await?;
        Ok(user.map(|user| Session { user, expires: sealed.expires }))
    }

    /// These changes of sessions were found by a look that began at `asked`.
    pub fn learn(&self, changes: &[SessionChange], asked: Instant) {
        self.known.learn(changes, asked);
    }

    /// The session's token in a `Cookie` header.
    #[must_use]
    pub fn presented<'a>(&self, cookies: &'a str) -> Option<Presented<'a>> {
        Presented::find(cookies, self.names)
    }

    /// The double-submit token of this `Cookie` header, or a new one.
    ///
    /// # Errors
    /// Outages.
    pub async fn csrf(&self, cookies: Option<&str>) -> Result<csrf::Csrf, Error> {
        let mut random = [0; 32];
        getrandom::fill(&mut random).map_err(|error| Error::Internal(error.into()))?;
        Ok(csrf::issue(self.csrf_cookie(cookies), self.csrf_secrets().await?, random))
    }

    /// Whether the token in the body is the one of the cookie.
    ///
    /// # Errors
    /// Outages.
    pub async fn csrf_verified(&self, cookies: Option<&str>, submitted: &str) -> Result<bool, Error> {
        Ok(csrf::verify(self.csrf_cookie(cookies), submitted, self.csrf_secrets().await?))
    }

    fn csrf_cookie<'a>(&self, cookies: Option<&'a str>) -> Option<&'a str> {
        cookie::value(cookies?, self.names.csrf)
    }

    /// Those shared with Auth.js, so that either side takes the other's cookie, and the one of our nodes.
    async fn csrf_secrets(&self) -> Result<&[String], Error> {
        let secrets = self.csrf.get_or_try_init(async || {
            let own = stored_secrets::csrf_secret(&self.pool).await?;
            Ok::<_, Error>(self.opener.secrets().map(str::to_owned).chain([own]).collect())
        });
        Ok(secrets.await?)
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let _permit = self.hashing.acquire().await.map_err(|error| Error::Internal(error.into()))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))
    }
}

/// What counts as one address: of IPv6 the network of 64 bits, since whoever has one has them all.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        address => address,
    }
}

fn hash(password: &[u8]) -> Result<String, Error> {
    let hash: Result<PasswordHash, _> = Argon2::default().hash_password(password);
    hash.map(|hash| hash.to_string()).map_err(|error| Error::Internal(error.to_string().into()))
}

fn verify(password: &[u8], stored: &str) -> bool {
    PasswordHash::new(stored).is_ok_and(|hash| Argon2::default().verify_password(password, &hash).is_ok())
}

/// Whose session it is, where only the id matters.
impl From<&Session> for UserId {
    fn from(session: &Session) -> Self {
        session.user.id
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_addresses_of_one_ipv6_network_count_as_one() {
        let of = |text: &str| network(text.parse().expect("an address"));
        assert_eq!(of("2001:db8:1:2:3::4"), of("2001:db8:1:2:ffff::1"));
        assert_ne!(of("2001:db8:1:2::4"), of("2001:db8:1:3::4"));
        assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
        assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
        assert_ne!(of("::ffff:192.0.2.1"), of("::ffff:192.0.2.2"));
    }
}
