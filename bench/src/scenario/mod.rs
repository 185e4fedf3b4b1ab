//! The scenarios. Each run has a target of its own on a database of its own; runs alternate between targets.

mod cold_start;
mod fanout;
mod growth;
mod memory;
mod mutations;
mod quiet;
mod storm;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tokio::time::timeout;

use crate::bed::Lab;
use crate::results::{Figures, Outcome, Series};
use crate::target::Target;

/// What can be measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Scenario {
    /// 32 connections mutate 1000 vaults as fast as they can
    Mutations,
    /// 32 connections mutate one vault
    HotVault,
    /// 1000 subscribers in one vault at 50 mutations/s
    Fanout,
    /// 100 vaults with 10 subscribers each at 500 mutations/s
    Spread,
    /// Processor time of a server for one delivery
    DeliveryCost,
    /// 10 000 idle sockets in one vault
    Memory,
    /// 1000 clients with 100 missed events each come back at once
    Storm,
    /// 10 000 vaults in use, and no traffic
    Quiet,
    /// Append and catch-up with a large outbox and an empty one
    Growth,
    /// From start to ready
    ColdStart,
}

/// No run takes so long, unless something hangs. Filling ten million rows takes minutes.
const LONGEST: Duration = Duration::from_secs(900);

/// How large.
#[derive(Debug, Clone, Copy)]
pub struct Size {
    /// Runs of each target.
    pub runs: usize,
    /// Measured, after the warm-up.
    pub time: Duration,
    pub warm_up: Duration,
    pub vaults: usize,
    pub users: usize,
    /// Subscribers, or connections that mutate.
    pub clients: usize,
    /// Mutations a second.
    pub rate: f64,
    /// Rows of the large outbox.
    pub rows: u64,
}

/// What the command line changes of a size.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub struct Changes {
    /// Runs of each target
    #[arg(long)]
    runs: Option<usize>,
    /// Seconds that are measured in each run, at most 120
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=120))]
    seconds: Option<u64>,
    /// Subscribers, or connections that mutate; at most 15 000
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=15_000))]
    clients: Option<u64>,
    /// Mutations a second, at most 20 000
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=20_000))]
    rate: Option<u64>,
    /// Rows of the large outbox (growth), at most 20 000 000
    #[arg(long, value_parser = clap::value_parser!(u64).range(1000..=20_000_000))]
    rows: Option<u64>,
}

