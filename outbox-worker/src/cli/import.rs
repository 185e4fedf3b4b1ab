//! `import`: restores the system from an export, into a database without vaults, all or nothing.
//!
//! The log contains no accounts. Users that are missing from the database are added with their name from the log and a
//! password hash that matches no password. They can sign in again once an operator sets their address and password.

use std::collections::HashMap;
use std::io::{BufRead, Write};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use crate::export_format::{ExportEvent, ExportTotals, ExportTrailer, hex};
use crate::progress::progress_bar;

/// Events per INSERT.
const BATCH_SIZE: usize = 1000;

/// Reads an export and rebuilds the projection, in one transaction.
///
/// # Errors
/// The database has vaults; the input was truncated or edited, or is not an export of whole logs; or the database cannot
/// be written. Each error leaves the database unchanged.
pub async fn run(pool: &PgPool, input: &mut impl BufRead, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut transaction = pool.begin().await?;
    require_empty(&mut transaction).await?;
    let mut import = Import::default();
    let bar = progress_bar(0, "events");
    let end = loop {
        let mut text = String::new();
        if input.read_line(&mut text).context("the input cannot be read")? == 0 {
            bail!("the input is truncated: its last line, which counts the events, is missing");
        }
        match serde_json::from_str::<ExportTrailer>(&text) {
            Ok(trailer) => break trailer.end,
            Err(_) => import.add_line(&text)?,
        }
        bar.inc(1);
        if import.batch.len() == BATCH_SIZE {
            import.write_batch(&mut transaction).await?;
        }
    };
    if !input.fill_buf().context("the input cannot be read")?.is_empty() {
        bail!(
            "the input continues after line {}, which ends an export: import one export at a time",
            import.events + 1
        );
    }
    import.write_batch(&mut transaction).await?;
    import.check_totals(&end)?;
    for vault in import.heads.keys() {
        sqlx::query_scalar!("SELECT rebuild_vault($1)", vault).fetch_one(&mut *transaction).await?;
    }
    transaction.commit().await?;
    bar.finish_and_clear();
    if json {
        writeln!(out, "{}", json!({ "events": import.events, "vaults": import.heads.len() }))?;
    } else {
        writeln!(out, "{} events of {} vaults imported", import.events, import.heads.len())?;
    }
    Ok(())
}

async fn require_empty(db: &mut PgConnection) -> anyhow::Result<()> {
    let has_vaults = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM vaults) AS "taken!""#).fetch_one(db).await?;
    if has_vaults {
        bail!("the database already has vaults: import needs a database without vaults");
    }
    Ok(())
}

#[derive(Default)]
struct Import {
    batch: Vec<ExportEvent>,
    events: u64,
    hash: Sha256,
    /// The seq of each vault's last line.
    heads: HashMap<Uuid, i64>,
    /// The names of users, from the log.
    names: HashMap<Uuid, String>,
}

impl Import {
    /// Checks one line and adds it to the batch.
    fn add_line(&mut self, text: &str) -> anyhow::Result<()> {
        let number = self.events + 1;
        let line: ExportEvent = serde_json::from_str(text).with_context(|| format!("line {number} is not an event"))?;
        let starts_a_log = line.seq == 1 || line.r#type == "vault:snapshot";
        let continues = match self.heads.get(&line.vault_id) {
            Some(head) => line.seq == head + 1,
            None => starts_a_log,
        };
        if !continues {
            bail!("line {number}: the log of vault {} does not continue at seq {}", line.vault_id, line.seq);
        }
        self.heads.insert(line.vault_id, line.seq);
        self.names.extend(user_names(line.payload.get()));
        self.names.entry(line.actor_id).or_insert_with(|| "Unknown".to_owned());
        self.hash.update(text);
        self.events += 1;
        self.batch.push(line);
        Ok(())
    }

    /// Compares the lines with the totals of the last line.
    fn check_totals(&mut self, end: &ExportTotals) -> anyhow::Result<()> {
        if end.events != self.events {
            bail!("the input has {} events, but its last line counts {}", self.events, end.events);
        }
        if end.sha256 != hex(&std::mem::take(&mut self.hash).finalize()) {
            bail!("the input was edited after the export: its SHA-256 does not match");
        }
        Ok(())
    }

    /// Writes the batch, with the users and vaults that it needs.
    async fn write_batch(&mut self, db: &mut PgConnection) -> anyhow::Result<()> {
        let (ids, names): (Vec<Uuid>, Vec<String>) = self.names.drain().unzip();
        sqlx::query!(
            "INSERT INTO users (id, email, name, password_hash)
             SELECT u.id, u.id || '@imported.invalid', u.name, '!' FROM unnest($1::uuid[], $2::text[]) AS u (id, name)
             ON CONFLICT ON CONSTRAINT users_pkey DO NOTHING",
            &ids,
            &names
        )
        .execute(&mut *db)
        .await?;
        let batch = std::mem::take(&mut self.batch);
        let vaults: Vec<Uuid> = batch.iter().map(|line| line.vault_id).collect();
        // The rebuild sets names and times from the log.
        sqlx::query!(
            "INSERT INTO vaults (id, name, head_seq, created_at, updated_at)
             SELECT DISTINCT v.id, '?', 1, now(), now() FROM unnest($1::uuid[]) AS v (id)
             ON CONFLICT ON CONSTRAINT vaults_pkey DO NOTHING",
            &vaults
        )
        .execute(&mut *db)
        .await?;
        sqlx::query!(
            "INSERT INTO outbox (vault_id, seq, event_id, type, payload, actor_id, created_at)
             SELECT o.vault_id, o.seq, o.event_id, o.type, o.payload::json, o.actor_id, o.created_at
             FROM unnest($1::uuid[], $2::bigint[], $3::uuid[], $4::text[], $5::text[], $6::uuid[], $7::timestamptz[])
                 AS o (vault_id, seq, event_id, type, payload, actor_id, created_at)",
            &vaults,
            &batch.iter().map(|line| line.seq).collect::<Vec<_>>(),
            &batch.iter().map(|line| line.event_id).collect::<Vec<_>>(),
            &batch.iter().map(|line| line.r#type.clone()).collect::<Vec<_>>(),
            &batch.iter().map(|line| line.payload.get().to_owned()).collect::<Vec<_>>(),
            &batch.iter().map(|line| line.actor_id).collect::<Vec<_>>(),
            &batch.iter().map(|line| line.created_at).collect::<Vec<_>>(),
        )
        .execute(db)
        .await?;
        Ok(())
    }
}

/// Returns the users that a payload names.
fn user_names(payload: &str) -> Vec<(Uuid, String)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct UserRef {
        user_id: Uuid,
        user_name: String,
    }
    #[derive(Deserialize)]
    struct Payload {
        actor: Option<UserRef>,
        member: Option<UserRef>,
        #[serde(default)]
        members: Vec<UserRef>,
    }
    let Ok(payload) = serde_json::from_str::<Payload>(payload) else { return Vec::new() };
    let all = payload.actor.into_iter().chain(payload.member).chain(payload.members);
    all.map(|named| (named.user_id, named.user_name)).collect()
}
