//! `export`: the log as NDJSON, one event a line; enough to bring the system back (`import`).
//!
//! The last line holds the number of events and a SHA-256 over the lines before it: a file that was cut or edited is
//! recognised. Read in one snapshot, in pages, while writers go on.

use std::io::Write;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use sha2::{Digest, Sha256};
use sqlx::types::Json;
use sqlx::{Connection, PgConnection, PgPool};
use syncscript_types::VaultId;
use uuid::Uuid;

use super::{chosen, progress};

const PAGE: i64 = 2000;

/// One event of the export.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Line {
    /// The vault.
    pub vault_id: Uuid,
    /// Its place in the vault's log.
    pub seq: i64,
    /// Its id.
    pub event_id: Uuid,
    /// Its type.
    pub r#type: String,
    /// Its payload.
    pub payload: Box<RawValue>,
    /// Who made the change.
    pub actor_id: Uuid,
    /// When.
    pub created_at: DateTime<Utc>,
}

/// The last line.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trailer {
    /// What it says.
    pub end: End,
}

/// What the last line says.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct End {
    /// Lines before this one.
    pub events: u64,
    /// Over those lines, their line ends included, in hexadecimal.
    pub sha256: String,
}

/// Writes the events after `after` of one vault, or of all.
///
/// # Errors
/// The vault is unknown, the database cannot be read, or the output cannot be written.
pub async fn run(pool: &PgPool, vault: Option<VaultId>, after: i64, out: &mut impl Write) -> anyhow::Result<()> {
    let mut connection = pool.acquire().await?;
    let mut snapshot = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let vaults = chosen(&mut snapshot, vault).await?;
    let bar = progress(vaults.iter().map(|(_, head)| (head - after).max(0).unsigned_abs()).sum(), "events");
    let (mut events, mut hash) = (0, Sha256::new());
    for (vault, _) in vaults {
        let mut last = after;
        loop {
            let page = read(&mut snapshot, vault, last).await?;
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
    let trailer = Trailer { end: End { events, sha256: hex(&hash.finalize()) } };
    writeln!(out, "{}", serde_json::to_string(&trailer)?)?;
    out.flush()?;
    bar.finish_and_clear();
    Ok(())
}

async fn read(db: &mut PgConnection, vault: VaultId, after: i64) -> anyhow::Result<Vec<Line>> {
    let rows = sqlx::query!(
        r#"SELECT vault_id, seq, event_id, type, payload AS "payload: Json<Box<RawValue>>", actor_id, created_at
           FROM outbox WHERE vault_id = $1 AND seq > $2 ORDER BY seq LIMIT $3"#,
        vault.get(),
        after,
        PAGE
    )
    .fetch_all(db)
    .await?;
    Ok(rows
        .into_iter()
        .map(|row| Line {
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

/// Bytes in hexadecimal.
#[must_use]
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
