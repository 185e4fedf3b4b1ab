//! Many idle sockets: memory per socket, duration of the joins, and delivery of one event to all of them.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::size::Size;
use crate::environment::Environment;
use crate::process;
use crate::results::{Figures, figures};
use crate::target::Target;
use crate::testbed::Testbed;
use crate::watch::quantile_ms;

/// How long to wait before memory is read, so that it settles.
const SETTLE_TIME: Duration = Duration::from_secs(3);
/// How long to wait until all sockets have received the event.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(30);

pub async fn run(environment: &mut Environment, target: Target, size: Size) -> Result<Figures> {
    process::check_open_files(size.clients)?;
    let mut testbed = Testbed::start(environment, target, size.shape()).await?;
    testbed.restart(environment).await?;
    let rss = || process::rss_kib(&testbed.running.pids());
    let before = rss()?;
    let began = Instant::now();
    let mut subscribers = testbed.subscribe(size.clients).await?;
    let joined = began.elapsed().as_secs_f64();
    sleep(SETTLE_TIME).await;
    let idle = rss()?;
    let now = Instant::now();
    testbed.watch.time_from(now);
    // A single mutation, because the time ends before the second.
    let written = testbed.writers().run_open_loop(1, 1.0, now, now + Duration::from_millis(500)).await?;
    testbed.watch.expect(written.count * size.clients as u64, DRAIN_TIMEOUT).await?;
    let latency = testbed.watch.latency();
    let busy = rss()?;
    subscribers.tasks.shutdown().await;
    sleep(SETTLE_TIME).await;
    let after = rss()?;
    testbed.stop(environment).await?;
    let sockets = size.clients as f64;
    Ok(figures([
        ("rss_per_socket_kib", (idle - before) / sockets),
        ("rss_per_socket_after_broadcast_kib", (busy - before) / sockets),
        ("rss_start_mib", before / 1024.0),
        ("rss_joined_mib", idle / 1024.0),
        ("rss_left_mib", after / 1024.0),
        ("rss_kept_share", (after - before) / (busy - before)),
        ("join_all_s", joined),
        ("broadcast_p50_ms", quantile_ms(&latency, 0.5)),
        ("broadcast_all_ms", quantile_ms(&latency, 1.0)),
    ]))
}
