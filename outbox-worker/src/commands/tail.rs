//! `tail`: follows the log live, one JSON line an event, each vault in order and without a hole.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::PgPool;
use syncscript_types::{Event, Seq, VaultId};
use uuid::Uuid;

use crate::{Wake, listen, log, retry};

/// Vaults that sent no notification are looked at this often.
const SWEEP: Duration = Duration::from_secs(1);
const PAGE: i64 = 500;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    vault_id: VaultId,
    seq: Seq,
    event_id: Uuid,
    r#type: &'a str,
    payload: &'a RawValue,
    created_at: String,
}

/// Prints the events after `after` (without it: from now on) of `vault` (without it: of all vaults), then goes on as
/// they are committed, until the output is closed. A lost database is waited for.
///
/// # Errors
/// The vault is unknown, the database cannot be reached at the start, or the log has a hole.
pub async fn run(
    pool: &PgPool,
    vault: Option<VaultId>,
    after: Option<Seq>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let wake = Arc::new(Wake::default());
    let listening = tokio::spawn(listen::run((*pool.connect_options()).clone(), Arc::clone(&wake), Uuid::nil()));
    let result = follow(pool, &wake, vault, after, out).await;
    listening.abort();
    match result {
        // The reader of a pipe has seen enough: `tail | head` is no failure.
        Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(is_broken_pipe) => Ok(()),
        other => other,
    }
}

fn is_broken_pipe(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}

async fn follow(
    pool: &PgPool,
    wake: &Wake,
    only: Option<VaultId>,
    after: Option<Seq>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let heads = log::heads(pool).await?;
    if let Some(vault) = only
        && !heads.iter().any(|(id, _)| *id == vault)
    {
        anyhow::bail!("there is no vault {vault}; `outbox-worker status` lists them");
    }
    let mut positions: HashMap<VaultId, Seq> = heads
        .into_iter()
        .filter(|(id, _)| only.is_none_or(|vault| vault == *id))
        .map(|(id, head)| (id, after.unwrap_or(head)))
        .collect();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        let dirty = tokio::select! {
            dirty = wake.next() => dirty,
            _ = sweep.tick() => crate::wake::Dirty { sweep: true, ..Default::default() },
        };
        let mut due: HashSet<VaultId> = dirty.vaults;
        if dirty.sweep {
            let heads = retry::until_ok("reading the heads", || log::heads(pool)).await;
            due.extend(heads.into_iter().filter(|(id, head)| positions.get(id) < Some(head)).map(|(id, _)| id));
        }
        due.retain(|id| only.is_none_or(|vault| vault == *id));
        while !due.is_empty() {
            // A vault that is new since the start is followed from its first event.
            let from: Vec<_> = due.iter().map(|id| (*id, *positions.get(id).unwrap_or(&Seq::START))).collect();
            let events = retry::until_ok("reading the log", || log::read_after(pool, &from, PAGE)).await;
            due.clear();
            for event in events {
                let last = positions.entry(event.vault_id).or_insert(Seq::START);
                if event.seq != last.next() && *last != Seq::START {
                    anyhow::bail!("the log of vault {} has a hole after seq {last}", event.vault_id);
                }
                *last = event.seq;
                due.insert(event.vault_id);
                print(&event, out)?;
            }
            out.flush()?;
        }
    }
}

fn print(event: &Event, out: &mut impl Write) -> anyhow::Result<()> {
    let line = Line {
        vault_id: event.vault_id,
        seq: event.seq,
        event_id: event.event_id,
        r#type: event.kind.as_str(),
        payload: &event.payload,
        created_at: event.created_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    };
    // Through a string, so that a closed pipe surfaces as the io::Error it is.
    writeln!(out, "{}", serde_json::to_string(&line)?)?;
    Ok(())
}
