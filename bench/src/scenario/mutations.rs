//! Mutations per second: in a closed loop, authenticated, without subscribers.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::size::Size;
use crate::database;
use crate::environment::Environment;
use crate::pgbench;
use crate::results::{Figures, figures};
use crate::target::Target;
use crate::template::template;
use crate::testbed::Testbed;
use crate::watch::quantile_ms;

pub async fn run(environment: &mut Environment, target: Target, size: Size) -> Result<Figures> {
    if target == Target::Pgbench {
        let template = template(environment, target, size.shape()).await?;
        let database = environment.cluster.fresh_name();
        environment.cluster.create(&database, Some(&template)).await?;
        let run = pgbench::run(environment, &database, size.shape(), size.clients, size.time).await?;
        environment.cluster.drop(&database).await?;
        return Ok(run);
    }
    let testbed = Testbed::start(environment, target, size.shape()).await?;
    let run = measure(&testbed, size).await?;
    testbed.stop(environment).await?;
    Ok(run)
}

/// Mutates for the given time, and checks that the database has every acknowledged mutation.
///
/// # Errors
/// If a mutation is rejected or missing.
pub async fn measure(testbed: &Testbed, size: Size) -> Result<Figures> {
    let sources_before = database::count_sources(&testbed.url).await?;
    let from = Instant::now() + size.warm_up;
    let until = from + size.time;
    let writers = testbed.writers();
    let (written, used) = tokio::join!(writers.run_closed_loop(size.clients, from, until), async {
        tokio::time::sleep_until(from.into()).await;
        let before = testbed.cpu();
        tokio::time::sleep_until(until.into()).await;
        anyhow::Ok((before?, testbed.cpu()?))
    });
    let (written, (before, after)) = (written?, used?);
    let stored = database::count_sources(&testbed.url).await? - sources_before;
    ensure!(stored == written.count, "{} mutations were acknowledged, but the database has {stored}", written.count);
    let count = written.timed as f64;
    Ok(figures([
        ("mutations_per_s", count / size.time.as_secs_f64()),
        ("rest_p50_ms", quantile_ms(&written.latency, 0.5)),
        ("rest_p99_ms", quantile_ms(&written.latency, 0.99)),
        ("server_us_per_mutation", (after.server - before.server) / count * 1e6),
        ("postgres_us_per_mutation", (after.postgres - before.postgres) / count * 1e6),
    ]))
}
