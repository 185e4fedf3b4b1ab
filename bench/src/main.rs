//! Measures SyncScript, its peers and the ceilings on one machine. `scripts/bench` sets up and calls this program.
//!
//! A run starts one target on its own database, signs users in, joins subscribers, mutates through REST, and reads the cost of
//! the processes from outside. A run fails if the target loses an event, or acknowledges a mutation that the database does
//! not have. Load goes to the loopback interface only, and ends by itself.

mod bare;
mod database;
mod environment;
mod http;
mod load;
mod pgbench;
mod process;
mod report;
mod results;
mod scenario;
mod socket;
mod subscribers;
mod target;
mod template;
mod testbed;
mod users;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::database::Cluster;
use crate::environment::Environment;
use crate::scenario::size::SizeOverrides;
use crate::scenario::{Options, Scenario};
use crate::target::{Programs, Target};

/// Measures SyncScript, its peers and the ceilings on one machine
#[derive(Debug, Parser)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs scenarios, and writes one JSON file per scenario
    Run(Box<RunArgs>),
    /// Writes docs/performance.md and its charts from the JSON files
    Report {
        /// The folder of the JSON files
        #[arg(long)]
        results: PathBuf,
        /// The folder of the documentation
        #[arg(long)]
        docs: PathBuf,
    },
    /// Serves one of the ceilings of delivery
    #[command(hide = true)]
    Bare {
        #[arg(value_enum)]
        target: Target,
    },
}

#[derive(Debug, Args)]
struct RunArgs {
    /// The scenarios to run (default: all)
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Uses small sizes, to check that everything works
    #[arg(long)]
    quick: bool,
    /// Only these targets, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    targets: Vec<Target>,
    #[command(flatten)]
    overrides: SizeOverrides,
    /// The server program, a release build
    #[arg(long)]
    server: PathBuf,
    /// The folder of the peers
    #[arg(long)]
    peers: PathBuf,
    /// The pgbench program
    #[arg(long)]
    pgbench: PathBuf,
    /// The process id of PostgreSQL
    #[arg(long)]
    postgres_pid: u32,
    /// A PostgreSQL on this machine, as a superuser
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// The folder for the JSON files
    #[arg(long)]
    out: PathBuf,
    /// The log file of the targets
    #[arg(long)]
    log: PathBuf,
    /// Versions to record, as name=value
    #[arg(long = "version-of", value_name = "NAME=VALUE")]
    versions: Vec<String>,
}

/// Uses one thread, so that the target has at least one of the two cores to itself.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let done = match Cli::parse().command {
        Command::Run(args) => until_stopped(run(*args)).await,
        Command::Report { results, docs } => report::write(&results, &docs),
        Command::Bare { target } => bare_on_all_cores(target),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("syncscript-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Runs until a signal arrives. Dropping the run kills the targets.
async fn until_stopped(run: impl Future<Output = Result<()>>) -> Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        done = run => done,
        _ = terminate.recv() => anyhow::bail!("stopped"),
        _ = interrupt.recv() => anyhow::bail!("stopped"),
    }
}

/// Serves a ceiling with one thread per core, as a server has by default.
fn bare_on_all_cores(target: Target) -> Result<()> {
    let serving = std::thread::spawn(move || {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(bare::serve(target))
    });
    serving.join().map_err(|_| anyhow::anyhow!("the server panicked"))?
}

async fn run(args: RunArgs) -> Result<()> {
    let cluster = Cluster::new(&args.database_url)?;
    let mut machine: BTreeMap<String, String> = process::machine()?.into_iter().collect();
    machine.insert("PostgreSQL".to_owned(), cluster.version().await?);
    machine.extend(
        args.versions.iter().filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())),
    );
    let programs = Programs { server: args.server, peers: args.peers, log: args.log, pgbench: args.pgbench };
    let mut environment = Environment { cluster, programs, postgres_pid: args.postgres_pid };
    let options = Options { quick: args.quick, targets: args.targets, overrides: args.overrides, machine };
    let all = if args.scenarios.is_empty() { Scenario::value_variants().to_vec() } else { args.scenarios };
    let mut failed = Vec::new();
    for scenario in all {
        match scenario.run(&mut environment, &options).await {
            Ok(outcome) => outcome.write(&args.out)?,
            // The other scenarios still run.
            Err(error) => {
                eprintln!("FAILED: {error:#}");
                failed.push(scenario.name());
            }
        }
    }
    anyhow::ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}
