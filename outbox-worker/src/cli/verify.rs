//! `verify`: folds the log and compares it with the projection, and checks that the log has no gap.
//!
//! All vaults are read in one snapshot, while writers continue. Postgres folds, and sorts on disk what does not fit in
//! memory, so this program's memory does not grow with the log.

use std::io::Write;

use serde::Serialize;
use sqlx::{Connection, PgConnection, PgPool};
use syncscript_types::VaultId;
use uuid::Uuid;

use crate::database::select_vaults;
use crate::progress::progress_bar;

/// How many differences of one vault are shown.
const MAX_SHOWN: i64 = 10;

/// The result of a verification.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    vaults: usize,
    events: i64,
    /// Whether there are no findings.
    pub clean: bool,
    findings: Vec<Finding>,
}

/// One difference or damage.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Finding {
    vault_id: Option<Uuid>,
    what: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    log_says: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    table_says: Option<String>,
}

/// Verifies one vault, or all of them, and prints the first differences.
///
/// # Errors
/// The vault does not exist, or the database cannot be read. Findings are not errors: the report has them.
pub async fn run(pool: &PgPool, vault: Option<VaultId>, json: bool, out: &mut impl Write) -> anyhow::Result<Report> {
    let mut connection = pool.acquire().await?;
    let mut snapshot = connection.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?;
    let vaults = select_vaults(&mut snapshot, vault).await?;
    let total: i64 = vaults.iter().map(|(_, head)| head).sum();
    let bar = progress_bar(total.unsigned_abs(), "events");
    let mut report = Report { vaults: vaults.len(), ..Report::default() };
    for (vault, head) in vaults {
        report.events += check_log(&mut snapshot, vault, head, &mut report.findings).await?;
        compare(&mut snapshot, vault, &mut report.findings).await?;
        bar.inc(head.unsigned_abs());
    }
    if vault.is_none() {
        check_ids(&mut snapshot, &mut report.findings).await?;
    }
    snapshot.commit().await?;
    bar.finish_and_clear();
    report.clean = report.findings.is_empty();
    print(&report, json, out)?;
    Ok(report)
}

/// Checks that the log runs from 1 to the head without a gap, or begins with a snapshot. Returns the number of events.
async fn check_log(
    db: &mut PgConnection,
    vault: VaultId,
    head: i64,
    findings: &mut Vec<Finding>,
) -> anyhow::Result<i64> {
    let log = sqlx::query!(
        r#"SELECT count(*) AS "events!", coalesce(min(seq), 1) AS "first!", coalesce(max(seq), 0) AS "last!",
                  count(DISTINCT event_id) AS "ids!",
                  coalesce(bool_or(type = 'vault:snapshot' AND seq > 1), false) AS "compacted!"
           FROM outbox WHERE vault_id = $1"#,
        vault.get()
    )
    .fetch_one(db)
    .await?;
    let mut add_finding = |what: String| {
        findings.push(Finding { vault_id: Some(vault.get()), what, log_says: None, table_says: None });
    };
    if log.first != 1 && !log.compacted {
        add_finding(format!("the log begins at seq {} instead of 1", log.first));
    }
    if log.events != log.last - log.first + 1 {
        add_finding(format!("the log has a gap: {} events from seq {} to {}", log.events, log.first, log.last));
    }
    if log.last != head {
        add_finding(format!("the log ends at seq {}, but the vault's head is {head}", log.last));
    }
    if log.ids != log.events {
        add_finding(format!("{} events share their id with another", log.events - log.ids));
    }
    Ok(log.events)
}

/// Compares the folded log with the tables.
async fn compare(db: &mut PgConnection, vault: VaultId, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let differences = sqlx::query!(
        r#"SELECT relation AS "relation!", id AS "id!", folded, projected FROM fold_differences($1) LIMIT $2"#,
        vault.get(),
        MAX_SHOWN
    )
    .fetch_all(db)
    .await?;
    findings.extend(differences.into_iter().map(|row| Finding {
        vault_id: Some(vault.get()),
        what: format!("{} {} differs", row.relation, row.id),
        log_says: Some(row.folded.unwrap_or_else(|| "nothing".to_owned())),
        table_says: Some(row.projected.unwrap_or_else(|| "nothing".to_owned())),
    }));
    Ok(())
}

/// Checks that event ids are unique across vaults.
async fn check_ids(db: &mut PgConnection, findings: &mut Vec<Finding>) -> anyhow::Result<()> {
    let duplicates = sqlx::query_scalar!(
        r#"SELECT event_id FROM outbox GROUP BY event_id HAVING count(DISTINCT vault_id) > 1 LIMIT $1"#,
        MAX_SHOWN
    )
    .fetch_all(db)
    .await?;
    findings.extend(duplicates.into_iter().map(|id| Finding {
        vault_id: None,
        what: format!("the event id {id} occurs in the logs of several vaults"),
        log_says: None,
        table_says: None,
    }));
    Ok(())
}

fn print(report: &Report, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    if json {
        serde_json::to_writer_pretty(&mut *out, report)?;
        writeln!(out)?;
        return Ok(());
    }
    for finding in &report.findings {
        let vault = finding.vault_id.map_or_else(String::new, |id| format!("vault {id}: "));
        writeln!(out, "{vault}{}", finding.what)?;
        if let (Some(log), Some(table)) = (&finding.log_says, &finding.table_says) {
            writeln!(out, "  log:   {log}\n  table: {table}")?;
        }
    }
    let outcome = if report.clean { "the tables match the log" } else { "the projection or the log is damaged" };
    writeln!(out, "{} vaults, {} events: {outcome}", report.vaults, report.events)?;
    Ok(())
}
