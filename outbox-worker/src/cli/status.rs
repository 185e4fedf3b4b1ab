//! `status`: totals, nodes, and per vault the head, the age of the newest event and the size of the log.

use std::io::Write;

use chrono::{DateTime, Utc};
use comfy_table::{CellAlignment, Table, presets::UTF8_HORIZONTAL_ONLY};
use outbox_worker::heartbeat::DEAD_AFTER_S;
use serde::Serialize;
use sqlx::PgPool;
use uuid::Uuid;

/// One vault's row.
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

/// One node's row.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NodeStatus {
    node_id: Uuid,
    version: String,
    alive: bool,
    seen_seconds_ago: i64,
    sockets: i64,
    vaults_in_use: i64,
    lag_events: i64,
}

/// The totals over all vaults.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Totals {
    vaults: i64,
    /// The sum of the heads, so compacted events count too.
    events: i64,
    events_last_minute: i64,
    oldest_event_at: Option<DateTime<Utc>>,
    newest_event_at: Option<DateTime<Utc>>,
    outbox_bytes: i64,
    outbox_index_bytes: i64,
}

#[derive(Serialize)]
struct Status {
    totals: Totals,
    nodes: Vec<NodeStatus>,
    vaults: Vec<VaultStatus>,
}

/// Prints the totals, the nodes, and the `limit` vaults with the newest events, as tables or as one JSON object.
///
/// # Errors
/// The database cannot be read, or the output cannot be written.
pub async fn run(pool: &PgPool, limit: i64, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let status = Status { totals: totals(pool).await?, nodes: nodes(pool).await?, vaults: vaults(pool, limit).await? };
    if json {
        serde_json::to_writer_pretty(&mut *out, &status)?;
        writeln!(out)?;
        return Ok(());
    }
    let Status { totals, nodes, vaults } = status;
    writeln!(
        out,
        "{} vaults, {} events, {} in the last minute; outbox {}, its indexes {}",
        totals.vaults,
        totals.events,
        totals.events_last_minute,
        format_size(totals.outbox_bytes),
        format_size(totals.outbox_index_bytes)
    )?;
    if let (Some(oldest), Some(newest)) = (totals.oldest_event_at, totals.newest_event_at) {
        writeln!(out, "oldest event {oldest}, newest {newest}")?;
    }
    writeln!(out, "{}\n{}", node_table(&nodes), vault_table(&vaults))?;
    Ok(())
}

async fn totals(pool: &PgPool) -> anyhow::Result<Totals> {
    // Per vault, through the primary key, because the outbox has no index on time.
    Ok(sqlx::query_as!(
        Totals,
        r#"SELECT count(*) AS "vaults!", coalesce(sum(v.head_seq), 0)::bigint AS "events!",
                  coalesce(sum(r.events), 0)::bigint AS "events_last_minute!",
                  min(f.created_at) AS oldest_event_at, max(n.created_at) AS newest_event_at,
                  pg_table_size('outbox') AS "outbox_bytes!", pg_indexes_size('outbox') AS "outbox_index_bytes!"
           FROM vaults v
           LEFT JOIN outbox n ON n.vault_id = v.id AND n.seq = v.head_seq
           LEFT JOIN LATERAL (SELECT o.created_at FROM outbox o WHERE o.vault_id = v.id ORDER BY o.seq LIMIT 1) f ON true
           LEFT JOIN LATERAL (
               SELECT count(*) AS events FROM outbox o
               WHERE o.vault_id = v.id AND n.created_at > now() - interval '1 minute'
                   AND o.created_at > now() - interval '1 minute'
           ) r ON true"#
    )
    .fetch_one(pool)
    .await?)
}

async fn nodes(pool: &PgPool) -> anyhow::Result<Vec<NodeStatus>> {
    Ok(sqlx::query_as!(
        NodeStatus,
        r#"SELECT id AS node_id, version, sockets, vaults_in_use, lag_events,
                  seen_at > clock_timestamp() - $1 * interval '1 second' AS "alive!",
                  extract(epoch FROM clock_timestamp() - seen_at)::bigint AS "seen_seconds_ago!"
           FROM nodes ORDER BY started_at"#,
        DEAD_AFTER_S
    )
    .fetch_all(pool)
    .await?)
}

async fn vaults(pool: &PgPool, limit: i64) -> anyhow::Result<Vec<VaultStatus>> {
    Ok(sqlx::query_as!(
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
    .await?)
}

fn node_table(nodes: &[NodeStatus]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(["node", "state", "sockets", "vaults in use", "lag (events)"]);
    for node in nodes {
        let state =
            if node.alive { "alive".to_owned() } else { format!("dead, seen {}", format_age(node.seen_seconds_ago)) };
        table.add_row([
            node.node_id.to_string(),
            state,
            node.sockets.to_string(),
            node.vaults_in_use.to_string(),
            node.lag_events.to_string(),
        ]);
    }
    table
}

fn vault_table(vaults: &[VaultStatus]) -> Table {
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(["vault", "name", "head", "events", "log size", "newest event"]);
    for vault in vaults {
        let name = if vault.deleted { format!("{} (deleted)", vault.name) } else { vault.name.clone() };
        table.add_row([
            vault.vault_id.to_string(),
            name,
            vault.head_seq.to_string(),
            vault.events.to_string(),
            format_size(vault.log_bytes),
            vault.newest_event_age_seconds.map_or_else(|| "none".to_owned(), format_age),
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
fn format_size(bytes: i64) -> String {
    match bytes {
        0..1024 => format!("{bytes} B"),
        1024..1_048_576 => format!("{:.1} KiB", bytes as f64 / 1024.0),
        _ => format!("{:.1} MiB", bytes as f64 / 1_048_576.0),
    }
}

fn format_age(seconds: i64) -> String {
    match seconds {
        ..120 => format!("{} s ago", seconds.max(0)),
        120..7_200 => format!("{} min ago", seconds / 60),
        7_200..172_800 => format!("{} h ago", seconds / 3_600),
        _ => format!("{} d ago", seconds / 86_400),
    }
}
