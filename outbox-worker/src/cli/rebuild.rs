//! `rebuild`: makes the projection match the log, in one transaction per vault.
//!
//! It does not touch correct rows, so on a healthy system nothing changes. If it is interrupted, the finished
//! vaults stay rebuilt; run it again to continue.

use std::io::Write;

use serde_json::json;
use sqlx::PgPool;
use syncscript_types::VaultId;

use crate::database::select_vaults;
use crate::progress::progress_bar;

/// Rebuilds one vault, or all of them. With `dry_run`, only counts what would change.
///
/// # Errors
/// The vault does not exist, a member in a log is not a user, or the database cannot be written.
pub async fn run(
    pool: &PgPool,
    vault: Option<VaultId>,
    dry_run: bool,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let vaults = select_vaults(&mut *pool.acquire().await?, vault).await?;
    let bar = progress_bar(vaults.len() as u64, "vaults");
    let (count, mut rows_changed, mut vaults_changed) = (vaults.len(), 0, 0);
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
        rows_changed += rows;
        vaults_changed += i64::from(rows > 0);
        bar.inc(1);
    }
    bar.finish_and_clear();
    if json {
        let report = json!({
            "vaults": count, "vaultsChanged": vaults_changed, "rowsChanged": rows_changed, "dryRun": dry_run,
        });
        writeln!(out, "{report}")?;
    } else {
        let changed = if dry_run { "would change" } else { "changed" };
        writeln!(out, "{count} vaults: {changed} {rows_changed} rows in {vaults_changed} vaults")?;
    }
    Ok(())
}
