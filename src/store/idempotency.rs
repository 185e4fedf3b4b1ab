//! Answers to mutations that may be repeated.

use serde_json::Value;
use sqlx::{PgConnection, PgExecutor};
use syncscript_types::UserId;

use super::Result;
use crate::domain::IdempotencyKey;

/// What is known of a key.
#[derive(Debug)]
pub enum Known {
    /// Nothing: the transaction holds the key now.
    New,
    /// Another transaction holds it.
    InFlight,
    /// It was used, for the request with this hash, and this was answered.
    Answered([u8; 32], Value),
}

/// Takes the key for this transaction, or says why not. Answers older than `ttl_s` seconds are forgotten.
///
/// # Errors
/// Only outages and defects.
pub async fn take(db: &mut PgConnection, user: UserId, key: &IdempotencyKey, ttl_s: f64) -> Result<Known> {
    let taken = sqlx::query_scalar!(
        r#"SELECT pg_try_advisory_xact_lock(hashtextextended($1::text || ' ' || $2, 0)) AS "taken!""#,
        user.to_string(),
        key.as_str(),
    )
    .fetch_one(&mut *db)
    .await?;
    if !taken {
        return Ok(Known::InFlight);
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
    // A hash of another length was written by another version, and is equal to none of ours.
    Ok(row.map_or(Known::New, |row| Known::Answered(row.request_hash.try_into().unwrap_or_default(), row.response)))
}

/// Keeps the answer, in the transaction of the mutation.
///
/// # Errors
/// Only outages and defects.
pub async fn keep(
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

/// Removes answers older than `ttl_s` seconds.
///
/// # Errors
/// Only outages and defects.
pub async fn clean(db: impl PgExecutor<'_>, ttl_s: f64) -> Result<()> {
    sqlx::query!("DELETE FROM idempotency_keys WHERE created_at <= now() - $1 * interval '1 second'", ttl_s)
        .execute(db)
        .await?;
    Ok(())
}
