//! Brings the database to the schema of this version, and checks that the database answers.

use std::time::Duration;

use outbox_worker::Db;
use sqlx::migrate::MigrateError;
use sqlx::postgres::PgPoolOptions;

use super::error::{Result, is_outage};

/// The schema of this version, in numbered steps.
static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// How long the migration waits for its connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Checks that the database answers.
///
/// # Errors
/// [`Unavailable`](crate::store::StoreError::Unavailable) if it does not.
pub async fn ping(pool: &Db) -> Result<()> {
    sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(pool).await?;
    Ok(())
}

/// Brings the database to the schema of this version.
///
/// # Errors
/// The database is unreachable, or has a schema that this version does not know.
pub async fn migrate(db: &Db) -> std::result::Result<(), MigrateError> {
    // The migrator needs a connection of sqlx's own pool.
    let pool = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
    let pool = pool.connect_lazy_with(db.options().clone());
    let migrated = MIGRATIONS.run(&pool).await;
    pool.close().await;
    migrated
}

/// Returns whether a migration failed because the database is unreachable, and may succeed later.
#[must_use]
pub fn is_unavailable(error: &MigrateError) -> bool {
    match error {
        MigrateError::Execute(error) => is_outage(error),
        _ => false,
    }
}
