//! Everybody of one vault was away, missed events, and comes back at once; another vault goes on meanwhile.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::Size;
use crate::bed::{Bed, Lab, Subscriber, seconds};
use crate::load::Writers;
use crate::proc;
use crate::results::{Figures, figures};
use crate::socket::Socket;
use crate::target::Target;
use crate::watch::{Sequence, Watch, histogram, quantile_ms, record};

/// Events that everybody missed.
const MISSED: u64 = 100;
/// Subscribers of the vault that goes on.
const OTHERS: usize = 100;
/// Live delivery is watched for so long: the storm falls into it.
const LIVE: Duration = Duration::from_secs(4);
/// How long the last events may take.
const DRAIN: Duration = Duration::from_secs(20);

pub async fn run(lab: &mut Lab, target: Target, size: Size) -> Result<Figures> {
    proc::check_open_files(size.clients + OTHERS)?;
    let bed = Bed::make(lab, target, size.shape()).await?;
    let (away, live) = (bed.vaults[0].clone(), bed.vaults[1].clone());

    // The position before the events that everybody misses.
    let first = subscriber(&bed, 0, &away, &Arc::new(Watch::new()));
    let head = Socket::connect(first.node, &first.cookie).await?.join(&away, None, &first.watch).await?;
    let writers = |vault: &str, watch: &Arc<Watch>| Writers {
        vaults: Arc::new(vec![vault.to_owned()]),
        watch: Arc::clone(watch),
        ..bed.writers()
    };
    let rate = 1000.0;
    let until = Instant::now() + Duration::from_secs_f64((MISSED as f64 - 0.5) / rate);
    let missed = writers(&away, &first.watch).open(1, rate, until, until).await?.count;

    let mut others = JoinSet::new();
    for index in 0..OTHERS {
        let who = subscriber(&bed, index, &live, &bed.watch);
        let mut socket = Socket::connect(who.node, &who.cookie).await?;
        let seq = socket.join(&who.vault, None, &who.watch).await?;
        others.spawn(socket.listen(Sequence::After(seq), who.watch));
    }

    // Before the storm, and with it in the middle.
    let calm = Instant::now();
    bed.watch.time_from(calm);
    let writer = writers(&live, &bed.watch);
    let before = writer.open(4, size.rate, calm, calm + LIVE / 2).await?.count;
    bed.watch.complete(before * OTHERS as u64, DRAIN).await?;
    let calm = bed.watch.latency();

    let stormy = Arc::new(Watch::new());
    let began = Instant::now();
    let (during, back) = tokio::join!(
        writer.open(4, size.rate, began, began + LIVE),
        storm(&bed, &away, head, missed, size.clients, &stormy)
    );
    let (during, (mut live_again, back)) = (during?.count, back?);
    bed.watch.complete((before + during) * OTHERS as u64, DRAIN).await?;
    stormy.complete(missed * size.clients as u64, DRAIN).await?;
    let mut live = bed.watch.latency();
    live.subtract(&calm).ok();
    live_again.shutdown().await;
    drop(others);
    bed.end(lab).await?;
    Ok(figures([
        ("live_again_p50_ms", quantile_ms(&back, 0.5)),
        ("live_again_all_ms", quantile_ms(&back, 1.0)),
        ("others_calm_p99_ms", quantile_ms(&calm, 0.99)),
        ("others_p50_ms", quantile_ms(&live, 0.5)),
        ("others_p99_ms", quantile_ms(&live, 0.99)),
    ]))
}

fn subscriber(bed: &Bed, index: usize, vault: &str, watch: &Arc<Watch>) -> Subscriber {
    Subscriber { vault: vault.to_owned(), watch: Arc::clone(watch), ..bed.subscriber(index) }
}

/// All come at the same moment; each is timed from then until it is live with what it missed.
async fn storm(
    bed: &Bed,
    vault: &str,
    head: u64,
    missed: u64,
    clients: usize,
    watch: &Arc<Watch>,
) -> Result<(JoinSet<()>, hdrhistogram::Histogram<u64>)> {
    // In the middle of what the others are watched for.
    tokio::time::sleep(LIVE / 8).await;
    let began = Instant::now();
    let (mut joins, mut live, mut times) = (JoinSet::new(), JoinSet::new(), histogram());
    for index in 0..clients {
        let who = subscriber(bed, index, vault, watch);
        joins.spawn(async move {
            let mut socket = Socket::connect(who.node, &who.cookie).await?;
            let seq = socket.join(&who.vault, Some(head), &who.watch).await?;
            anyhow::ensure!(seq == head + missed, "joined at {seq}, where {} was expected", head + missed);
            anyhow::Ok((socket, seq, began.elapsed(), who.watch))
        });
    }
    while let Some(joined) = joins.join_next().await {
        let (socket, seq, took, watch) = joined??;
        record(&mut times, took);
        live.spawn(socket.listen(Sequence::After(seq), watch));
    }
    anyhow::ensure!(times.len() == clients as u64, "not all came back after {:.1} s", seconds(began));
    Ok((live, times))
}
