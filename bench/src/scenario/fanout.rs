//! The latency from a mutation to its subscribers, in an open loop, so that a server that falls behind shows higher latencies.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use super::size::Size;
use crate::environment::Environment;
use crate::process;
use crate::results::{Figures, figures};
use crate::target::Target;
use crate::testbed::Testbed;
use crate::watch::quantile_ms;

/// Number of connections that mutate.
const WRITERS: usize = 16;
/// How long to wait for the last events.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);

pub async fn run(environment: &mut Environment, target: Target, size: Size) -> Result<Figures> {
    process::check_open_files(size.clients)?;
    let testbed = Testbed::start(environment, target, size.shape()).await?;
    let subscribers = testbed.subscribe(size.clients).await?;
    let from = Instant::now() + size.warm_up;
    let until = from + size.time;
    testbed.watch.time_from(from);
    let writers = testbed.writers();
    let (written, used) = tokio::join!(writers.run_open_loop(WRITERS, size.rate, from, until), async {
        tokio::time::sleep_until(from.into()).await;
        let (before, received) = (testbed.cpu(), testbed.watch.received());
        tokio::time::sleep_until(until.into()).await;
        anyhow::Ok((before?, testbed.cpu()?, testbed.watch.received() - received))
    });
    let (written, (before, after, received)) = (written?, used?);
    // Subscribers and mutations are spread evenly over the vaults.
    let subscribers_per_vault = (size.clients / size.vaults) as u64;
    let expected = written.count * subscribers_per_vault;
    let settled = testbed.watch.settle(expected, DRAIN_TIMEOUT).await?;
    // The loss of a peer that may lose events is a figure. For any other target, a loss fails the run.
    ensure!(
        settled == expected || target.may_lose(),
        "the subscribers received {settled} events instead of {expected}"
    );
    drop(subscribers);
    let latency = testbed.watch.latency();
    testbed.stop(environment).await?;
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
