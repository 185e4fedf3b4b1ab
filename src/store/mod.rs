//! The only SQL of the server, a file a concern. The log itself is read by `outbox_worker::log`.
//!
//! Functions take an executor, so the caller owns the transaction. Every mutation is one call of an append function of
//! the database (decision 2): it commits with its event or not at all (I1, I2).

mod error;
pub mod history;
pub mod idempotency;
pub mod members;
pub mod session_changes;
pub mod sessions;
pub mod sources;
pub mod users;
pub mod vaults;

use std::time::Duration;

use sqlx::PgPool;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};

pub use error::{Refusal, StoreError, log_error};

/// The result of every store function.
pub type Result<T> = std::result::Result<T, StoreError>;

/// The schema of this version, in numbered steps.
pub static MIGRATIONS: sqlx::migrate::Migrator = sqlx::migrate!("./migrations");

/// A request waits this long for a connection before it is answered 503.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(3);
/// A connection idle for longer is tried before it is used. Trying each one would cost a round trip a request.
const TRUSTED_IDLE: Duration = Duration::from_secs(1);

/// A process that is frozen, or cut off, between two statements of a transaction must not hold a vault's lock for long.
/// Set by statement, since a connection pooler in between refuses it as a parameter of the connection.
const IDLE_IN_TRANSACTION: &str = "SET idle_in_transaction_session_timeout = '5s'";

/// A pool that connects when first used, so that the server starts while the database is away.
#[must_use]
pub fn pool(options: PgConnectOptions, max_connections: u32) -> PgPool {
    PgPoolOptions::new()
        .max_connections(max_connections)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .test_before_acquire(false)
        .before_acquire(|connection, state| {
            Box::pin(async move {
                if state.idle_for > TRUSTED_IDLE {
                    sqlx::Connection::ping(connection).await?;
                }
                Ok(true)
            })
        })
        .after_connect(|connection, _| {
            Box::pin(async move {
                sqlx::query(IDLE_IN_TRANSACTION).execute(connection).await?;
                Ok(())
            })
        })
        .connect_lazy_with(options)
}

/// Whether the database answers.
///
/// # Errors
/// [`StoreError::Unavailable`] if it does not.
pub async fn ping(pool: &PgPool) -> Result<()> {
    sqlx::query_scalar!(r#"SELECT 1 AS "one!""#).fetch_one(pool).await?;
    Ok(())
}

/// Whether a migration failed for want of a database, and may succeed later.
#[must_use]
pub fn is_away(error: &sqlx::migrate::MigrateError) -> bool {
    match error {
        sqlx::migrate::MigrateError::Execute(error) => error::is_outage(error),
        _ => false,
    }
}
