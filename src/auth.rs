//! Who is who: passwords, sessions, and the cookie that carries them.
//!
//! Passwords are argon2id. Hashing takes tens of milliseconds of a core, so it runs off the HTTP threads and few at a
//! time. A login with an unknown address hashes all the same: its time does not tell which addresses exist.

use std::sync::{Arc, LazyLock};
use std::time::Duration;

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sqlx::PgPool;
use tokio::sync::Semaphore;

use crate::domain::{Email, MemberName, Password, Session, User, UserId};
use crate::error::Error;
use crate::store::sessions::{self, TokenHash};
use crate::store::users;

/// Registers users, signs them in and out, and knows them again.
#[derive(Clone)]
pub struct Auth {
    pool: PgPool,
    lifetime: Duration,
    hashing: Arc<Semaphore>,
    cookie: &'static str,
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
    /// Sessions last `lifetime`; `secure` gives the cookie the prefix that browsers accept over https alone.
    #[must_use]
    pub fn new(pool: PgPool, lifetime: Duration, secure: bool) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let cookie = if secure { "__Secure-authjs.session-token" } else { "authjs.session-token" };
        Self { pool, lifetime, hashing: Arc::new(Semaphore::new(cores)), cookie }
    }

    /// The name of the session cookie.
    #[must_use]
    pub const fn cookie_name(&self) -> &'static str {
        self.cookie
    }

    /// How long a session lasts.
    #[must_use]
    pub const fn lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Adds a user.
    ///
    /// # Errors
    /// EmailTaken, outages.
    pub async fn register(&self, email: Email, name: MemberName, password: Password) -> Result<User, Error> {
        let hash = self.off_thread(move || hash(password.as_bytes())).await?;
        Ok(users::insert(&self.pool, &email, &name, &hash?).await?)
    }

    /// Begins a session.
    ///
    /// # Errors
    /// BadCredentials for an unknown address and a wrong password alike; outages.
    pub async fn login(&self, email: &str, password: Password) -> Result<SignedIn, Error> {
        let (user, stored) = match users::find_by_email(&self.pool, email).await? {
            Some((user, stored)) => (Some(user), stored),
            None => (None, DUMMY_HASH.clone()),
        };
        let matches = self.off_thread(move || verify(password.as_bytes(), &stored)).await?;
        let Some(user) = user.filter(|_| matches) else { return Err(Error::BadCredentials) };
        self.begin(user).await
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
    pub async fn logout(&self, token: &str) -> Result<(), Error> {
        Ok(sessions::delete(&self.pool, TokenHash::of(token)).await?)
    }

    /// The session that this `Cookie` header opens.
    ///
    /// # Errors
    /// Outages. No cookie, an unknown one and one that is over give none.
    pub async fn session(&self, cookies: Option<&str>) -> Result<Option<Session>, Error> {
        match cookies.and_then(|cookies| self.token(cookies)) {
            Some(token) => Ok(sessions::find(&self.pool, TokenHash::of(token)).await?),
            None => Ok(None),
        }
    }

    /// The session's token in a `Cookie` header.
    #[must_use]
    pub fn token<'a>(&self, cookies: &'a str) -> Option<&'a str> {
        cookies
            .split(';')
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find_map(|(name, value)| (name == self.cookie).then_some(value))
    }

    async fn off_thread<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let _permit = self.hashing.acquire().await.map_err(|error| Error::Internal(error.into()))?;
        tokio::task::spawn_blocking(work).await.map_err(|error| Error::Internal(error.into()))
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
