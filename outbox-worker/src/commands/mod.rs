//! What the operator's binary does, a module a command.

pub mod compact;
pub mod export;
pub mod import;
pub mod rebuild;
pub mod replay;
pub mod status;
pub mod tail;
pub mod verify;

use std::str::FromStr;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{ConnectOptions, Connection, PgConnection, PgPool};
use syncscript_types::VaultId;

/// The newest migration that these commands were written for.
const SCHEMA_VERSION: i64 = 4;

/// Connects with few connections: these commands run beside a live system.
///
/// # Errors
/// The database cannot be reached, or has not the schema of this version. No message holds the URL, which has a
/// password in it.
pub async fn connect(database_url: &str) -> anyhow::Result<PgPool> {
    let options = PgConnectOptions::from_str(database_url)
        .map_err(|_| anyhow::anyhow!("DATABASE_URL is not of the form postgres://user:password@host:port/database"))?
        .application_name("outbox-worker")
        // A long fold is what was asked for, and nothing to warn of.
        .disable_statement_logging();
    // A pool would try again until its time is up; a person at a terminal wants to know now.
    let mut probe = options
        .connect()
        .await
        .map_err(|error| anyhow::anyhow!("DATABASE_URL: the database cannot be reached: {error}"))?;
    check_schema(&mut probe).await?;
    probe.close().await.ok();
    Ok(PgPoolOptions::new().max_connections(3).acquire_timeout(Duration::from_secs(10)).connect_lazy_with(options))
}

async fn check_schema(db: &mut PgConnection) -> anyhow::Result<()> {
    // Not checked at compile time: the table is the migrator's own, and may be missing.
    let version: Option<i64> = sqlx::query_scalar("SELECT max(version) FROM _sqlx_migrations WHERE success")
        .fetch_one(db)
        .await
        .map_err(|_| anyhow::anyhow!("DATABASE_URL: this is no SyncScript database; `syncscript migrate` makes one"))?;
    match version.unwrap_or(0) {
        SCHEMA_VERSION => Ok(()),
        older if older < SCHEMA_VERSION => anyhow::bail!(
            "the database has schema {older} and this program needs {SCHEMA_VERSION}: run `syncscript migrate` first"
        ),
        newer => anyhow::bail!(
            "the database has schema {newer} and this program knows {SCHEMA_VERSION}: use the program of that version"
        ),
    }
}

/// The vaults that a command works on: one, which must exist, or all, with their heads.
///
/// # Errors
/// The vault is unknown, or the database cannot be read.
pub async fn chosen(db: &mut PgConnection, vault: Option<VaultId>) -> anyhow::Result<Vec<(VaultId, i64)>> {
    let rows = sqlx::query!(
        "SELECT id, head_seq FROM vaults WHERE $1::uuid IS NULL OR id = $1 ORDER BY id",
        vault.map(VaultId::get)
    )
    .fetch_all(db)
    .await?;
    if let (Some(vault), true) = (vault, rows.is_empty()) {
        anyhow::bail!("there is no vault {vault}; `outbox-worker status` lists them");
    }
    Ok(rows.into_iter().map(|row| (row.id.into(), row.head_seq)).collect())
}

/// A bar on a terminal, nothing elsewhere.
#[must_use]
pub fn progress(total: u64, unit: &str) -> ProgressBar {
    let style = ProgressStyle::with_template(&format!(
        "{{bar:32}} {{human_pos}}/{{human_len}} {unit}, {{per_sec}}, {{eta}} to go"
    ));
    ProgressBar::new(total).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}
