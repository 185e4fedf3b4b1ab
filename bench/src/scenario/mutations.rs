//! How many mutations a second: closed loop, authenticated, with nobody subscribed.

use std::time::Instant;

use anyhow::{Result, ensure};

use super::Size;
use crate::bed::{Bed, Lab, template};
use crate::database;
use crate::pgbench;
use crate::results::{Figures, figures};
use crate::target::Target;
use crate::watch::quantile_ms;

pub async fn run(lab: &mut Lab, target: Target, size: Size) -> Result<Figures> {
    if target == Target::Pgbench {
        let template = template(lab, target, size.shape()).await?;
        let database = lab.cluster.fresh_name();
        lab.cluster.create(&database, Some(&template)).await?;
        let run = pgbench::run(lab, &database, size.shape(), size.clients, size.time).await?;
        lab.cluster.drop(&database).await?;
        return Ok(run);
    }
    let bed = Bed::make(lab, target, size.shape()).await?;
    let run = measure(&bed, size).await?;
    bed.end(lab).await?;
    Ok(run)
}

/// Mutates until the time is over, and sees that nothing was acknowledged in vain.
pub async fn measure(bed: &Bed, size: Size) -> Result<Figures> {
    let had = database::sources(&bed.url).await?;
    let from = Instant::now() + size.warm_up;
    let until = from + size.time;
    let writers = bed.writers();
    let (written, used) = tokio::join!(writers.closed(size.clients, from, until), async {
        tokio::time::sleep_until(from.into()).await;
        let before = bed.cpu();
        tokio::time::sleep_until(until.into()).await;
        anyhow::Ok((before?, bed.cpu()?))
    });
    let (written, (before, after)) = (written?, used?);
    let kept = database::sources(&bed.url).await? - had;
    ensure!(kept == written.count, "{} mutations were acknowledged, and {kept} are there", written.count);
    let count = written.timed as f64;
    Ok(figures([
        ("mutations_per_s", count / size.time.as_secs_f64()),
        ("rest_p50_ms", quantile_ms(&written.latency, 0.5)),
        ("rest_p99_ms", quantile_ms(&written.latency, 0.99)),
        ("server_us_per_mutation", (after.server - before.server) / count * 1e6),
        ("postgres_us_per_mutation", (after.postgres - before.postgres) / count * 1e6),
    ]))
}
