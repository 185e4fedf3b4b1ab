//! The connection to the database, and the vaults that a command works on.

use std::str::FromStr;
use std::time::Duration;

use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use syncscript_types::VaultId;

/// The newest migration that these commands were written for.
const SCHEMA_VERSION: i64 = 4;

/// Connects with few connections, because these commands run beside a live system.
///
/// # Errors
/// The database cannot be reached or does not have this version's schema. No message contains the URL, because the URL
/// contains a password.
pub async fn connect(database_url: &str) -> anyhow::Result<PgPool> {
    let options = PgConnectOptions::from_str(database_url)
        .map_err(|_| anyhow::anyhow!("DATABASE_URL is not of the form postgres://user:password@host:port/database"))?
        .application_name("outbox-worker")
        // Slow statements are expected here: an operator asked for a long fold.
        .disable_statement_logging();
    // A pool would retry until its timeout. An operator at a terminal should see the error immediately.
    let mut probe = options
        .connect()
        .await
        .map_err(|error| anyhow::anyhow!("DATABASE_URL: the database cannot be reached: {error}"))?;
    check_schema(&mut probe).await?;
    probe.close().await.ok();
    Ok(PgPoolOptions::new().max_connections(3).acquire_timeout(Duration::from_secs(10)).connect_lazy_with(options))
}

async fn check_schema(db: &mut PgConnection) -> anyhow::Result<()> {
    // Not checked at compile time: the table belongs to sqlx's migrator, and may be missing.
    let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(db)
        .await
        .map_err(|_| {
            anyhow::anyhow!("DATABASE_URL: this is not a SyncScript database: run `syncscript migrate` to create one")
        })?;
    match version.unwrap_or(0) {
        SCHEMA_VERSION => Ok(()),
        older if older < SCHEMA_VERSION => anyhow::bail!(
            "the database has schema {older} but this program needs {SCHEMA_VERSION}: run `syncscript migrate` first"
        ),
        newer => anyhow::bail!(
            "the database has schema {newer} but this program knows only {SCHEMA_VERSION}: use the program of that version"
        ),
    }
}

/// Returns the given vault, which must exist, or all vaults, with their heads.
///
/// # Errors
/// The vault does not exist, or the database cannot be read.
pub async fn select_vaults(db: &mut PgConnection, vault: Option<VaultId>) -> anyhow::Result<Vec<(VaultId, i64)>> {
    let rows = sqlx::query!(
        "SELECT id, head_seq FROM vaults WHERE $1::uuid IS NULL OR id = $1 ORDER BY id",
        vault.map(VaultId::get)
    )
    .fetch_all(db)
    .await?;
    if let (Some(vault), true) = (vault, rows.is_empty()) {
        anyhow::bail!("there is no vault {vault}: `outbox-worker status` lists the vaults");
    }
    Ok(rows.into_iter().map(|row| (row.id.into(), row.head_seq)).collect())
}

/// Returns the head of a vault, which must exist.
///
/// # Errors
/// The vault does not exist, or the database cannot be read.
pub async fn head_of(pool: &PgPool, vault: VaultId) -> anyhow::Result<i64> {
    let vaults = select_vaults(&mut *pool.acquire().await?, Some(vault)).await?;
    Ok(vaults.first().map_or(0, |(_, head)| *head))
}
