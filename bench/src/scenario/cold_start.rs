//! The time from the start of the program until it is ready, with a migrated database.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use super::size::Size;
use crate::environment::Environment;
use crate::http::Http;
use crate::process;
use crate::results::{Figures, figures};
use crate::target::{Running, Target};
use crate::template::template;

/// Longer than any start takes.
const READY_TIMEOUT_S: f64 = 20.0;

pub async fn run(environment: &mut Environment, target: Target, size: Size) -> Result<Figures> {
    let template = template(environment, target, size.shape()).await?;
    let database = environment.cluster.fresh_name();
    environment.cluster.create(&database, Some(&template)).await?;
    let began = Instant::now();
    let running = Running::start(target, &environment.programs, &environment.cluster.url(&database)).await?;
    let listening = began.elapsed().as_secs_f64();
    let mut http = Http::connect(running.nodes[0]).await?;
    while http.get("/readyz", "").await?.status != 200 {
        ensure!(began.elapsed().as_secs_f64() < READY_TIMEOUT_S, "the server did not become ready in time");
        sleep(Duration::from_millis(1)).await;
    }
    let ready = began.elapsed().as_secs_f64();
    let rss = process::rss_kib(&running.pids())?;
    running.stop().await?;
    environment.cluster.drop(&database).await?;
    Ok(figures([("listening_ms", listening * 1e3), ("ready_ms", ready * 1e3), ("rss_mib", rss / 1024.0)]))
}
