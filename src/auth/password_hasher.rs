//! Password hashing with argon2id, limited to one hash per core at a time.
//!
//! A hash takes tens of milliseconds of one core, so it runs on a blocking thread and not on the HTTP threads. A login
//! with an unknown address verifies a dummy hash: its duration does not reveal which addresses exist.

use std::sync::{Arc, LazyLock};

use argon2::Argon2;
use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher as _, PasswordVerifier as _};
use tokio::sync::Semaphore;

use crate::domain::Password;
use crate::error::Error;

/// Verified if no user has the address.
static DUMMY_HASH: LazyLock<String> = LazyLock::new(|| hash(b"no user has this password").unwrap_or_default());

/// Hashes and verifies passwords.
#[derive(Clone)]
pub struct PasswordHasher {
    /// One permit per core.
    permits: Arc<Semaphore>,
}

impl PasswordHasher {
    /// Allows one concurrent hash per core.
    pub fn new() -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Computed before the first login, whose duration would otherwise show that its address is unknown.
        std::thread::spawn(|| LazyLock::force(&DUMMY_HASH));
        Self { permits: Arc::new(Semaphore::new(cores)) }
    }

    /// Returns the password's hash as a PHC string.
    ///
    /// # Errors
    /// Only defects.
    pub async fn hash(&self, password: Password) -> Result<String, Error> {
        self.run_blocking(move || hash(password.as_bytes())).await?
    }

    /// Returns whether the password matches the stored hash. Without a hash, takes equally long and returns false.
    ///
    /// # Errors
    /// Only defects.
    pub async fn verify(&self, password: Password, stored: Option<String>) -> Result<bool, Error> {
        let exists = stored.is_some();
        let stored = stored.unwrap_or_else(|| DUMMY_HASH.clone());
        Ok(self.run_blocking(move || verify(password.as_bytes(), &stored)).await? && exists)
    }

    async fn run_blocking<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, Error> {
        let _permit = self.permits.acquire().await.map_err(|error| Error::Internal(error.into()))?;
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
