//! Append and catch-up with a large outbox and with a small one, in turn. The ceiling of reading is `COPY`.

use std::time::Instant;

use anyhow::{Result, ensure};
use futures_util::StreamExt;
use sqlx::postgres::PgPoolCopyExt;
use sqlx::postgres::PgPoolOptions;
use tokio::task::JoinSet;

use super::{Size, mutations};
use crate::bed::{Bed, Lab, seconds};
use crate::database;
use crate::results::{Figures, figures};
use crate::socket::Socket;
use crate::target::Target;

/// Vaults that are caught up with at once, how often, and events that each client missed.
const CLIENTS: usize = 50;
const ROUNDS: usize = 20;
const BACKLOG: u64 = 200;

pub async fn run(lab: &mut Lab, target: Target, size: Size) -> Result<Vec<Figures>> {
    let mut both = Vec::new();
    for (vaults, events) in [(CLIENTS, BACKLOG), (size.vaults, (size.rows / size.vaults as u64).max(BACKLOG))] {
        let bed = Bed::make(lab, target, size.shape()).await?;
        fill(&bed.url, vaults, events).await?;
        let mut run = mutations::measure(&bed, size).await?;
        run.extend(catch_up(&bed).await?);
        both.push(run);
        bed.end(lab).await?;
    }
    Ok(both)
}

/// Gives the first vaults so many events more, one vault after the other as traffic would, by SQL alone.
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

async fn catch_up(bed: &Bed) -> Result<Figures> {
    let began = Instant::now();
    let had = bed.watch.received();
    for _ in 0..ROUNDS {
        let mut joins = JoinSet::new();
        for index in 0..CLIENTS {
            let who = bed.subscriber(index);
            joins.spawn(async move {
                let mut probe = Socket::connect(who.node, &who.cookie).await?;
                let head = probe.join(&who.vault, None, &who.watch).await?;
                let mut socket = Socket::connect(who.node, &who.cookie).await?;
                socket.join(&who.vault, Some(head - BACKLOG), &who.watch).await
            });
        }
        while let Some(joined) = joins.join_next().await {
            joined??;
        }
    }
    let took = seconds(began);
    let events = bed.watch.received() - had;
    ensure!(events == BACKLOG * (CLIENTS * ROUNDS) as u64, "{events} events came, which is not what was missed");
    bed.watch.complete(bed.watch.received(), std::time::Duration::ZERO).await?;
    let (rows, bytes, copied) = copy(&bed.url).await?;
    Ok(figures([
        ("catch_up_events_per_s", events as f64 / took),
        ("log_rows", rows as f64),
        ("copy_rows_per_s", rows as f64 / copied),
        ("copy_mib_per_s", bytes as f64 / 1024.0 / 1024.0 / copied),
    ]))
}

/// Reads the whole log, as fast as PostgreSQL can tell it.
async fn copy(url: &str) -> Result<(i64, usize, f64)> {
    let pool = PgPoolOptions::new().max_connections(1).connect(url).await?;
    let rows = sqlx::query_scalar("SELECT count(*) FROM outbox").fetch_one(&pool).await?;
    let (began, mut bytes) = (Instant::now(), 0);
    let mut data = pool.copy_out_raw("COPY outbox TO STDOUT (FORMAT binary)").await?;
    while let Some(chunk) = data.next().await {
        bytes += chunk?.len();
    }
    let took = seconds(began);
    drop(data);
    pool.close().await;
    Ok((rows, bytes, took))
}
