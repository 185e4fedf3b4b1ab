//! `export`: writes the log as NDJSON, from which `import` restores the system.
//!
//! It reads pages in one snapshot, while writers continue.

use std::io::Write;

use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use sqlx::{Connection, PgConnection, PgPool};
use syncscript_types::VaultId;

use crate::database::select_vaults;
use crate::export_format::{ExportEvent, ExportTotals, ExportTrailer, hex};
use crate::progress::progress_bar;

/// Events per read.
const PAGE_SIZE: i64 = 2000;

/// Writes the events after `after` of one vault, or of all.
///
/// # Errors
/// The vault does not exist, the database cannot be read, or the output cannot be written.
pub async fn run(pool: &PgPool, vault: Option<VaultId>, after: i64, out: &mut impl Write) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    let mut snapshot = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let vaults = select_vaults(&mut snapshot, vault).await?;
    let bar = progress_bar(vaults.iter().map(|(_, head)| (head - after).max(0).unsigned_abs()).sum(), "events");
    let (mut events, mut hash) = (0, Sha256::new());
    for (vault, _) in vaults {
        let mut last = after;
        loop {
            let page = read_page(&mut snapshot, vault, last).await?;
            let Some(newest) = page.last() else { break };
            last = newest.seq;
            for line in &page {
                let mut text = serde_json::to_string(line)?;
                text.push('\n');
                hash.update(&text);
                out.write_all(text.as_bytes())?;
            }
            events += page.len() as u64;
            bar.inc(page.len() as u64);
        }
    }
    snapshot.commit().await?;
    let trailer = ExportTrailer { end: ExportTotals { events, sha256: hex(&hash.finalize()) } };
    writeln!(out, "{}", serde_json::to_string(&trailer)?)?;
    out.flush()?;
    bar.finish_and_clear();
    Ok(())
}

async fn read_page(db: &mut PgConnection, vault: VaultId, after: i64) -> anyhow::Result<Vec<ExportEvent>> {
    let rows = sqlx::query!(
        r#"SELECT vault_id, seq, event_id, type, payload AS "payload: Json<Box<RawValue>>", actor_id, created_at
           FROM outbox WHERE vault_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"#,
        vault.get(),
        after,
        PAGE_SIZE
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| ExportEvent {
            vault_id: row.vault_id,
            seq: row.seq,
            event_id: row.event_id,
            r#type: row.r#type,
            payload: row.payload.0,
            actor_id: row.actor_id,
            created_at: row.created_at,
        })
        .collect())
}
