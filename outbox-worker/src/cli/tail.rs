//! `tail`: follows the log live, one JSON line per event, each vault in order and without a gap.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;
use serde_json::value::RawValue;
use sqlx::PgPool;
use syncscript_types::{Event, Seq, VaultId};
use uuid::Uuid;

use outbox_worker::{PendingVaults, WakeSignal, listener, log, retry};

/// How often to compare all vaults with their heads, for events that no notification announced.
const SWEEP: Duration = Duration::from_secs(1);
/// Events of one vault per read.
const PAGE_SIZE: i64 = 500;

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct OutputLine<'a> {
    vault_id: VaultId,
    seq: Seq,
    event_id: Uuid,
    r#type: &'a str,
    payload: &'a RawValue,
    created_at: String,
}

/// Prints the events of `vault` (by default, of all vaults) after `after` (by default, from now on), then follows new
/// events as they are committed, until the output is closed. Waits for a database that becomes unavailable.
///
/// # Errors
/// The vault does not exist, the database cannot be reached at the start, or the log has a gap.
pub async fn run(
    pool: &PgPool,
    vault: Option<VaultId>,
    after: Option<Seq>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let signal = Arc::new(WakeSignal::default());
    let listening = tokio::spawn(listener::run((*pool.connect_options()).clone(), Arc::clone(&signal), Uuid::nil()));
    let result = follow(pool, &signal, vault, after, out).await;
    listening.abort();
    match result {
        // The reader of the pipe stopped reading: `tail | head` is not a failure.
        Err(error) if error.downcast_ref::<std::io::Error>().is_some_and(is_broken_pipe) => Ok(()),
        other => other,
    }
}

fn is_broken_pipe(error: &std::io::Error) -> bool {
    error.kind() == std::io::ErrorKind::BrokenPipe
}

async fn follow(
    pool: &PgPool,
    signal: &WakeSignal,
    only: Option<VaultId>,
    after: Option<Seq>,
    out: &mut impl Write,
) -> anyhow::Result<()> {
    let heads = log::read_heads(pool).await?;
    if let Some(vault) = only
        && !heads.iter().any(|(id, _)| *id == vault)
    {
        anyhow::bail!("there is no vault {vault}: `outbox-worker status` lists the vaults");
    }
    let mut positions: HashMap<VaultId, Seq> = heads
        .into_iter()
        .filter(|(id, _)| only.is_none_or(|vault| vault == *id))
        .map(|(id, head)| (id, after.unwrap_or(head)))
        .collect();
    let mut sweep = tokio::time::interval(SWEEP);
    loop {
        let pending = tokio::select! {
            pending = signal.wait() => pending,
            _ = sweep.tick() => PendingVaults::sweep(),
        };
        let mut unread: HashSet<VaultId> = pending.vaults;
        if pending.sweep {
            let heads = retry::until_ok("reading the heads", || log::read_heads(pool)).await;
            unread.extend(heads.into_iter().filter(|(id, head)| positions.get(id) < Some(head)).map(|(id, _)| id));
        }
        unread.retain(|id| only.is_none_or(|vault| vault == *id));
        while !unread.is_empty() {
            // A vault created after the start is followed from its first event.
            let from: Vec<_> = unread.iter().map(|id| (*id, *positions.get(id).unwrap_or(&Seq::START))).collect();
            let events = retry::until_ok("reading the log", || log::read_after(pool, &from, PAGE_SIZE)).await;
            unread.clear();
            for event in events {
                let last = positions.entry(event.vault_id).or_insert(Seq::START);
                if event.seq != last.next() && *last != Seq::START {
                    anyhow::bail!("the log of vault {} has a gap after seq {last}", event.vault_id);
                }
                *last = event.seq;
                unread.insert(event.vault_id);
                print(&event, out)?;
            }
            out.flush()?;
        }
    }
}

fn print(event: &Event, out: &mut impl Write) -> anyhow::Result<()> {
    let line = OutputLine {
        vault_id: event.vault_id,
        seq: event.seq,
        event_id: event.event_id,
        r#type: event.kind.as_str(),
        payload: &event.payload,
        created_at: event.created_at.to_rfc3339_opts(chrono::SecondsFormat::Millis, true),
    };
    // Through a string, so that a closed pipe surfaces as an io::Error.
    writeln!(out, "{}", serde_json::to_string(&line)?)?;
    Ok(())
}
