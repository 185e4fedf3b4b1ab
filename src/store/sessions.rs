//! Sessions. The table holds only the SHA-256 of each token, so a stolen copy of it opens no session.

use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};
use sqlx::PgExecutor;
use syncscript_types::UserId;

use super::error::Result;
use crate::domain::{Session, User};

/// The SHA-256 of a session's token, which identifies the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct TokenHash([u8; 32]);

impl TokenHash {
    /// Hashes the token of a cookie.
    #[must_use]
    pub fn of(token: &str) -> Self {
        Self(Sha256::digest(token.as_bytes()).into())
    }

    /// Converts from the stored bytes. Returns `None` if their length is wrong.
    pub(super) fn from_stored(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    pub(super) const fn bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

/// Creates a session that ends after `lifetime`, and deletes the user's expired sessions. Returns the end.
///
/// # Errors
/// Only outages and defects.
pub async fn insert(
    db: impl PgExecutor<'_>,
    token: TokenHash,
    user: UserId,
    lifetime: Duration,
) -> Result<DateTime<Utc>> {
    Ok(sqlx::query_scalar!(
        "WITH gone AS (DELETE FROM sessions WHERE user_id = $2 AND expires_at <= now())
         INSERT INTO sessions (token_hash, user_id, expires_at)
         VALUES ($1, $2, date_trunc('milliseconds', now()) + $3 * interval '1 second') RETURNING expires_at",
        &token.0,
        user.get(),
        lifetime.as_secs_f64(),
    )
    .fetch_one(db)
    .await?)
}

/// Finds a session. Returns `None` if it does not exist or has expired.
///
/// # Errors
/// Only outages and defects.
pub async fn find(db: impl PgExecutor<'_>, token: TokenHash) -> Result<Option<Session>> {
    let row = sqlx::query!(
        "SELECT u.id, u.name, u.email, s.expires_at FROM sessions s JOIN users u ON u.id = s.user_id
         WHERE s.token_hash = $1 AND s.expires_at > now()",
        &token.0,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| Session {
        user: User { id: row.id.into(), name: row.name, email: row.email },
        expires: row.expires_at,
    }))
}

/// Deletes the session, if it exists.
///
/// # Errors
/// Only outages and defects.
pub async fn delete(db: impl PgExecutor<'_>, token: TokenHash) -> Result<()> {
    sqlx::query!("DELETE FROM sessions WHERE token_hash = $1", &token.0).execute(db).await?;
    Ok(())
}
