//! `replay` and `replays`: requests that the servers send stored events again; watches, lists and cancels replays.

use std::io::Write;
use std::time::Duration;

use anyhow::bail;
use comfy_table::{Table, presets::UTF8_HORIZONTAL_ONLY};
use outbox_worker::heartbeat::DEAD_AFTER_S;
use serde::Serialize;
use serde_json::json;
use sqlx::PgPool;
use syncscript_types::{EventType, UserId, VaultId};
use uuid::Uuid;

use crate::database::head_of;
use crate::progress::progress_bar;

/// Which events to send again.
#[derive(Debug)]
pub struct ReplayRequest {
    /// The vault.
    pub vault: VaultId,
    /// The first event; 1 by default.
    pub from: Option<i64>,
    /// The last event; the head by default.
    pub to: Option<i64>,
    /// Only events of this type.
    pub kind: Option<EventType>,
    /// Only to this user's sockets.
    pub user: Option<UserId>,
    /// Events per second.
    pub rate: f64,
}

/// Requests a replay and watches it until it is over. The replay continues if the watching stops.
///
/// # Errors
/// The vault or the user does not exist, the range is not in the log, or the database cannot be written.
pub async fn run(
    pool: &PgPool,
    request: ReplayRequest,
    dry_run: bool,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let (from, to) = resolve_range(pool, &request).await?;
    let kind = request.kind.map(EventType::as_str);
    if dry_run {
        let events = sqlx::query_scalar!(
            r#"SELECT count(*) AS "events!" FROM outbox
               WHERE vault_id = $1 AND seq BETWEEN $2 AND $3 AND ($4::text IS NULL OR type = $4)"#,
            request.vault.get(),
            from,
            to,
            kind,
        )
        .fetch_one(pool)
        .await?;
        if json {
            writeln!(out, "{}", json!({ "events": events, "from": from, "to": to, "dryRun": true }))?;
        } else {
            writeln!(out, "would send {events} events, seq {from} to {to}")?;
        }
        return Ok(());
    }
    let id = Uuid::now_v7();
    sqlx::query!(
        "INSERT INTO replays (id, vault_id, from_seq, to_seq, type, user_id, rate, requested_by, position)
         VALUES ($1, $2, $3::bigint, $4, $5, $6, $7, $8, $3::bigint - 1)",
        id,
        request.vault.get(),
        from,
        to,
        kind,
        request.user.map(UserId::get),
        request.rate,
        operator_name(),
    )
    .execute(pool)
    .await?;
    let state = watch(pool, id, from, to).await?;
    if json {
        writeln!(out, "{}", json!({ "id": id, "state": state, "from": from, "to": to }))?;
    } else {
        writeln!(out, "replay {id}: {state}, seq {from} to {to}")?;
    }
    Ok(())
}

/// Returns the requested range, which must lie in the log.
async fn resolve_range(pool: &PgPool, request: &ReplayRequest) -> anyhow::Result<(i64, i64)> {
    let head = head_of(pool, request.vault).await?;
    let (from, to) = (request.from.unwrap_or(1), request.to.unwrap_or(head));
    if from > to {
        bail!("--from {from} is above --to {to}");
    }
    if to > head {
        bail!("--to {to} is above the head of the log, {head}");
    }
    if let Some(user) = request.user {
        let exists = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM users WHERE id = $1) AS "known!""#, user.get())
            .fetch_one(pool)
            .await?;
        if !exists {
            bail!("there is no user {user}");
        }
    }
    Ok((from, to))
}

/// Waits until the replay is over, and returns its final state. The servers send; this only polls.
async fn watch(pool: &PgPool, id: Uuid, from: i64, to: i64) -> anyhow::Result<String> {
    let nodes = sqlx::query_scalar!(
        r#"SELECT count(*) AS "nodes!" FROM nodes WHERE seen_at > clock_timestamp() - $1 * interval '1 second'"#,
        DEAD_AFTER_S
    );
    if nodes.fetch_one(pool).await? == 0 {
        tracing::warn!(
            "no server is running: the replay begins when one starts; `outbox-worker replay --cancel {id}` cancels it"
        );
    }
    let bar = progress_bar((to - from + 1).unsigned_abs(), "events");
    loop {
        let row = sqlx::query!("SELECT state, position FROM replays WHERE id = $1", id).fetch_one(pool).await?;
        bar.set_position((row.position - from + 1).max(0).unsigned_abs());
        if row.state != "running" {
            bar.finish_and_clear();
            return Ok(row.state);
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// Cancels a running replay.
///
/// # Errors
/// No such replay is running.
pub async fn cancel(pool: &PgPool, id: Uuid, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let cancelled = sqlx::query_scalar!(
        "UPDATE replays SET state = 'cancelled', ended_at = clock_timestamp()
         WHERE id = $1 AND state = 'running' RETURNING position",
        id
    )
    .fetch_optional(pool)
    .await?;
    let Some(position) = cancelled else {
        bail!("no replay {id} is running: `outbox-worker replays` lists the replays")
    };
    if json {
        writeln!(out, "{}", json!({ "id": id, "state": "cancelled", "position": position }))?;
    } else {
        writeln!(out, "replay {id}: cancelled after seq {position}")?;
    }
    Ok(())
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct ReplayRow {
    id: Uuid,
    vault_id: Uuid,
    from_seq: i64,
    to_seq: i64,
    r#type: Option<String>,
    user_id: Option<Uuid>,
    rate: f64,
    requested_by: String,
    state: String,
    position: i64,
    created_at: chrono::DateTime<chrono::Utc>,
    ended_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Lists the newest replays.
///
/// # Errors
/// The database cannot be read.
pub async fn list(pool: &PgPool, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let replays = sqlx::query_as!(
        ReplayRow,
        r#"SELECT id, vault_id, from_seq, to_seq, type AS "type?", user_id, rate, requested_by, state, position,
                  created_at, ended_at FROM replays ORDER BY created_at DESC LIMIT 100"#
    )
    .fetch_all(pool)
    .await?;
    if json {
        serde_json::to_writer_pretty(&mut *out, &replays)?;
        writeln!(out)?;
        return Ok(());
    }
    let mut table = Table::new();
    table.load_preset(UTF8_HORIZONTAL_ONLY).set_header(["replay", "vault", "seq", "at", "state", "by", "started"]);
    for replay in replays {
        table.add_row([
            replay.id.to_string(),
            replay.vault_id.to_string(),
            format!("{} to {}", replay.from_seq, replay.to_seq),
            replay.position.to_string(),
            replay.state,
            replay.requested_by,
            replay.created_at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true),
        ]);
    }
    writeln!(out, "{table}")?;
    Ok(())
}

/// Returns the operator's user name on this system.
fn operator_name() -> String {
    let name = |variable| std::env::var(variable).ok().filter(|name| !name.is_empty());
    name("SUDO_USER").or_else(|| name("USER")).unwrap_or_else(|| "unknown".to_owned())
}
