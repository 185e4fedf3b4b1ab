//! `import`: brings the system back from an export, into an empty database, all or nothing.
//!
//! The log holds no accounts. Users that are not in the database are added with the name that the log knows and a
//! password that matches nothing; they get in again once an operator gives them an address and a password.

use std::collections::HashMap;
use std::io::{BufRead, Write};

use anyhow::{Context, bail};
use serde::Deserialize;
use serde_json::json;
use sha2::{Digest, Sha256};
use sqlx::{PgConnection, PgPool};
use uuid::Uuid;

use super::export::{End, Line, Trailer, hex};
use super::progress;

const BATCH: usize = 1000;

/// Reads an export and rebuilds the projection, in one transaction.
///
/// # Errors
/// The database is not empty; the input was cut or edited, or is no export of whole logs; the database cannot be
/// written. Nothing is changed then.
pub async fn run(pool: &PgPool, input: &mut impl BufRead, json: bool, out: &mut impl Write) -> anyhow::Result<()> {
    let mut transaction = pool.begin().await?;
    require_empty(&mut transaction).await?;
    let mut import = Import::default();
    let bar = progress(0, "events");
    let end = loop {
        let mut text = String::new();
        if input.read_line(&mut text).context("the input cannot be read")? == 0 {
            bail!("the input was cut: its last line, which counts the events, is missing");
        }
        match serde_json::from_str::<Trailer>(&text) {
            Ok(trailer) => break trailer.end,
            Err(_) => import.take(&text)?,
        }
        bar.inc(1);
        if import.batch.len() == BATCH {
            import.write(&mut transaction).await?;
        }
    };
    if !input.fill_buf().context("the input cannot be read")?.is_empty() {
        bail!("the input goes on after line {}, which ends an export: import one export", import.events + 1);
    }
    import.write(&mut transaction).await?;
    import.check(&end)?;
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
    let taken = sqlx::query_scalar!(r#"SELECT EXISTS (SELECT FROM vaults) AS "taken!""#).fetch_one(db).await?;
    if taken {
        bail!("the database has vaults already: import needs one without");
    }
    Ok(())
}

#[derive(Default)]
struct Import {
    batch: Vec<Line>,
    events: u64,
    hash: Sha256,
    /// Per vault, the seq of its last line.
    heads: HashMap<Uuid, i64>,
    /// Names of users, as the log tells them.
    names: HashMap<Uuid, String>,
}

impl Import {
    fn take(&mut self, text: &str) -> anyhow::Result<()> {
        let number = self.events + 1;
        let line: Line = serde_json::from_str(text).with_context(|| format!("line {number} is no event"))?;
        let whole = line.seq == 1 || line.r#type == "vault:snapshot";
        let follows = match self.heads.get(&line.vault_id) {
            Some(head) => line.seq == head + 1,
            None => whole,
        };
        if !follows {
            bail!("line {number}: the log of vault {} does not continue at seq {}", line.vault_id, line.seq);
        }
        self.heads.insert(line.vault_id, line.seq);
        self.names.extend(names(line.payload.get()));
        self.names.entry(line.actor_id).or_insert_with(|| "Unknown".to_owned());
        self.hash.update(text);
        self.events += 1;
        self.batch.push(line);
        Ok(())
    }

    fn check(&mut self, end: &End) -> anyhow::Result<()> {
        if end.events != self.events {
            bail!("the input has {} events and says that it has {}", self.events, end.events);
        }
        if end.sha256 != hex(&std::mem::take(&mut self.hash).finalize()) {
            bail!("the input was changed since it was exported: its SHA-256 does not match");
        }
        Ok(())
    }

    async fn write(&mut self, db: &mut PgConnection) -> anyhow::Result<()> {
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
        // Names and times follow from the log, when the projection is rebuilt.
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

/// The users that a payload names.
fn names(payload: &str) -> Vec<(Uuid, String)> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Named {
        user_id: Uuid,
        user_name: String,
    }
    #[derive(Deserialize)]
    struct Payload {
        actor: Option<Named>,
        member: Option<Named>,
        #[serde(default)]
        members: Vec<Named>,
    }
    let Ok(payload) = serde_json::from_str::<Payload>(payload) else { return Vec::new() };
    let all = payload.actor.into_iter().chain(payload.member).chain(payload.members);
    all.map(|named| (named.user_id, named.user_name)).collect()
}
