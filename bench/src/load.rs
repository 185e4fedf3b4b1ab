//! Mutations through REST. Open loop: each is due at its own time whatever the server does, and is timed from then, so
//! that a stalled server cannot hide its delays. Closed loop: each connection sends the next when the last is answered.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use hdrhistogram::Histogram;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

use crate::http::Http;
use crate::watch::{Watch, histogram, record};

/// Which mutations, and by whom: connection i is session i of the list, at node i.
pub struct Writers {
    pub nodes: Vec<SocketAddr>,
    pub cookies: Vec<String>,
    pub vaults: Arc<Vec<String>>,
    pub watch: Arc<Watch>,
}

/// What was done.
pub struct Written {
    /// Answered 201, the warm-up included.
    pub count: u64,
    /// Answered 201 in the measured time.
    pub timed: u64,
    /// Of the measured ones, in microseconds.
    pub latency: Histogram<u64>,
}

impl Written {
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
        // Both have the same bounds.
        self.latency.add(&other.latency).ok();
        self
    }
}

/// One connection and the vaults it takes in turn.
struct Writer {
    http: Http,
    cookie: String,
    vaults: Arc<Vec<String>>,
    watch: Arc<Watch>,
    next: usize,
}

impl Writer {
    /// Any order would do that spreads over all vaults; this stride meets each before it comes back.
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

    /// As many as `connections` can, until `until`; measured from `from`.
    ///
    /// # Errors
    /// A mutation is refused.
    pub async fn closed(&self, connections: usize, from: Instant, until: Instant) -> Result<Written> {
        let mut tasks = JoinSet::new();
        for mut writer in self.connect(connections).await? {
            tasks.spawn(async move {
                let mut written = Written::new();
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

    /// `rate` a second by `connections`, until `until`; measured from `from`.
    ///
    /// # Errors
    /// A mutation is refused.
    pub async fn open(&self, connections: usize, rate: f64, from: Instant, until: Instant) -> Result<Written> {
        let mut tasks = JoinSet::new();
        let mut queues = Vec::new();
        for mut writer in self.connect(connections).await? {
            let (queue, mut dues) = mpsc::unbounded_channel::<Instant>();
            queues.push(queue);
            tasks.spawn(async move {
                let mut written = Written::new();
                while let Some(due) = dues.recv().await {
                    writer.send(due).await?;
                    written.add(due, from);
                }
                Ok(written)
            });
        }
        // A thread of its own: the runtime's clock ticks in milliseconds, and waits while the runtime is busy.
        let clock = std::thread::spawn(move || dispatch(&queues, rate, until));
        let written = gather(tasks).await;
        clock.join().ok().context("the clock of the mutations failed")?;
        written
    }
}

fn dispatch(queues: &[mpsc::UnboundedSender<Instant>], rate: f64, until: Instant) {
    let start = Instant::now();
    for number in 0_u32.. {
        let due = start + Duration::from_secs_f64(f64::from(number) / rate);
        if due >= until {
            return;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        // A writer that failed says so itself.
        queues[number as usize % queues.len()].send(due).ok();
    }
}

async fn gather(mut tasks: JoinSet<Result<Written>>) -> Result<Written> {
    let mut all = Written::new();
    while let Some(done) = tasks.join_next().await {
        all = all.merge(&done??);
    }
    Ok(all)
}
