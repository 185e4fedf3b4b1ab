//! The scenarios. Each run starts its own target on its own database. Runs alternate between the targets.

mod cold_start;
mod fanout;
mod growth;
mod memory;
mod mutations;
mod quiet;
pub mod size;
mod storm;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use tokio::time::timeout;

use self::size::{Size, SizeOverrides};
use crate::environment::Environment;
use crate::results::{Figures, Outcome, Series};
use crate::target::Target;

/// A scenario.
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
    /// A server's processor time per delivery
    DeliveryCost,
    /// 10 000 idle sockets in one vault
    Memory,
    /// 1000 clients that missed 100 events each reconnect at once
    Storm,
    /// 10 000 vaults with subscribers and no traffic
    Quiet,
    /// Append and catch-up with a large and a small outbox
    Growth,
    /// From the start of the process until the server is ready
    ColdStart,
}

/// A run that takes longer hangs. Filling ten million rows takes minutes.
const RUN_TIMEOUT: Duration = Duration::from_secs(900);

impl Scenario {
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Returns the targets of the scenario, in the order of the runs.
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

    /// Runs the scenario: every target in turn, then the next round.
    ///
    /// # Errors
    /// If a run fails, or if the scenario has none of the chosen targets.
    pub async fn run(self, environment: &mut Environment, options: &Options) -> Result<Outcome> {
        let size = options.overrides.apply(self.size(options.quick));
        let chosen = |target: &&Target| options.targets.is_empty() || options.targets.contains(target);
        let targets: Vec<Target> = self.targets().iter().filter(chosen).copied().collect();
        if targets.is_empty() {
            bail!("{} has none of these targets, only {}", self.name(), join_names(self.targets()));
        }
        let mut all: Vec<Series> = self.series(&targets);
        for number in 1..=size.runs {
            for (index, target) in targets.iter().enumerate() {
                let began = Instant::now();
                let runs = timeout(RUN_TIMEOUT, self.run_once(environment, *target, size)).await;
                let runs = runs.unwrap_or_else(|_| Err(anyhow::anyhow!("the run took more than {RUN_TIMEOUT:?}")));
                let runs = runs.with_context(|| format!("{}, {}, run {number}", self.name(), target.name()))?;
                for (offset, run) in runs.into_iter().enumerate() {
                    let series = &mut all[index + offset];
                    let (scenario, name, took) = (self.name(), &series.name, began.elapsed().as_secs());
                    eprintln!("{scenario:<14} {name:<18} run {number}, {took:>2} s: {}", format_figures(&run));
                    series.add(run);
                }
            }
        }
        let (scenario, quick, machine) = (self.name(), options.quick, options.machine.clone());
        Ok(Outcome { scenario, quick, machine, settings: size.settings(), targets: all })
    }

    /// Returns an empty series for each target. Growth instead measures its one target twice, and compares the two.
    fn series(self, targets: &[Target]) -> Vec<Series> {
        if self == Self::Growth {
            return ["small-log", "large-log"].map(|name| Series::new(name.to_owned())).into();
        }
        targets.iter().map(|target| Series::new(target.name())).collect()
    }

    async fn run_once(self, environment: &mut Environment, target: Target, size: Size) -> Result<Vec<Figures>> {
        Ok(vec![match self {
            Self::Mutations | Self::HotVault => mutations::run(environment, target, size).await?,
            Self::Fanout | Self::Spread | Self::DeliveryCost => fanout::run(environment, target, size).await?,
            Self::Memory => memory::run(environment, target, size).await?,
            Self::Storm => storm::run(environment, target, size).await?,
            Self::Quiet => quiet::run(environment, target, size).await?,
            Self::Growth => return growth::run(environment, target, size).await,
            Self::ColdStart => cold_start::run(environment, target, size).await?,
        }])
    }
}

/// The options that all scenarios share.
pub struct Options {
    pub quick: bool,
    pub targets: Vec<Target>,
    pub overrides: SizeOverrides,
    pub machine: BTreeMap<String, String>,
}

fn join_names(targets: &[Target]) -> String {
    targets.iter().map(|target| target.name()).collect::<Vec<_>>().join(", ")
}

fn format_figures(run: &Figures) -> String {
    run.iter().map(|(name, value)| format!("{name}={value:.2}")).collect::<Vec<_>>().join(" ")
}
