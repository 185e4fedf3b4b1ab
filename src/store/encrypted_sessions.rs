//! Encrypted sessions, which have no row: their users, and the tokens that were revoked before they expired.

use chrono::{DateTime, Utc};
use sqlx::PgExecutor;
use syncscript_types::UserId;
use uuid::Uuid;

use super::error::Result;
use super::sessions::TokenHash;
use crate::domain::User;

/// Finds the token's user by id, or else by email address. Returns `None` if there is no such user or the token is
/// revoked.
///
/// # Errors
/// Only outages and defects.
pub async fn find(
    db: impl PgExecutor<'_>,
    token: TokenHash,
    id: Option<Uuid>,
    email: Option<&str>,
) -> Result<Option<User>> {
    let row = sqlx::query!(
        "SELECT id, name, email FROM users
         WHERE (id = $2 OR lower(email) = lower($3))
           AND NOT EXISTS (SELECT FROM revoked_tokens WHERE token_hash = $1)
         ORDER BY id = $2 DESC NULLS LAST LIMIT 1",
        token.bytes(),
        id,
        email,
    )
    .fetch_optional(db)
    .await?;
    Ok(row.map(|row| User { id: row.id.into(), name: row.name, email: row.email }))
}

/// Revokes a token. Revoking it again does nothing.
///
/// # Errors
/// Only outages and defects.
pub async fn revoke(db: impl PgExecutor<'_>, token: TokenHash, expires: DateTime<Utc>) -> Result<()> {
    sqlx::query!(
        "INSERT INTO revoked_tokens (token_hash, expires_at) VALUES ($1, $2) ON CONFLICT DO NOTHING",
        token.bytes(),
        expires
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Returns the given tokens that are revoked or whose user was deleted.
///
/// # Errors
/// Only outages and defects.
pub async fn find_ended(db: impl PgExecutor<'_>, tokens: &[(TokenHash, UserId)]) -> Result<Vec<TokenHash>> {
    let hashes: Vec<Vec<u8>> = tokens.iter().map(|(token, _)| token.bytes().to_vec()).collect();
    let users: Vec<Uuid> = tokens.iter().map(|(_, user)| user.get()).collect();
    let rows = sqlx::query_scalar!(
        r#"SELECT t.token_hash AS "token_hash!" FROM unnest($1::bytea[], $2::uuid[]) AS t (token_hash, user_id)
           WHERE EXISTS (SELECT FROM revoked_tokens r WHERE r.token_hash = t.token_hash)
              OR NOT EXISTS (SELECT FROM users u WHERE u.id = t.user_id)"#,
        &hashes,
        &users,
    )
    .fetch_all(db)
    .await?;
    Ok(rows.iter().filter_map(|hash| TokenHash::from_stored(hash)).collect())
}
