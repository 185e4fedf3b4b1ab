//! Many idle sockets: what each takes, how long joining takes, and whether all hear one event.

use std::time::{Duration, Instant};

use anyhow::Result;
use tokio::time::sleep;

use super::Size;
use crate::bed::{Bed, Lab, seconds};
use crate::proc;
use crate::results::{Figures, figures};
use crate::target::Target;
use crate::watch::quantile_ms;

/// How long memory may take to settle, before it is read and after everybody left.
const SETTLE: Duration = Duration::from_secs(3);
/// How long one event may take to everybody.
const DRAIN: Duration = Duration::from_secs(30);

pub async fn run(lab: &mut Lab, target: Target, size: Size) -> Result<Figures> {
    proc::check_open_files(size.clients)?;
    let mut bed = Bed::make(lab, target, size.shape()).await?;
    bed.restart(lab).await?;
    let rss = || proc::rss_kib(&bed.running.pids());
    let before = rss()?;
    let began = Instant::now();
    let mut subscribers = bed.subscribe(size.clients).await?;
    let joined = seconds(began);
    sleep(SETTLE).await;
    let idle = rss()?;
    let now = Instant::now();
    bed.watch.time_from(now);
    // One mutation: the clock runs out before the second.
    let written = bed.writers().open(1, 1.0, now, now + Duration::from_millis(500)).await?;
    bed.watch.complete(written.count * size.clients as u64, DRAIN).await?;
    let latency = bed.watch.latency();
    let busy = rss()?;
    subscribers.tasks.shutdown().await;
    sleep(SETTLE).await;
    let after = rss()?;
    bed.end(lab).await?;
    let each = size.clients as f64;
    Ok(figures([
        ("rss_per_socket_kib", (idle - before) / each),
        ("rss_per_socket_after_broadcast_kib", (busy - before) / each),
        ("rss_start_mib", before / 1024.0),
        ("rss_joined_mib", idle / 1024.0),
        ("rss_left_mib", after / 1024.0),
        ("rss_kept_share", (after - before) / (busy - before)),
        ("join_all_s", joined),
        ("broadcast_p50_ms", quantile_ms(&latency, 0.5)),
        ("broadcast_all_ms", quantile_ms(&latency, 1.0)),
    ]))
}
