//! Mutations through REST.
//!
//! Open loop: every mutation has a scheduled time that does not depend on the server, and its latency counts from that time.
//! A stalled server therefore cannot hide its delays. Closed loop: each connection sends the next mutation as soon as it has
//! the response to the last.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::http::Http;
use crate::watch::{Watch, histogram, record};

/// The sessions, nodes and vaults of the mutations. Connection i uses session i and node i, wrapping around.
pub struct Writers {
    pub nodes: Vec<SocketAddr>,
    pub cookies: Vec<String>,
    pub vaults: Arc<Vec<String>>,
    pub watch: Arc<Watch>,
}

/// The acknowledged mutations of a run.
pub struct LoadResult {
    /// All mutations, including the warm-up.
    pub count: u64,
    /// The mutations in the measured time.
    pub timed: u64,
    /// Latencies of the measured mutations, in microseconds.
    pub latency: Histogram<u64>,
}

impl LoadResult {
    fn new() -> Self {
        Self { count: 0, timed: 0, latency: histogram() }
    }

    fn add(&mut self, due: Instant, from: Instant) {
        self.count += 1;
        if due >= from {
            self.timed += 1;
            record(&mut self.latency, due.elapsed());
        }
    }

    fn merge(mut self, other: &Self) -> Self {
        self.count += other.count;
        self.timed += other.timed;
        // Cannot fail, because both have the same bounds.
        self.latency.add(&other.latency).ok();
        self
    }
}

/// One connection, which mutates the vaults in turn.
struct Writer {
    http: Http,
    cookie: String,
    vaults: Arc<Vec<String>>,
    watch: Arc<Watch>,
    next: usize,
}

impl Writer {
    /// A prime, so that a writer visits every vault before it returns to the first.
    const STRIDE: usize = 7919;

    async fn send(&mut self, due: Instant) -> Result<()> {
        let vault = &self.vaults[self.next % self.vaults.len()];
        self.next += Self::STRIDE;
        let title = self.watch.title(due);
        let body = format!(r#"{{"title":"{title}","fileUrl":"https://example.com/papers/2026/a-paper.pdf"}}"#);
        let path = format!("/api/vaults/{vault}/sources");
        self.http.post(&path, &self.cookie, body.as_bytes()).await?.expect(201)?;
        Ok(())
    }
}

impl Writers {
    async fn connect(&self, count: usize) -> Result<Vec<Writer>> {
        let mut writers = Vec::with_capacity(count);
        for index in 0..count {
            writers.push(Writer {
                http: Http::connect(self.nodes[index % self.nodes.len()]).await?,
                cookie: self.cookies[index % self.cookies.len()].clone(),
                vaults: Arc::clone(&self.vaults),
                watch: Arc::clone(&self.watch),
                next: index * 31,
            });
        }
        Ok(writers)
    }

    /// Mutates in a closed loop on `connections` connections until `until`. Measures from `from` on.
    ///
    /// # Errors
    /// If a mutation is rejected.
    pub async fn run_closed_loop(&self, connections: usize, from: Instant, until: Instant) -> Result<LoadResult> {
        let mut tasks = JoinSet::new();
        for mut writer in self.connect(connections).await? {
            tasks.spawn(async move {
                let mut written = LoadResult::new();
                while Instant::now() < until {
                    let due = Instant::now();
                    writer.send(due).await?;
                    written.add(due, from);
                }
                Ok(written)
            });
        }
        gather(tasks).await
    }

    /// Mutates in an open loop at `rate` mutations per second on `connections` connections until `until`. Measures from
    /// `from` on.
    ///
    /// # Errors
    /// If a mutation is rejected.
    pub async fn run_open_loop(
        &self,
        connections: usize,
        rate: f64,
        from: Instant,
        until: Instant,
    ) -> Result<LoadResult> {
        let mut tasks = JoinSet::new();
        let mut queues = Vec::new();
        for mut writer in self.connect(connections).await? {
            let (queue, mut dues) = mpsc::unbounded_channel::<Instant>();
            queues.push(queue);
            tasks.spawn(async move {
                let mut written = LoadResult::new();
                while let Some(due) = dues.recv().await {
                    writer.send(due).await?;
                    written.add(due, from);
                }
                Ok(written)
            });
        }
        // A separate thread: the runtime's timer has a resolution of 1 ms and is late while the runtime is busy.
        let clock = std::thread::spawn(move || schedule(&queues, rate, until));
        let written = gather(tasks).await;
        clock.join().ok().context("the thread that schedules the mutations panicked")?;
        written
    }
}

fn schedule(queues: &[mpsc::UnboundedSender<Instant>], rate: f64, until: Instant) {
    let start = Instant::now();
    for number in 0_u32.. {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        if due >= until {
            return;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // A closed queue means that its writer has failed, and the writer reports that.
        queues[number as usize % queues.len()].send(due).ok();
    }
}

async fn gather(mut tasks: JoinSet<Result<LoadResult>>) -> Result<LoadResult> {
    let mut all = LoadResult::new();
    while let Some(done) = tasks.join_next().await {
        all = all.merge(&done??);
    }
    Ok(all)
}
