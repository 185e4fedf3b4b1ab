//! Append and catch-up with a small and a large outbox. The ceiling of read throughput is `COPY`.

use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::StreamExt;
use sqlx::postgres::PgPoolCopyExt;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use super::mutations;
use super::size::Size;
use crate::database;
use crate::environment::Environment;
use crate::results::{Figures, figures};
use crate::socket::Socket;
use crate::target::Target;
use crate::testbed::Testbed;

/// Clients that catch up at the same time, each in its own vault.
const CLIENTS: usize = 50;
/// How often they catch up.
const ROUNDS: usize = 20;
/// Number of events that each client has missed.
const BACKLOG: u64 = 200;

pub async fn run(environment: &mut Environment, target: Target, size: Size) -> Result<Vec<Figures>> {
    let mut both = Vec::new();
    for (vaults, events) in [(CLIENTS, BACKLOG), (size.vaults, (size.rows / size.vaults as u64).max(BACKLOG))] {
        let testbed = Testbed::start(environment, target, size.shape()).await?;
        fill(&testbed.url, vaults, events).await?;
        let mut run = mutations::measure(&testbed, size).await?;
        run.extend(catch_up(&testbed).await?);
        both.push(run);
        testbed.stop(environment).await?;
    }
    Ok(both)
}

/// Adds `events` events to each of the first `vaults` vaults, with SQL only. The vaults alternate, as in real traffic.
async fn fill(url: &str, vaults: usize, events: u64) -> Result<()> {
    let mut connection = database::connect(url).await?;
    let sql = include_str!("../../sql/fill.sql");
    let sql = sql.replace("@vaults@", &vaults.to_string()).replace("@events@", &events.to_string());
    database::execute(&mut connection, sql).await?;
    for statement in ["VACUUM ANALYZE outbox", "VACUUM vaults", "CHECKPOINT"] {
        database::execute(&mut connection, statement.to_owned()).await?;
    }
    Ok(())
}

async fn catch_up(testbed: &Testbed) -> Result<Figures> {
    let began = Instant::now();
    let received_before = testbed.watch.received();
    for _ in 0..ROUNDS {
        let mut joins = JoinSet::new();
        for index in 0..CLIENTS {
            let subscriber = testbed.subscriber(index);
            joins.spawn(async move {
                let mut probe = Socket::connect(subscriber.node, &subscriber.cookie).await?;
                let head = probe.join(&subscriber.vault, None, &subscriber.watch).await?;
                let mut socket = Socket::connect(subscriber.node, &subscriber.cookie).await?;
                socket.join(&subscriber.vault, Some(head - BACKLOG), &subscriber.watch).await
            });
        }
        while let Some(joined) = joins.join_next().await {
            joined??;
        }
    }
    let took = began.elapsed().as_secs_f64();
    let events = testbed.watch.received() - received_before;
    ensure!(
        events == BACKLOG * (CLIENTS * ROUNDS) as u64,
        "received {events} events, which is not the number of missed events"
    );
    testbed.watch.expect(testbed.watch.received(), std::time::Duration::ZERO).await?;
    let (rows, bytes, copied) = copy(&testbed.url).await?;
    Ok(figures([
        ("catch_up_events_per_s", events as f64 / took),
        ("log_rows", rows as f64),
        ("copy_rows_per_s", rows as f64 / copied),
        ("copy_mib_per_s", bytes as f64 / 1024.0 / 1024.0 / copied),
    ]))
}

/// Reads the whole log as fast as PostgreSQL can send it. Returns the rows, the bytes and the seconds.
async fn copy(url: &str) -> Result<(i64, usize, f64)> {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
    let rows = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&pool).await?;
    let (began, mut bytes) = (Instant::now(), 0);
    let mut data = pool.copy_out_raw("COPY outbox TO STDOUT (FORMAT binary)").await?;
    while let Some(chunk) = data.next().await {
        bytes += chunk?.len();
    }
    let took = began.elapsed().as_secs_f64();
    drop(data);
    pool.close().await;
    Ok((rows, bytes, took))
}
