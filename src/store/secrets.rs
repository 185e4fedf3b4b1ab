//! Secrets that all nodes share.

use sqlx::PgExecutor;

use super::error::Result;

/// Reads the secret that signs the CSRF (double-submit) tokens. The migration generated it.
///
/// # Errors
/// Only outages and defects.
pub async fn csrf_secret(db: impl PgExecutor<'_>) -> Result<String> {
    Ok(sqlx::query_scalar!("SELECT value FROM secrets WHERE name = 'csrf'").fetch_one(db).await?)
}
