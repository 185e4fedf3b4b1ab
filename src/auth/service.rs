//! Registers users, signs them in and out, and finds the session of a request.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use chrono::Utc;
use outbox_worker::Db;
use tokio::sync::OnceCell;

use super::cookie_header::find_cookie;
use super::cookie_names::CookieNames;
use super::csrf::{self, CsrfToken};
use super::encrypted_session::TokenDecryptor;
use super::login_attempts::LoginAttempts;
use super::password_hasher::PasswordHasher;
use super::session_cache::SessionCache;
use super::session_token::SessionToken;
use super::shared_secrets::SharedSecrets;
use crate::domain::{Email, MemberName, Password, Session, User};
use crate::error::Error;
use crate::rate_limit::Rate;
use crate::store::session_changes::SessionChange;
use crate::store::sessions::{self, TokenHash};
use crate::store::{encrypted_sessions, secrets, users};

/// The maximum length of an email address in characters, as in the table.
const MAX_EMAIL_LENGTH: usize = 254;

/// Registers users, signs them in and out, and finds their sessions.
#[derive(Clone)]
pub struct Auth {
    pool: Db,
    lifetime: Duration,
    passwords: PasswordHasher,
    attempts: Arc<LoginAttempts>,
    cache: Arc<SessionCache>,
    cookie_names: CookieNames,
    decryptor: TokenDecryptor,
    /// The secrets of CSRF tokens, read at the first use.
    csrf_secrets: Arc<OnceCell<Vec<String>>>,
}

/// The settings of [`Auth`].
#[derive(Debug, Clone, Copy)]
pub struct AuthSettings {
    /// How long a session lasts.
    pub lifetime: Duration,
    /// Whether browsers reach the server over https, which gives the cookies a prefix that browsers accept only there.
    pub secure: bool,
    /// The rate of failed logins per account.
    pub account_rate: Rate,
    /// The rate of failed logins and of registrations per client address.
    pub address_rate: Rate,
}

/// A session that was just created, with its token.
pub struct NewSession {
    /// The session.
    pub session: Session,
    /// The value of the session cookie. Only the client keeps it.
    pub token: String,
}

impl Auth {
    /// Creates the service. `secrets` are shared with Auth.js; they may be empty.
    #[must_use]
    pub fn new(pool: Db, settings: AuthSettings, secrets: &SharedSecrets) -> Self {
        let cookie_names = CookieNames::new(settings.secure);
        Self {
            pool,
            lifetime: settings.lifetime,
            passwords: PasswordHasher::new(),
            attempts: Arc::new(LoginAttempts::new(settings.account_rate, settings.address_rate)),
            cache: Arc::default(),
            cookie_names,
            decryptor: TokenDecryptor::new(secrets, cookie_names),
            csrf_secrets: Arc::default(),
        }
    }

    /// The names of the cookies.
    #[must_use]
    pub const fn cookie_names(&self) -> CookieNames {
        self.cookie_names
    }

    /// How long a session lasts.
    #[must_use]
    pub const fn session_lifetime(&self) -> Duration {
        self.lifetime
    }

