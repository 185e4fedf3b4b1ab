//! All clients of one vault were offline, missed events, and reconnect at the same moment. Another vault has traffic at the
//! same time.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::task::JoinSet;

use super::size::Size;
use crate::environment::Environment;
use crate::load::Writers;
use crate::process;
use crate::results::{Figures, figures};
use crate::socket::Socket;
use crate::subscribers::Subscriber;
use crate::target::Target;
use crate::testbed::Testbed;
use crate::watch::{Sequence, Watch, histogram, quantile_ms, record};

/// Number of events that each client has missed.
const MISSED_EVENTS: u64 = 100;
/// Number of subscribers of the other vault.
const OTHER_SUBSCRIBERS: usize = 100;
/// How long the other vault is measured. The storm happens within this time.
const MEASURED_TIME: Duration = Duration::from_secs(4);
/// How long to wait for the last events.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(20);

pub async fn run(environment: &mut Environment, target: Target, size: Size) -> Result<Figures> {
    process::check_open_files(size.clients + OTHER_SUBSCRIBERS)?;
    let testbed = Testbed::start(environment, target, size.shape()).await?;
    let (away, live) = (testbed.vaults[0].clone(), testbed.vaults[1].clone());

    // The position before the missed events.
    let first = subscriber(&testbed, 0, &away, &Arc::new(Watch::new()));
    let head = Socket::connect(first.node, &first.cookie).await?.join(&away, None, &first.watch).await?;
    let writers = |vault: &str, watch: &Arc<Watch>| Writers {
        vaults: Arc::new(vec![vault.to_owned()]),
        watch: Arc::clone(watch),
        ..testbed.writers()
    };
    let rate = 1000.0;
    let until = Instant::now() + Duration::from_secs_f64((MISSED_EVENTS as f64 - 0.5) / rate);
    let missed = writers(&away, &first.watch).run_open_loop(1, rate, until, until).await?.count;

    let mut others = JoinSet::new();
    for index in 0..OTHER_SUBSCRIBERS {
        let joining = subscriber(&testbed, index, &live, &testbed.watch);
        let mut socket = Socket::connect(joining.node, &joining.cookie).await?;
        let seq = socket.join(&joining.vault, None, &joining.watch).await?;
        others.spawn(socket.listen(Sequence::After(seq), joining.watch));
    }

    // Measure the other vault before the storm, then with the storm.
    let calm = Instant::now();
    testbed.watch.time_from(calm);
    let writer = writers(&live, &testbed.watch);
    let before = writer.run_open_loop(4, size.rate, calm, calm + MEASURED_TIME / 2).await?.count;
    testbed.watch.expect(before * OTHER_SUBSCRIBERS as u64, DRAIN_TIMEOUT).await?;
    let calm = testbed.watch.latency();

    let stormy = Arc::new(Watch::new());
    let began = Instant::now();
    let (during, back) = tokio::join!(
        writer.run_open_loop(4, size.rate, began, began + MEASURED_TIME),
        storm(&testbed, &away, head, missed, size.clients, &stormy)
    );
    let (during, (mut live_again, back)) = (during?.count, back?);
    testbed.watch.expect((before + during) * OTHER_SUBSCRIBERS as u64, DRAIN_TIMEOUT).await?;
    stormy.expect(missed * size.clients as u64, DRAIN_TIMEOUT).await?;
    let mut live = testbed.watch.latency();
    live.subtract(&calm).ok();
    live_again.shutdown().await;
    drop(others);
    testbed.stop(environment).await?;
    Ok(figures([
        ("live_again_p50_ms", quantile_ms(&back, 0.5)),
        ("live_again_all_ms", quantile_ms(&back, 1.0)),
        ("others_calm_p99_ms", quantile_ms(&calm, 0.99)),
        ("others_p50_ms", quantile_ms(&live, 0.5)),
        ("others_p99_ms", quantile_ms(&live, 0.99)),
    ]))
}

fn subscriber(testbed: &Testbed, index: usize, vault: &str, watch: &Arc<Watch>) -> Subscriber {
    Subscriber { vault: vault.to_owned(), watch: Arc::clone(watch), ..testbed.subscriber(index) }
}

/// Connects all clients at the same moment. Times each of them from that moment until it has joined and has received what it
/// missed.
async fn storm(
    testbed: &Testbed,
    vault: &str,
    head: u64,
    missed: u64,
    clients: usize,
    watch: &Arc<Watch>,
) -> Result<(JoinSet<()>, hdrhistogram::Histogram<u64>)> {
    // Start after the other vault's traffic, so that the storm falls within it.
    tokio::time::sleep(MEASURED_TIME / 8).await;
    let began = Instant::now();
    let (mut joins, mut live, mut times) = (JoinSet::new(), JoinSet::new(), histogram());
    for index in 0..clients {
        let joining = subscriber(testbed, index, vault, watch);
        joins.spawn(async move {
            let mut socket = Socket::connect(joining.node, &joining.cookie).await?;
            let seq = socket.join(&joining.vault, Some(head), &joining.watch).await?;
            anyhow::ensure!(seq == head + missed, "joined at position {seq} instead of {}", head + missed);
            anyhow::Ok((socket, seq, began.elapsed(), joining.watch))
        });
    }
    while let Some(joined) = joins.join_next().await {
        let (socket, seq, took, watch) = joined??;
        record(&mut times, took);
        live.spawn(socket.listen(Sequence::After(seq), watch));
    }
    anyhow::ensure!(
        times.len() == clients as u64,
        "only {} clients were live again after {:.1} s",
        times.len(),
        began.elapsed().as_secs_f64()
    );
    Ok((live, times))
}