impl Scenario {
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whom it is about, in the order of the runs.
    const fn targets(self) -> &'static [Target] {
        use Target::{BareSocketioxide, BareTcp, PeerAdapter, PeerOutbox, PeerPackage, PeerPlan, Pgbench, Syncscript};
        match self {
            Self::Mutations | Self::HotVault => &[Syncscript, Pgbench, PeerPlan, PeerOutbox, PeerAdapter, PeerPackage],
            Self::Fanout | Self::Spread => &[Syncscript, PeerPlan, PeerOutbox, PeerAdapter, PeerPackage],
            Self::DeliveryCost => &[Syncscript, PeerPlan, BareSocketioxide, BareTcp],
            Self::Memory | Self::Quiet => &[Syncscript, PeerPlan],
            Self::Storm | Self::Growth | Self::ColdStart => &[Syncscript],
        }
    }

    fn size(self, quick: bool) -> Size {
        let pick = |full, short| if quick { short } else { full };
        let base = Size {
            runs: pick(3, 1),
            time: Duration::from_secs(pick(8, 2) as u64),
            warm_up: Duration::from_secs(pick(2, 1) as u64),
            vaults: 1,
            users: 16,
            clients: 32,
            rate: 50.0,
            rows: 0,
        };
        match self {
            Self::Mutations => Size { vaults: 1000, users: pick(32, 4), ..base },
            Self::HotVault => Size { users: 32, ..base },
            Self::Fanout => Size { clients: pick(1000, 300), ..base },
            Self::DeliveryCost => Size { clients: pick(1000, 300), ..base },
            Self::Spread => Size {
                vaults: pick(100, 50),
                clients: pick(1000, 500),
                rate: if quick { 200.0 } else { 500.0 },
                ..base
            },
            Self::Memory => Size { users: pick(200, 20), clients: pick(10_000, 2000), ..base },
            Self::Storm => Size { clients: pick(1000, 300), vaults: 2, ..base },
            Self::Quiet => Size {
                vaults: pick(10_000, 2000),
                users: 2,
                clients: pick(1000, 200),
                runs: 1,
                time: Duration::from_secs(pick(20, 5) as u64),
                ..base
            },
            Self::Growth => Size { vaults: pick(1000, 100), users: 4, rows: pick(1_000_000, 50_000) as u64, ..base },
            Self::ColdStart => Size { runs: pick(10, 3), ..base },
        }
    }

    /// Runs it, each target in turn, and again.
    pub async fn run(self, lab: &mut Lab, options: &Options) -> Result<Outcome> {
        let size = options.changes.apply(self.size(options.quick));
        let chosen = |target: &&Target| options.targets.is_empty() || options.targets.contains(target);
        let targets: Vec<Target> = self.targets().iter().filter(chosen).copied().collect();
        if targets.is_empty() {
            bail!("{} has none of these targets; it is about {}", self.name(), names(self.targets()));
        }
        let mut all: Vec<Series> = self.series(&targets);
        for number in 1..=size.runs {
            for (index, target) in targets.iter().enumerate() {
                let began = Instant::now();
                let runs = timeout(LONGEST, self.once(lab, *target, size)).await;
                let runs = runs.unwrap_or_else(|_| Err(anyhow::anyhow!("it took more than {LONGEST:?}")));
                let runs = runs.with_context(|| format!("{}, {}, run {number}", self.name(), target.name()))?;
                for (offset, run) in runs.into_iter().enumerate() {
                    let series = &mut all[index + offset];
                    let (scenario, name, took) = (self.name(), &series.name, began.elapsed().as_secs());
                    eprintln!("{scenario:<14} {name:<18} run {number}, {took:>2} s: {}", line(&run));
                    series.add(run);
                }
            }
        }
        let (scenario, quick, machine) = (self.name(), options.quick, options.machine.clone());
        Ok(Outcome { scenario, quick, machine, settings: size.settings(), targets: all })
    }

    /// Growth measures its one target twice, and compares it with itself.
    fn series(self, targets: &[Target]) -> Vec<Series> {
        if self == Self::Growth {
            return ["small-log", "large-log"].map(|name| Series::new(name.to_owned())).into();
        }
        targets.iter().map(|target| Series::new(target.name())).collect()
    }

    async fn once(self, lab: &mut Lab, target: Target, size: Size) -> Result<Vec<Figures>> {
        Ok(vec![match self {
            Self::Mutations | Self::HotVault => mutations::run(lab, target, size).await?,
            Self::Fanout | Self::Spread | Self::DeliveryCost => fanout::run(lab, target, size).await?,
            Self::Memory => memory::run(lab, target, size).await?,
            Self::Storm => storm::run(lab, target, size).await?,
            Self::Quiet => quiet::run(lab, target, size).await?,
            Self::Growth => return growth::run(lab, target, size).await,
            Self::ColdStart => cold_start::run(lab, target, size).await?,
        }])
    }
}

/// What all scenarios of one call share.
pub struct Options {
    pub quick: bool,
    pub targets: Vec<Target>,
    pub changes: Changes,
    pub machine: BTreeMap<String, String>,
}

impl Changes {
    fn apply(self, mut size: Size) -> Size {
        size.runs = self.runs.unwrap_or(size.runs);
        size.time = self.seconds.map_or(size.time, Duration::from_secs);
        size.clients = self.clients.map_or(size.clients, |clients| clients as usize);
        size.rate = self.rate.map_or(size.rate, |rate| rate as f64);
        size.rows = self.rows.unwrap_or(size.rows);
        size
    }
}

impl Size {
    fn settings(self) -> BTreeMap<String, f64> {
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

    pub const fn shape(&self) -> crate::bed::Shape {
        crate::bed::Shape { vaults: self.vaults, users: self.users }
    }
}

fn names(targets: &[Target]) -> String {
    targets.iter().map(|target| target.name()).collect::<Vec<_>>().join(", ")
}

fn line(run: &Figures) -> String {
    run.iter().map(|(name, value)| format!("{name}={value:.2}")).collect::<Vec<_>>().join(" ")
}
