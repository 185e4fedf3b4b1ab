//! Measures SyncScript, its peers and the ceilings, side by side on one machine. `scripts/bench` prepares and calls it.
//!
//! A run starts one target on a database of its own, signs users in, joins subscribers, mutates through REST, and looks
//! at what the processes cost from outside. A run that loses an event, or acknowledges a mutation that is not there, is
//! a failure. Load goes to the loopback interface only, and ends by itself.

mod bare;
mod bed;
mod database;
mod http;
mod load;
mod pgbench;
mod proc;
mod report;
mod results;
mod scenario;
mod socket;
mod target;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, Parser, Subcommand, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use crate::bed::Lab;
use crate::database::Cluster;
use crate::scenario::{Changes, Options, Scenario};
use crate::target::{Programs, Target};

/// Measures SyncScript, its peers and the ceilings, side by side on one machine.
#[derive(Debug, Parser)]
#[command(arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Runs scenarios, and writes a JSON file for each
    Run(Box<RunArgs>),
    /// Writes docs/performance.md and its charts from the JSON files
    Report {
        /// Where the JSON files are
        #[arg(long)]
        results: PathBuf,
        /// The folder of documentation to write to
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
    /// Which; without any, all
    #[arg(value_enum)]
    scenarios: Vec<Scenario>,
    /// Small sizes: to see that all of it works
    #[arg(long)]
    quick: bool,
    /// Only these targets, separated by commas
    #[arg(long, value_enum, value_delimiter = ',')]
    targets: Vec<Target>,
    #[command(flatten)]
    changes: Changes,
    /// The server's program, a release build
    #[arg(long)]
    server: PathBuf,
    /// The folder of the peers
    #[arg(long)]
    peers: PathBuf,
    /// pgbench
    #[arg(long)]
    pgbench: PathBuf,
    /// The process id of PostgreSQL
    #[arg(long)]
    postgres_pid: u32,
    /// PostgreSQL, as a superuser; on this machine
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: String,
    /// Where the JSON files go
    #[arg(long)]
    out: PathBuf,
    /// Where the targets' logs go
    #[arg(long)]
    log: PathBuf,
    /// Versions to write down, as name=value
    #[arg(long = "version-of", value_name = "NAME=VALUE")]
    versions: Vec<String>,
}

/// One thread: the generator shares two cores with what it measures, and is to leave it one of its own.
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

/// A signal ends it; dropping what runs kills the targets.
async fn until_stopped(run: impl Future<Output = Result<()>>) -> Result<()> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    tokio::select! {
        done = run => done,
        _ = terminate.recv() => anyhow::bail!("stopped"),
        _ = interrupt.recv() => anyhow::bail!("stopped"),
    }
}

/// The ceilings get the threads that a server has by default.
fn bare_on_all_cores(target: Target) -> Result<()> {
    let serving = std::thread::spawn(move || {
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(bare::serve(target))
    });
    serving.join().map_err(|_| anyhow::anyhow!("the server failed"))?
}

async fn run(args: RunArgs) -> Result<()> {
    let cluster = Cluster::new(&args.database_url)?;
    let mut machine: BTreeMap<String, String> = proc::machine().into_iter().collect();
    machine.insert("PostgreSQL".to_owned(), cluster.version().await?);
    machine.extend(
        args.versions.iter().filter_map(|pair| pair.split_once('=')).map(|(n, v)| (n.to_owned(), v.to_owned())),
    );
    let programs = Programs { server: args.server, peers: args.peers, log: args.log, pgbench: args.pgbench };
    let mut lab = Lab { cluster, programs, postgres: args.postgres_pid };
    let options = Options { quick: args.quick, targets: args.targets, changes: args.changes, machine };
    let all = if args.scenarios.is_empty() { Scenario::value_variants().to_vec() } else { args.scenarios };
    let mut failed = Vec::new();
    for scenario in all {
        match scenario.run(&mut lab, &options).await {
            Ok(outcome) => outcome.write(&args.out)?,
            // The others are worth knowing all the same.
            Err(error) => {
                eprintln!("FAILED: {error:#}");
                failed.push(scenario.name());
            }
        }
    }
    anyhow::ensure!(failed.is_empty(), "failed: {}", failed.join(", "));
    Ok(())
}
