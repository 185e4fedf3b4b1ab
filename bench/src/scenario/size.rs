//! The size of a scenario: runs, duration and load.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::database::Shape;

/// The size of a scenario.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Number of runs per target.
    pub runs: usize,
    /// The measured time, after the warm-up.
    pub time: Duration,
    pub warm_up: Duration,
    pub vaults: usize,
    pub users: usize,
    /// Number of subscribers, or of connections that mutate.
    pub clients: usize,
    /// Mutations per second.
    pub rate: f64,
    /// Number of rows in the large outbox.
    pub rows: u64,
}

/// The changes that the command line makes to a size.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct SizeOverrides {
    /// Number of runs per target
    #[arg(long)]
    runs: Option<usize>,
    /// Measured seconds per run, at most 120
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=120))]
    seconds: Option<u64>,
    /// Number of subscribers, or of connections that mutate; at most 15 000
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=15_000))]
    clients: Option<u64>,
    /// Mutations per second, at most 20 000
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    rate: Option<u64>,
    /// Number of rows in the large outbox (growth), at most 20 000 000
    #[arg(long, value_parser = clap::value_parser!(u64).range(1000..=20_000_000))]
    rows: Option<u64>,
}

impl SizeOverrides {
    /// Returns `size` with these changes.
    pub fn apply(self, mut size: Size) -> Size {
        size.runs = self.runs.unwrap_or(size.runs);
        size.time = self.seconds.map_or(size.time, Duration::from_secs);
        size.clients = self.clients.map_or(size.clients, |clients| clients as usize);
        size.rate = self.rate.map_or(size.rate, |rate| rate as f64);
        size.rows = self.rows.unwrap_or(size.rows);
        size
    }
}

impl Size {
    /// Returns the size as the settings in the results file.
    pub fn settings(self) -> BTreeMap<String, f64> {
        let pairs = [
            ("runs", self.runs as f64),
            ("seconds", self.time.as_secs_f64()),
            ("warmUpSeconds", self.warm_up.as_secs_f64()),
            ("vaults", self.vaults as f64),
            ("users", self.users as f64),
            ("clients", self.clients as f64),
            ("mutationsPerS", self.rate),
            ("rows", self.rows as f64),
        ];
        pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// Returns the shape of the database.
    pub const fn shape(&self) -> Shape {
        Shape { vaults: self.vaults, users: self.users }
    }
}
