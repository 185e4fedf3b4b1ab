//! What the operator's binary does, a module a command.

pub mod status;
pub mod tail;

use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use std::time::Duration;

/// Connects with few connections: these commands run beside a live system.
///
/// # Errors
/// The database cannot be reached or refuses; the message does not hold the URL, which has a password in it.
pub async fn connect(database_url: &str) -> anyhow::Result<PgPool> {
    PgPoolOptions::new()
        .max_connections(3)
        .acquire_timeout(Duration::from_secs(10))
        .connect(database_url)
        .await
        .map_err(|error| anyhow::anyhow!("DATABASE_URL: the database cannot be reached: {error}"))
}
