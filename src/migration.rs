//! Migration at startup: at once, or in the background until the database can be reached.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use outbox_worker::{Db, retry};

use crate::error::Error;
use crate::store;
use crate::tasks::Tasks;

/// Whether the database has the schema of this version.
#[derive(Debug, Clone, Default)]
pub struct SchemaState(Arc<AtomicBool>);

impl SchemaState {
    /// Checks that the database has the schema.
    ///
    /// # Errors
    /// Unavailable until the migration has succeeded.
    pub fn check(&self) -> Result<(), Error> {
        if self.0.load(Ordering::Acquire) {
            return Ok(());
        }
        Err(Error::Unavailable("the database has not been migrated yet".into()))
    }

    fn mark_ready(&self) {
        self.0.store(true, Ordering::Release);
    }
}

/// Migrates the database. If it cannot be reached, a background task retries until it can.
///
/// # Errors
/// The migration failed for another reason.
pub async fn migrate_at_startup(pool: &Db, tasks: &mut Tasks) -> anyhow::Result<SchemaState> {
    let state = SchemaState::default();
    match store::migrate(pool).await {
        Ok(()) => state.mark_ready(),
        Err(error) if !store::is_unavailable(&error) => {
            return Err(anyhow::anyhow!("DATABASE_URL: the database cannot be migrated: {error}"));
        }
        Err(error) => {
            tracing::warn!(%error, "the database cannot be reached; it will be migrated once it can");
            tasks.spawn("migration", migrate_when_reachable(pool.clone(), state.clone()));
        }
    }
    Ok(state)
}

/// Returns a state for a database that someone else migrates.
#[must_use]
pub fn assume_migrated() -> SchemaState {
    let state = SchemaState::default();
    state.mark_ready();
    state
}

async fn migrate_when_reachable(pool: Db, state: SchemaState) {
    let migrated = retry::until_ok("the migration", || async {
        match store::migrate(&pool).await {
            Err(error) if store::is_unavailable(&error) => Err(error),
            settled => Ok(settled),
        }
    });
    if let Err(error) = migrated.await {
        // A retry would not help. The task ends, and the process with it.
        tracing::error!(%error, "the database cannot be migrated");
        return;
    }
    state.mark_ready();
    tracing::info!("the database is migrated");
    std::future::pending::<()>().await;
}
