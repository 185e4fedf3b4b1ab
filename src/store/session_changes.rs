//! Recent changes of sessions, for sockets, which must not outlive their session (I6).

use chrono::{DateTime, Utc};
use outbox_worker::Db;
use sqlx::PgExecutor;
use syncscript_types::UserId;

use super::error::Result;
use super::sessions::TokenHash;

/// A change that may end sessions.
#[derive(Debug, Clone, Copy)]
pub enum SessionChange {
    /// A session changed. Holds its new end, or `None` if the session was deleted or revoked.
    Session(TokenHash, Option<DateTime<Utc>>),
    /// A user was deleted.
    User(UserId),
}

/// Reads the changes of the last `window_s` seconds.
///
/// # Errors
/// Only outages and defects.
pub async fn read_recent(db: impl PgExecutor<'_>, window_s: f64) -> Result<Vec<SessionChange>> {
    let rows = sqlx::query!(
        r#"SELECT c.token_hash AS "token_hash?", s.expires_at AS "expires_at?", NULL::uuid AS "user_id?"
           FROM session_changes c LEFT JOIN sessions s ON s.token_hash = c.token_hash
           WHERE c.changed_at > clock_timestamp() - $1 * interval '1 second'
           UNION ALL
           SELECT NULL, NULL, user_id FROM user_changes
           WHERE changed_at > clock_timestamp() - $1 * interval '1 second'"#,
        window_s,
    )
    .fetch_all(db)
    .await?;
    let change = |token: Option<Vec<u8>>, expires, user: Option<uuid::Uuid>| match token {
        Some(token) => Some(SessionChange::Session(TokenHash::from_stored(&token)?, expires)),
        None => Some(SessionChange::User(user?.into())),
    };
    Ok(rows.into_iter().filter_map(|row| change(row.token_hash, row.expires_at, row.user_id)).collect())
}

/// Returns the given sessions that exist, with their ends.
///
/// # Errors
/// Only outages and defects.
pub async fn find_existing(db: impl PgExecutor<'_>, tokens: &[TokenHash]) -> Result<Vec<(TokenHash, DateTime<Utc>)>> {
    let hashes: Vec<Vec<u8>> = tokens.iter().map(|token| token.bytes().to_vec()).collect();
    let rows = sqlx::query!("SELECT token_hash, expires_at FROM sessions WHERE token_hash = ANY($1)", &hashes)
        .fetch_all(db)
        .await?;
    Ok(rows.into_iter().filter_map(|row| Some((TokenHash::from_stored(&row.token_hash)?, row.expires_at))).collect())
}

/// Deletes sessions and revocations that expired a day ago, and changes that every node has seen long ago.
///
/// # Errors
/// Only outages and defects.
pub async fn delete_expired(db: &Db) -> Result<()> {
    sqlx::query!("DELETE FROM sessions WHERE expires_at < now() - interval '1 day'").execute(db).await?;
    sqlx::query!("DELETE FROM revoked_tokens WHERE expires_at < now() - interval '1 day'").execute(db).await?;
    sqlx::query!("DELETE FROM session_changes WHERE changed_at < now() - interval '1 hour'").execute(db).await?;
    sqlx::query!("DELETE FROM user_changes WHERE changed_at < now() - interval '1 hour'").execute(db).await?;
    Ok(())
}
