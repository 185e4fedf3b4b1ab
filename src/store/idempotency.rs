//! Stored responses of mutations that carry an idempotency key (I9).

use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use syncscript_types::UserId;

use super::error::Result;
use crate::domain::IdempotencyKey;

/// The state of a key.
#[derive(Debug)]
pub enum KeyState {
    /// Unused. The transaction now holds the key.
    New,
    /// Another transaction holds the key.
    InFlight,
    /// Used by the request with this hash, which got this response.
    Used([u8; 32], Value),
}

/// Claims the key for this transaction, if it is free. Ignores responses older than `ttl_s` seconds.
///
/// # Errors
/// Only outages and defects.
pub async fn claim(db: &mut PgConnection, user: UserId, key: &IdempotencyKey, ttl_s: f64) -> Result<KeyState> {
    let taken = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2, 0)) AS "taken!""#,
        user.to_string(),
        key.as_str(),
    )
    .fetch_one(&mut *db)
    .await?;
    if !taken {
        return Ok(KeyState::InFlight);
    }
    let row = sqlx::query!(
        "SELECT request_hash, response FROM idempotency_keys
         WHERE user_id = $1 AND key = $2 AND created_at > now() - $3 * interval '1 second'",
        user.get(),
        key.as_str(),
        ttl_s,
    )
    .fetch_optional(db)
    .await?;
    // A hash of another length comes from another version, and must not match any request.
    Ok(row.map_or(KeyState::New, |row| KeyState::Used(row.request_hash.try_into().unwrap_or_default(), row.response)))
}

/// Stores the response, in the transaction of the mutation.
///
/// # Errors
/// Only outages and defects.
pub async fn store_response(
    db: impl PgExecutor<'_>,
    user: UserId,
    key: &IdempotencyKey,
    request_hash: &[u8; 32],
    response: &Value,
) -> Result<()> {
    sqlx::query!(
        "INSERT INTO idempotency_keys (user_id, key, request_hash, response) VALUES ($1, $2, $3, $4)
         ON CONFLICT (user_id, key) DO UPDATE SET request_hash = $3, response = $4, created_at = now()",
        user.get(),
        key.as_str(),
        request_hash,
        response,
    )
    .execute(db)
    .await?;
    Ok(())
}

/// Deletes responses older than `ttl_s` seconds.
///
/// # Errors
/// Only outages and defects.
pub async fn delete_expired(db: impl PgExecutor<'_>, ttl_s: f64) -> Result<()> {
    sqlx::query!("DELETE FROM idempotency_keys WHERE created_at <= now() - $1 * interval '1 second'", ttl_s)
        .execute(db)
        .await?;
    Ok(())
}