    /// Creates a user. `address` is the client's address, if known.
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
        self.attempts.count(None, address)?;
        let hash = self.passwords.hash(password).await?;
        Ok(users::insert(&self.pool, &email, &name, &hash).await?)
    }

    /// Creates a session. `address` is the client's address, if known.
    ///
    /// # Errors
    /// BadCredentials (the same for an unknown email address and a wrong password), TooManyAttempts, outages.
    pub async fn login(&self, email: &str, password: Password, address: Option<IpAddr>) -> Result<NewSession, Error> {
        // No user can have such an address, so the rate limiter does not store it. Postgres rejects NUL in text.
        if email.chars().count() > MAX_EMAIL_LENGTH || email.contains('\0') {
            self.attempts.count(None, address)?;
            return Err(Error::BadCredentials);
        }
        let account = email.to_lowercase();
        self.attempts.count(Some(&account), address)?;
        let (user, stored) = users::find_by_email(&self.pool, email).await?.unzip();
        let matches = self.passwords.verify(password, stored).await?;
        let Some(user) = user.filter(|_| matches) else { return Err(Error::BadCredentials) };
        self.attempts.give_back(&account, address);
        self.create_session(user).await
    }

    async fn create_session(&self, user: User) -> Result<NewSession, Error> {
        let token = BASE64_URL_SAFE_NO_PAD.encode(random_bytes()?);
        let expires = sessions::insert(&self.pool, TokenHash::of(&token), user.id, self.lifetime).await?;
        Ok(NewSession { session: Session { user, expires }, token })
    }

    /// Ends the session of this token, if there is one.
    ///
    /// # Errors
    /// Outages.
    pub async fn logout(&self, token: &SessionToken<'_>) -> Result<(), Error> {
        let ended = self.end_session(token).await;
        // The other nodes find the change in the database; this node does not wait for that.
        self.cache.remove(token.hash());
        ended
    }

    async fn end_session(&self, token: &SessionToken<'_>) -> Result<(), Error> {
        if !token.is_encrypted() {
            return Ok(sessions::delete(&self.pool, token.hash()).await?);
        }
        // Only a valid token gets a row, so that nobody can fill the table with invented tokens.
        match self.decryptor.decrypt(token, Utc::now()) {
            Some(session) => Ok(encrypted_sessions::revoke(&self.pool, token.hash(), session.expires).await?),
            None => Ok(()),
        }
    }

    /// Finds the session of a `Cookie` header. Returns `None` without a cookie, and if the session is unknown or
    /// expired.
    ///
    /// # Errors
    /// Outages.
    pub async fn session_from_cookies(&self, header: Option<&str>) -> Result<Option<Session>, Error> {
        match header.and_then(|header| self.session_token(header)) {
            Some(token) => self.find_session(&token).await,
            None => Ok(None),
        }
    }

    /// Finds the session in the cache, or else in the database.
    async fn find_session(&self, token: &SessionToken<'_>) -> Result<Option<Session>, Error> {
        let hash = token.hash();
        if let Some(session) = self.cache.get(hash) {
            return Ok(Some(session));
        }
        let read_at = Instant::now();
        let found = self.read_session(token).await?;
        if let Some(session) = &found {
            self.cache.insert(hash, session.clone(), read_at);
        }
        Ok(found)
    }

    /// Reads the session from the database, bypassing the cache: for long-lived uses such as a socket.
    ///
    /// # Errors
    /// Outages.
    pub async fn read_session(&self, token: &SessionToken<'_>) -> Result<Option<Session>, Error> {
        if !token.is_encrypted() {
            return Ok(sessions::find(&self.pool, token.hash()).await?);
        }
        let Some(session) = self.decryptor.decrypt(token, Utc::now()) else { return Ok(None) };
        let (id, email) = (session.user_id, session.email.as_deref());
        let user = encrypted_sessions::find(&self.pool, token.hash(), id, email).await?;
        Ok(user.map(|user| Session { user, expires: session.expires }))
    }

    /// Removes changed sessions from the cache. `read_at` is when the read of these changes began.
    pub fn apply_session_changes(&self, changes: &[SessionChange], read_at: Instant) {
        self.cache.apply_changes(changes, read_at);
    }

    /// Finds the session token in a `Cookie` header.
    #[must_use]
    pub fn session_token<'a>(&self, header: &'a str) -> Option<SessionToken<'a>> {
        SessionToken::find(header, self.cookie_names)
    }

    /// Returns the CSRF token of this `Cookie` header, or a new one.
    ///
    /// # Errors
    /// Outages.
    pub async fn csrf_token(&self, header: Option<&str>) -> Result<CsrfToken, Error> {
        let random = random_bytes()?;
        Ok(csrf::issue(self.csrf_cookie(header), self.csrf_secrets().await?, random))
    }

    /// Returns whether the submitted CSRF token matches the cookie.
    ///
    /// # Errors
    /// Outages.
    pub async fn verify_csrf_token(&self, header: Option<&str>, submitted: &str) -> Result<bool, Error> {
        Ok(csrf::verify(self.csrf_cookie(header), submitted, self.csrf_secrets().await?))
    }

    fn csrf_cookie<'a>(&self, header: Option<&'a str>) -> Option<&'a str> {
        find_cookie(header?, self.cookie_names.csrf)
    }

    /// Returns the secrets shared with Auth.js, so that both accept each other's cookies, and the secret of all nodes.
    async fn csrf_secrets(&self) -> Result<&[String], Error> {
        let secrets = self.csrf_secrets.get_or_try_init(async || {
            let own = secrets::csrf_secret(&self.pool).await?;
            Ok::<_, Error>(self.decryptor.secrets().map(str::to_owned).chain([own]).collect())
        });
        Ok(secrets.await?)
    }
}

fn random_bytes() -> Result<[u8; 32], Error> {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).map_err(|error| Error::Internal(error.into()))?;
    Ok(bytes)
}
