//! `compact`: replaces the old part of a vault's log with one snapshot. It runs only when an operator runs it.
//!
//! Folds, rebuilds, and joins at or after the cut work as before. A join before the cut receives `vault:resync`. The
//! vault's states before the cut are lost.

use std::io::Write;

use anyhow::Context;
use chrono::{DateTime, NaiveDate, Utc};
use serde_json::json;
use sqlx::PgPool;
use syncscript_types::VaultId;

use crate::database::head_of;

/// Where to cut the log.
#[derive(Debug, Clone, Copy)]
pub enum CompactBefore {
    /// The first event to keep.
    Seq(i64),
    /// Replace the events from before this moment.
    Time(DateTime<Utc>),
}

impl std::str::FromStr for CompactBefore {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if let Ok(seq) = text.parse() {
            return Ok(Self::Seq(seq));
        }
        let day = || text.parse::<NaiveDate>().ok()?.and_hms_opt(0, 0, 0).map(|midnight| midnight.and_utc());
        let time = DateTime::parse_from_rfc3339(text).ok().map(|time| time.to_utc()).or_else(day);
        time.map(Self::Time).ok_or_else(|| {
            "expected a seq, a day such as 2026-01-31, or a time such as 2026-01-31T12:00:00Z".to_owned()
        })
    }
}

/// Compacts one vault's log, in one transaction.
///
/// # Errors
/// The vault does not exist, the position is not in its log, or the database cannot be written.
pub async fn run(
    pool: &PgPool,
    vault: VaultId,
    before: CompactBefore,
    json: bool,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let head = head_of(pool, vault).await?;
    let seq = match before {
        CompactBefore::Seq(seq) if seq > head + 1 => {
            anyhow::bail!("--before {seq} is above the log, which ends at seq {head}: nothing was changed")
        }
        CompactBefore::Seq(seq) => seq,
        CompactBefore::Time(time) => first_seq_since(pool, vault, time).await?,
    };
    let replaced = sqlx::query_scalar!(r#"SELECT compact_vault($1, $2) AS "gone!""#, vault.get(), seq)
        .fetch_one(pool)
        .await
        .map_err(|error| match error.as_database_error().and_then(|error| error.code()).as_deref() {
            Some("SY404") => anyhow::anyhow!("--before {seq}: the log has no events before that to compact"),
            _ => error.into(),
        })
        .context("nothing was changed")?;
    if json {
        writeln!(out, "{}", json!({ "vaultId": vault, "snapshotSeq": seq - 1, "eventsReplaced": replaced }))?;
    } else {
        writeln!(out, "vault {vault}: {replaced} events replaced with a snapshot at seq {}", seq - 1)?;
    }
    Ok(())
}

/// Returns the first seq of that time or later, or the position after the last event.
async fn first_seq_since(pool: &PgPool, vault: VaultId, time: DateTime<Utc>) -> anyhow::Result<i64> {
    Ok(sqlx::query_scalar!(
        r#"SELECT coalesce(
               (SELECT min(seq) FROM outbox WHERE vault_id = $1 AND created_at >= $2),
               (SELECT head_seq + 1 FROM vaults WHERE id = $1)) AS "seq!""#,
        vault.get(),
        time
    )
    .fetch_one(pool)
    .await?)
}
