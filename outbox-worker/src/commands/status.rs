//! `status`: per vault, the head, the age of the newest event and the size of the log.

use std::io::Write;

use chrono::{DateTime, Utc};
use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

/// One vault's line.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct VaultStatus {
    vault_id: Uuid,
    name: String,
    deleted: bool,
    head_seq: i64,
    events: i64,
    log_bytes: i64,
    newest_event_at: Option<DateTime<Utc>>,
    newest_event_age_seconds: Option<i64>,
}

/// Prints the `limit` vaults with the newest events, as a table or as one JSON array.
///
/// # Errors
/// The database cannot be read, or the output cannot be written.
pub async fn run(pool: &PgPool, limit: i64, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let vaults = sqlx::query_as!(
        VaultStatus,
        r#"SELECT v.id AS vault_id, v.name, v.deleted_at IS NOT NULL AS "deleted!", v.head_seq,
                  l.events AS "events!", l.bytes AS "log_bytes!", n.created_at AS "newest_event_at?",
                  extract(epoch FROM clock_timestamp() - n.created_at)::bigint AS newest_event_age_seconds
           FROM vaults v
           LEFT JOIN outbox n ON n.vault_id = v.id AND n.seq = v.head_seq
           CROSS JOIN LATERAL (
               SELECT count(*) AS events, coalesce(sum(pg_column_size(o.*)), 0)::bigint AS bytes
               FROM outbox o WHERE o.vault_id = v.id
           ) AS l
           ORDER BY n.created_at DESC NULLS LAST LIMIT $1"#,
        limit,
    )
    .fetch_all(pool)
    .await?;
    if json {
        serde_json::to_writer_pretty(&mut *out, &vaults)?;
        writeln!(out)?;
    } else {
        writeln!(out, "{}", table(&vaults))?;
    }
    Ok(())
}

fn table(vaults: &[VaultStatus]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(["vault", "name", "head", "events", "log size", "newest event"]);
    for vault in vaults {
        let name = if vault.deleted { format!("{} (deleted)", vault.name) } else { vault.name.clone() };
        table.add_row([
            vault.vault_id.to_string(),
            name,
            vault.head_seq.to_string(),
            vault.events.to_string(),
            size(vault.log_bytes),
            vault.newest_event_age_seconds.map_or_else(|| "none".to_owned(), age),
        ]);
    }
    for column in [2, 3, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

#[allow(clippy::cast_precision_loss, reason = "a size shown with one decimal")]
fn size(bytes: i64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

fn age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{} s ago", seconds.max(0)),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}
