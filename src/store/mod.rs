//! The only SQL of the server, a file a concern. The log itself is read by `outbox_worker::log`.
//!
//! Functions take an executor, so the caller owns the transaction. Every mutation is in one call of an append function of
//! the database (decision 2): it commits with its event or not at all (I1, I2).

mod error;
pub mod history;
pub mod idempotency;
pub mod members;
pub mod sealed_sessions;
pub mod session_changes;
pub mod sessions;
pub mod source_writes;
pub mod sources;
pub mod users;
pub mod vaults;

use std::time::Duration;

use outbox_worker::Db;
use sqlx::postgres::PgPoolOptions;

pub use error::{Refusal, StoreError, log_error};

/// The result of every store function.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The schema of this version, in numbered steps.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// How long the migration waits for its connection.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);

/// Whether the database answers.
///
/// # Errors
/// [`StoreError::Unavailable`] if it does not.
pub async fn ping(pool: &Db) -> Result<()> {
    sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(pool).await?;
    Ok(())
}

/// Brings the database to the schema of this version.
///
/// # Errors
/// The database is away, or is of another version.
pub async fn migrate(db: &Db) -> std::result::Result<(), sqlx::migrate::MigrateError> {
    let own = PgPoolOptions::new().max_connections(1).acquire_timeout(ACQUIRE_TIMEOUT);
    let own = own.connect_lazy_with(db.options().clone());
    let migrated = MIGRATIONS.run(&own).await;
    own.close().await;
    migrated
}

/// Whether a migration failed for want of a database, and may succeed later.
#[must_use]
pub fn is_away(error: &sqlx::migrate::MigrateError) -> bool {
    match error {
        sqlx::migrate::MigrateError::Execute(error) => error::is_outage(error),
        _ => false,
    }
}
