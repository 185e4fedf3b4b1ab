//! From a mutation to its subscribers: open loop, so a server that falls behind shows it.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::Size;
use crate::bed::{Bed, Lab};
use crate::proc;
use crate::results::{Figures, figures};
use crate::target::Target;
use crate::watch::quantile_ms;

/// Connections that mutate.
const WRITERS: usize = 16;
/// How long the last events may take.
const DRAIN: Duration = Duration::from_secs(10);

pub async fn run(lab: &mut Lab, target: Target, size: Size) -> Result<Figures> {
    proc::check_open_files(size.clients)?;
    let bed = Bed::make(lab, target, size.shape()).await?;
    let subscribers = bed.subscribe(size.clients).await?;
    let from = Instant::now() + size.warm_up;
    let until = from + size.time;
    bed.watch.time_from(from);
    let writers = bed.writers();
    let (written, used) = tokio::join!(writers.open(WRITERS, size.rate, from, until), async {
        tokio::time::sleep_until(from.into()).await;
        let (before, received) = (bed.cpu(), bed.watch.received());
        tokio::time::sleep_until(until.into()).await;
        anyhow::Ok((before?, bed.cpu()?, bed.watch.received() - received))
    });
    let (written, (before, after, received)) = (written?, used?);
    // The subscribers are spread over the vaults evenly, and so are the mutations over time.
    let each = (size.clients / size.vaults) as u64;
    let expected = written.count * each;
    let settled = bed.watch.settle(expected, DRAIN).await?;
    // A peer's loss is a figure of its own; that of a target which must not lose any is the end of the run.
    ensure!(
        settled == expected || target.may_lose(),
        "the subscribers received {settled} events where {expected} were expected"
    );
    drop(subscribers);
    let latency = bed.watch.latency();
    bed.end(lab).await?;
    let (deliveries, time) = (received as f64, size.time.as_secs_f64());
    Ok(figures([
        ("delivery_p50_ms", quantile_ms(&latency, 0.5)),
        ("delivery_p99_ms", quantile_ms(&latency, 0.99)),
        ("delivery_max_ms", quantile_ms(&latency, 1.0)),
        ("deliveries_per_s", deliveries / time),
        ("lost_share", (expected as f64 - settled as f64) / expected as f64),
        ("rest_p99_ms", quantile_ms(&written.latency, 0.99)),
        ("server_cpu_share", (after.server - before.server) / time),
        ("postgres_cpu_share", (after.postgres - before.postgres) / time),
        ("generator_us_per_delivery", (after.generator - before.generator) / deliveries * 1e6),
        ("server_us_per_delivery", (after.server - before.server) / deliveries * 1e6),
    ]))
}
