//! From the start of the program to ready, with a migrated database.

use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use tokio::time::sleep;

use super::Size;
use crate::bed::{Lab, seconds, template};
use crate::http::Http;
use crate::proc;
use crate::results::{Figures, figures};
use crate::target::{Running, Target};

/// No start takes so long.
const GIVE_UP_S: f64 = 20.0;

pub async fn run(lab: &mut Lab, target: Target, size: Size) -> Result<Figures> {
    let template = template(lab, target, size.shape()).await?;
    let database = lab.cluster.fresh_name();
    lab.cluster.create(&database, Some(&template)).await?;
    let began = Instant::now();
    let running = Running::start(target, &lab.programs, &lab.cluster.url(&database)).await?;
    let listening = seconds(began);
    let mut http = Http::connect(running.nodes[0]).await?;
    while http.get("/readyz", "").await?.status != 200 {
        ensure!(seconds(began) < GIVE_UP_S, "the server does not become ready");
        sleep(Duration::from_millis(1)).await;
    }
    let ready = seconds(began);
    let rss = proc::rss_kib(&running.pids())?;
    running.stop().await?;
    lab.cluster.drop(&database).await?;
    Ok(figures([("listening_ms", listening * 1e3), ("ready_ms", ready * 1e3), ("rss_mib", rss / 1024.0)]))
}
