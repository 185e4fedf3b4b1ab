//! `rebuild`: makes the projection what the log says, a transaction a vault.
//!
//! Rows that are right are not touched, so on a healthy system nothing changes. Interrupted, the vaults done so far are
//! done; run again, it goes on.

use std::io::Write;

use serde_json::json;
use sqlx::PgPool;
use syncscript_types::VaultId;

use super::{chosen, progress};

/// Rebuilds one vault, or all of them; `dry_run` only counts what would change.
///
/// # Errors
/// The vault is unknown, a member of a log is no user, or the database cannot be written.
pub async fn run(
    pool: &PgPool,
    vault: Option<VaultId>,
    dry_run: bool,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let vaults = chosen(&mut *pool.acquire().await?, vault).await?;
    let bar = progress(vaults.len() as u64, "vaults");
    let (count, mut changed, mut touched) = (vaults.len(), 0, 0);
    for (vault, _) in vaults {
        let mut transaction = pool.begin().await?;
        let rows = sqlx::query_scalar!(r#"SELECT rebuild_vault($1) AS "rows!""#, vault.get())
            .fetch_one(&mut *transaction)
            .await
            .map_err(|error| anyhow::anyhow!("vault {vault} cannot be rebuilt: {error}"))?;
        if dry_run {
            transaction.rollback().await?;
        } else {
            transaction.commit().await?;
        }
        changed += rows;
        touched += i64::from(rows > 0);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if json {
        let report = json!({ "vaults": count, "vaultsChanged": touched, "rowsChanged": changed, "dryRun": dry_run });
        writeln!(out, "{report}")?;
    } else {
        let would = if dry_run { "would change" } else { "changed" };
        writeln!(out, "{count} vaults: {would} {changed} rows in {touched} vaults")?;
    }
    Ok(())
}
